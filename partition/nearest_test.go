package partition

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A replica that does not lead says only what it is sure of.
func TestFetchFromFollower(t *testing.T) {
	for _, c := range []struct {
		name      string
		q         FetchQuery
		want      error
		diverging kafka.LeaderEpoch
		cold      bool
	}{
		{"below its high watermark", FetchQuery{Offset: 12, LeaderEpoch: 4, LastFetchedEpoch: -1}, nil, kafka.NoEpoch, true},
		{"at its high watermark", FetchQuery{Offset: 20, LeaderEpoch: 4, LastFetchedEpoch: 3}, nil, kafka.NoEpoch, false},
		{"beyond what it has", FetchQuery{Offset: 21, LeaderEpoch: 4, LastFetchedEpoch: -1}, kerr.OffsetNotAvailable, kafka.NoEpoch, false},
		{"before the log", FetchQuery{Offset: 9, LeaderEpoch: 4, LastFetchedEpoch: -1}, kerr.OffsetOutOfRange, kafka.NoEpoch, false},
		{"an older epoch", FetchQuery{Offset: 12, LeaderEpoch: 3, LastFetchedEpoch: -1}, kerr.FencedLeaderEpoch, kafka.NoEpoch, false},
		{"a newer epoch", FetchQuery{Offset: 12, LeaderEpoch: 5, LastFetchedEpoch: -1}, kerr.UnknownLeaderEpoch, kafka.NoEpoch, false},
		{"no epoch", FetchQuery{Offset: 12, LeaderEpoch: kafka.NoEpoch, LastFetchedEpoch: -1}, nil, kafka.NoEpoch, true},
		{"a last epoch that ended earlier", FetchQuery{Offset: 16, LeaderEpoch: 4, LastFetchedEpoch: 1}, nil, 1, false},
		{"a last epoch that may go on", FetchQuery{Offset: 20, LeaderEpoch: 4, LastFetchedEpoch: 3}, nil, kafka.NoEpoch, false},
		{"a last epoch that it has not heard of", FetchQuery{Offset: 12, LeaderEpoch: 4, LastFetchedEpoch: 4}, kerr.OffsetNotAvailable, kafka.NoEpoch, false},
	} {
		p := follower4(t)
		q := c.q
		q.AnyReplica, q.MaxBytes = true, 1000
		p.Fetch(q, 1)
		if len(p.out.Replies) != 1 {
			t.Fatalf("%s: %d answers", c.name, len(p.out.Replies))
		}
		r := p.out.Replies[0]
		if !errors.Is(r.Err, c.want) || c.want == nil && r.Err != nil {
			t.Errorf("%s: %v, want %v", c.name, r.Err, c.want)
		}
		if f, ok := r.Response.(*Fetched); ok && (f.DivergingEpoch != c.diverging || (f.Cold != nil) != c.cold || f.HighWatermark != 20) {
			t.Errorf("%s: %+v", c.name, f)
		}
		q.AnyReplica = false
		p.out = Effects{}
		if p.Fetch(q, 2); len(p.out.Replies) != 1 || !errors.Is(p.out.Replies[0].Err, kerr.NotLeaderForPartition) {
			t.Errorf("%s: it answers in the leader's place", c.name)
		}
	}
}

// follower4 follows in epoch 4; it holds the offsets 10 to 19, those up to 14 of epoch 1, the others of epoch 3.
func follower4(t *testing.T) *Partition {
	t.Helper()
	p, err := Restore(Options{Number: 5, RaftID: 2, Founding: []uint64{1, 2, 3}, ElectionTicks: 10, HeartbeatTicks: 2, Tails: NewTails(1 << 20)},
		&Stored{Hard: HardStateOf{Known: true, HardState: hardStateOfTerm(4)}})
	if err != nil {
		t.Fatal(err)
	}
	p.state.logStart, p.state.highWatermark = 10, 20
	p.state.epochs = []epochStart{{1, 10}, {3, 15}}
	return p
}

func hardStateOfTerm(term consensus.Term) consensus.HardState { return consensus.HardState{Term: term} }
