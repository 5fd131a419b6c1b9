package messages

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An answer for which there is no room has clients ask again, for what they have asked.
func TestShortenedReplies(t *testing.T) {
	for _, c := range []struct {
		value any
		want  error
	}{
		{&Fetched{}, kerr.NotLeaderForPartition},
		{&ListedOffset{}, kerr.NotLeaderForPartition},
		{kmsg.NewPtrJoinGroupResponse(), kerr.NotCoordinator},
		{nil, kerr.OffsetOutOfRange},
	} {
		r := &Reply{Slot: 4, Value: c.value}
		if c.value == nil {
			r.Err = c.want
		}
		got := r.Shortened().(*Reply)
		if got.Slot != 4 || got.Value != nil || got.Err != c.want {
			t.Errorf("%T: %+v", c.value, got)
		}
	}
}
