package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
)

// Settings are altered by the time of the answer: the node's view has them.
func TestAlterConfigsWaitsForTheView(t *testing.T) {
	for _, q := range []kmsg.Request{kmsg.NewPtrAlterConfigsRequest(), kmsg.NewPtrIncrementalAlterConfigsRequest()} {
		b := newBench(t, nil)
		r := b.send(q)
		b.reply(next[*messages.Coordinate](b).Reply, q.ResponseKind(), nil)
		wait := next[*messages.AwaitLeaders](b)
		if response[kmsg.Response](b, r) != nil {
			t.Errorf("%T was answered before the view has what was altered", q)
		}
		b.reply(wait.Reply, nil, nil)
		if response[kmsg.Response](b, r) == nil {
			t.Errorf("%T is not answered", q)
		}
	}
}
