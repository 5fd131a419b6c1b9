package metadata

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"troupe/partition/kafka"
)

func TestQuorum(t *testing.T) {
	live := func(raftID uint64) Candidate {
		return Candidate{RaftID: raftID, Broker: kafka.BrokerID(raftID), Live: true}
	}
	silent := func(raftID uint64, d time.Duration) Candidate {
		return Candidate{RaftID: raftID, Broker: kafka.BrokerID(raftID), Silent: d}
	}
	draining := func(c Candidate) Candidate { c.Draining = true; return c }
	all := func(c ...Candidate) []Candidate { return c }
	ids := func(i ...uint64) []uint64 { return i }
	for _, test := range []struct {
		name       string
		current    []uint64
		candidates []Candidate
		want       []uint64
	}{
		{"one node", ids(1), all(live(1)), ids(1)},
		{"two nodes", ids(1), all(live(1), live(2)), ids(1)},
		{"three nodes", ids(1), all(live(1), live(2), live(3)), ids(1, 2, 3)},
		{"three nodes, one of them down", ids(1), all(live(1), live(2), silent(3, time.Second)), ids(1)},
		{"four nodes", ids(1, 2, 3), all(live(1), live(2), live(3), live(4)), ids(1, 2, 3)},
		{"the third voter is the lowest broker", ids(1), all(live(1), live(7), Candidate{RaftID: 9, Broker: 2, Live: true}, live(6)), ids(1, 6, 9)},
		{"five nodes", ids(1, 2, 3), all(live(1), live(2), live(3), live(4), live(5)), ids(1, 2, 3, 4, 5)},
		{"five nodes at once", ids(1), all(live(1), live(2), live(3), live(4), live(5)), ids(1, 2, 3, 4, 5)},
		{"six nodes", ids(1, 2, 3, 4, 5), all(live(1), live(2), live(3), live(4), live(5), live(6)), ids(1, 2, 3, 4, 5)},
		{"five voters, two down", ids(1, 2, 3, 4, 5), all(live(1), live(2), live(3), silent(4, time.Hour), silent(5, time.Hour)), ids(1, 2, 3, 4, 5)},
		{"a voter is away", ids(1, 2, 3), all(live(1), live(2), silent(3, 299*time.Second), live(4)), ids(1, 2, 3)},
		{"a voter is away for long", ids(1, 2, 3), all(live(1), live(2), silent(3, 300*time.Second), live(5), live(4)), ids(1, 2, 4)},
		{"away for long, and nobody else", ids(1, 2, 3), all(live(1), live(2), silent(3, time.Hour), silent(4, time.Second)), ids(1, 2, 3)},
		{"two are away for long, one is there", ids(1, 2, 3, 4, 5),
			all(live(1), live(2), live(3), silent(4, time.Hour), silent(5, 2*time.Hour), live(6)), ids(1, 2, 3, 4, 6)},
		{"a voter is gone", ids(1, 2, 3), all(live(1), live(2), live(4)), ids(1, 2, 4)},
		{"a voter is gone, and nobody else", ids(1, 2, 3), all(live(1), live(2)), ids(1, 2, 3)},
		{"a voter has another store", ids(1, 2, 3), all(live(1), live(2), Candidate{RaftID: 4, Broker: 3, Live: true}), ids(1, 2, 4)},
		{"the one that is gone before the one that is silent", ids(1, 2, 3), all(live(1), silent(2, time.Hour), live(4)), ids(1, 2, 4)},
		{"one is gone and five are there", ids(1, 2, 3), all(live(1), live(2), live(4), live(5), live(6)), ids(1, 2, 4, 5, 6)},
		{"one is down and five are there", ids(1, 2, 3), all(live(1), live(2), silent(3, time.Second), live(4), live(5), live(6)), ids(1, 2, 3, 4, 5)},
		{"two voters", ids(1, 2), all(live(1), live(2), silent(3, time.Second)), ids(1)},
		{"two voters and a third", ids(1, 2), all(live(1), live(2), live(3)), ids(1, 2, 3)},
		{"four voters, one gone", ids(1, 2, 3, 4), all(live(1), live(3), live(4)), ids(1, 3, 4)},
		{"a voter is drained", ids(1, 2, 3), all(live(1), draining(live(2)), live(3), live(4)), ids(1, 3, 4)},
		{"a voter that is dead is drained", ids(1, 2, 3), all(live(1), draining(silent(2, time.Second)), live(3), live(4)), ids(1, 3, 4)},
		{"a voter is drained, and nobody else", ids(1, 2, 3), all(live(1), live(2), draining(live(3))), ids(1)},
		{"a voter that is dead is drained, and nobody else", ids(1, 2, 3), all(live(1), live(2), draining(silent(3, time.Hour))), ids(1)},
		{"one of five is drained, and nobody else", ids(1, 2, 3, 4, 5), all(live(1), live(2), draining(live(3)), live(4), live(5)), ids(1, 2, 4)},
		{"the only voter is drained", ids(1), all(draining(live(1)), live(2)), ids(2)},
		{"the only voter is drained, and nobody else", ids(1), all(draining(live(1))), ids(1)},
		{"all are drained", ids(1, 2, 3), all(draining(live(1)), draining(live(2)), draining(live(3))), ids(1, 2, 3)},
		{"the others are not there", ids(1, 2, 3), all(draining(live(1)), draining(live(2)), silent(3, time.Second)), ids(1, 2, 3)},
		{"who is drained gets no vote", ids(1), all(live(1), live(2), draining(live(3))), ids(1)},
		{"one is drained, another one is away for long, one is there", ids(1, 2, 3), all(live(1), silent(2, time.Hour), draining(live(3)), live(4)), ids(1, 2, 4)},
		{"not known yet", nil, all(live(1), live(2), live(3)), nil},
	} {
		current := slices.Clone(test.current)
		for range 10 {
			rand.Shuffle(len(test.candidates), func(i, j int) { test.candidates[i], test.candidates[j] = test.candidates[j], test.candidates[i] })
			if got := Quorum(test.current, test.candidates, VoterSilentMax); !slices.Equal(got, test.want) {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
				break
			}
		}
		if !slices.Equal(current, test.current) {
			t.Errorf("%s: the voters that were given are %v now", test.name, test.current)
		}
		if again := Quorum(test.want, test.candidates, VoterSilentMax); !slices.Equal(again, test.want) {
			t.Errorf("%s: %v becomes %v", test.name, test.want, again)
		}
	}
}
