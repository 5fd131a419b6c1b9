package logstoretest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A Crasher is a store that can crash.
type Crasher struct {
	partition.Store
	// Crash returns the store as a crash at this moment may leave it, opened again.
	Crash func(r *rand.Rand) (*Crasher, error)
	// Settle waits until everything that was handed in is durable.
	Settle func()
}

// model is what a partition's log may be: what it was after the last write that was reported, or after any later one.
type model struct {
	states     []logState // states[i] is the log after write i
	acked      atomic.Int64
	checkpoint []string // those that were noted
}

type logState struct {
	entries []consensus.Entry
	term    consensus.Term
	vote    uint64 // the number of the write; 0 where nothing was written since the partition was dropped
	begins  int    // the first checkpoint that may come back with it: those of before were dropped
}

// Crashes runs a random script of appends, truncations, removals and updates on a few partitions, crashes in between, and holds what comes back against
// what may: everything that was reported, and of the rest a beginning, on each partition alike in its order. Of a partition that was dropped nothing comes back.
func Crashes(t *testing.T, seed uint64, open func(t *testing.T) *Crasher) {
	r := rand.New(rand.NewPCG(seed, seed))
	s := open(t)
	var life atomic.Int64 // what an earlier life of the store reports after its crash counts for nothing
	models := map[kafka.PartitionNumber]*model{}
	for n := range 3 {
		models[kafka.PartitionNumber(n+1)] = &model{states: []logState{{}}}
	}
	for range 4 {
		for range 10 + r.IntN(30) {
			p := kafka.PartitionNumber(1 + r.IntN(len(models)))
			step(t, r, s, p, models[p], &life)
			if r.IntN(5) == 0 {
				s.Settle()
			}
		}
		life.Add(1)
		next, err := s.Crash(r)
		if err != nil {
			t.Fatalf("seed %d: open after the crash: %v", seed, err)
		}
		s = next
		for p, m := range models {
			if err := m.check(s, p); err != nil {
				t.Fatalf("seed %d, partition %d: %v", seed, p, err)
			}
		}
	}
}

func step(t *testing.T, r *rand.Rand, s *Crasher, p kafka.PartitionNumber, m *model, life *atomic.Int64) {
	last := m.states[len(m.states)-1]
	report := func(at int) func(error) {
		now := life.Load()
		return func(err error) {
			if life.Load() != now {
				return
			}
			if err != nil {
				t.Errorf("partition %d, write %d: %v", p, at, err)
			}
			m.acked.Store(int64(at))
		}
	}
	if r.IntN(12) == 0 {
		m.states = append(m.states, logState{begins: len(m.checkpoint)})
		s.Drop(p, report(len(m.states)-1))
		return
	}
	if r.IntN(4) == 0 {
		if last.vote == 0 {
			return // whoever has nothing stored notes nothing
		}
		text := fmt.Sprint("checkpoint ", len(m.checkpoint))
		m.checkpoint = append(m.checkpoint, text)
		s.Update(&partition.Update{Partition: p, Checkpoint: []byte(text)})
		return
	}
	next := logState{entries: slices.Clone(last.entries), term: last.term, vote: uint64(len(m.states)), begins: last.begins}
	if len(next.entries) > 3 && r.IntN(4) == 0 {
		next.entries = next.entries[:len(next.entries)-1-r.IntN(3)] // a new leader replaces the end
		next.term++
	}
	first := len(next.entries)
	for range 1 + r.IntN(4) {
		e := entry(consensus.Index(len(next.entries)+1), next.term)
		e.Data = append(e.Data, bytes.Repeat([]byte{'x'}, r.IntN(3000))...)
		next.entries = append(next.entries, e)
	}
	m.states = append(m.states, next)
	s.Append(&partition.Write{
		Partition: p, Entries: next.entries[first:], Hard: &consensus.HardState{Term: next.term, Vote: next.vote}, Sync: true, Done: report(len(m.states) - 1),
	})
}

// check finds the state that came back among those that may, and goes on from there.
func (m *model) check(s *Crasher, p kafka.PartitionNumber) error {
	stored, err := s.Load(p)
	if err != nil {
		return err
	}
	var got []consensus.Entry
	if stored.Last > 0 {
		if got, err = s.Entries(p, 1, stored.Last+1, 1<<30); err != nil {
			return err
		}
	}
	for i := int(m.acked.Load()); i < len(m.states); i++ {
		is := m.states[i]
		if !same(is.entries, got) || stored.Hard.Vote != is.vote || stored.Hard.Term != is.term {
			continue
		}
		if stored.Checkpoint != nil && !slices.Contains(m.checkpoint[is.begins:], string(stored.Checkpoint)) {
			return fmt.Errorf("checkpoint %q was never noted since the partition began", stored.Checkpoint)
		}
		// The numbers of later writes begin anew after this one.
		m.states = m.states[:i+1]
		m.acked.Store(int64(i))
		return nil
	}
	return fmt.Errorf("%d entries came back, term %d, vote %d: that is no state between write %d, which was reported, and write %d",
		len(got), stored.Hard.Term, stored.Hard.Vote, m.acked.Load(), len(m.states)-1)
}

func same(a, b []consensus.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y consensus.Entry) bool {
		return x.Index == y.Index && x.Term == y.Term && bytes.Equal(x.Data, y.Data)
	})
}
