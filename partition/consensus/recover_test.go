package consensus

import (
	"math"
	"reflect"
	"testing"
)

// Whatever the configuration was, each change on the way to one voter is one that raft takes, and a replica that is restored from the log leads it alone.
func TestAlone(t *testing.T) {
	for _, test := range []struct {
		name    string
		c       Configuration
		changes int
	}{
		{"three voters", Founding(1, 2, 3), 2},
		{"the only voter", Founding(1), 0},
		{"none of the voters", Founding(2, 3), 3},
		{"a learner", Configuration{Voters: []uint64{2, 3, 4}, Learners: []uint64{1, 5}}, 5},
		{"new in a joint configuration", Configuration{Voters: []uint64{1, 4, 5}, Outgoing: []uint64{2, 3, 4}, AutoLeave: true}, 3},
		{"old in a joint configuration", Configuration{Voters: []uint64{4, 5}, Outgoing: []uint64{1, 2, 3}}, 4},
		{"a learner to be", Configuration{Voters: []uint64{4, 5}, Outgoing: []uint64{1, 2, 3}, LearnersNext: []uint64{1, 3}}, 5},
		{"a learner in a joint configuration", Configuration{Voters: []uint64{4, 5}, Outgoing: []uint64{2, 3}, Learners: []uint64{1}, AutoLeave: true}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &disk{}
			r := start(t, d, 0)
			r.Campaign()
			settle(d, r)
			if err := r.Propose(Batch, payload(1)); err != nil {
				t.Fatal(err)
			}
			settle(d, r)
			first := r.Last() + 1
			entries, hard, err := r.Alone(test.c, payload(2))
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 2+test.changes {
				t.Errorf("%d entries, want %d", len(entries), 2+test.changes)
			}
			c := test.c
			for i, e := range entries {
				if e.Index != first+Index(i) || e.Term != 1+RecoveredTerms {
					t.Fatalf("entry %d of term %d comes as number %d", e.Index, e.Term, i)
				}
				if kind := [...]Kind{Empty, Batch, Reconfigure}[min(i, 2)]; e.Kind != kind {
					t.Fatalf("entry %d is of kind %v, want %v", e.Index, e.Kind, kind)
				}
				if e.Kind != Reconfigure {
					continue
				}
				if c, err = c.Changed(e.Index, e.Data); err != nil {
					t.Fatal(err)
				}
			}
			if c.Index = 0; !reflect.DeepEqual(c, Founding(1)) {
				t.Errorf("the configuration is %+v in the end", c)
			}
			if last := entries[len(entries)-1]; hard != (HardState{Term: last.Term, Commit: last.Index}) {
				t.Errorf("hard state %+v", hard)
			}
			d.entries, d.hard = append(d.entries, entries...), hard
			again := start(t, d, last(d))
			again.Campaign()
			settle(d, again)
			if !again.IsLeader() || again.Term() != 2+RecoveredTerms {
				t.Errorf("it leads: %v, term %d", again.IsLeader(), again.Term())
			}
		})
	}
}

func last(d *disk) Index { return Index(len(d.entries)) }

func TestAloneWithoutTerms(t *testing.T) {
	d := &disk{hard: HardState{Term: math.MaxInt32 - RecoveredTerms}}
	r := start(t, d, 0)
	if _, _, err := r.Alone(Founding(1, 2, 3)); err == nil {
		t.Error("there are no terms left, and it is not refused")
	}
}
