package partition

import (
	"testing"

	"troupe/partition/consensus"
	"troupe/partition/record"
)

func TestTailsShareABudget(t *testing.T) {
	const batch = 100 << 10
	for _, c := range []struct {
		name           string
		budget, most   int64
		batches, holds int
	}{
		{"all of them", 1 << 30, 1 << 20, 5, 5},
		{"no more than it may", 1 << 30, 1 << 20, 20, 10},
		{"the least once the node is over its budget", 1 << 10, 1 << 20, 20, 1},
		{"one batch however large", 1 << 30, 1 << 10, 3, 1},
	} {
		budget := NewTails(c.budget)
		kept := tail{budget: budget}
		for i := range c.batches {
			kept.add(consensus.Index(i+1), make(record.Batch, batch), c.most)
		}
		if len(kept.batches) != c.holds || budget.Used() != int64(c.holds*batch) || kept.indexes[0] != consensus.Index(c.batches-c.holds+1) {
			t.Errorf("%s: %d batches from entry %d on, %d bytes used; want %d", c.name, len(kept.batches), kept.indexes[0], budget.Used(), c.holds)
		}
	}
}

// A replica that leads no more keeps less with the next batch that it takes.
func TestAFollowerKeepsLess(t *testing.T) {
	p := &Partition{tail: tail{budget: NewTails(1 << 30)}}
	p.serving = true
	const batch = 1 << 20
	for i := range 20 {
		p.tail.add(consensus.Index(i+1), make(record.Batch, batch), p.tailBytesMax())
	}
	if got := p.tail.bytes; got != leaderTailBytesMax {
		t.Errorf("the leader keeps %d bytes", got)
	}
	p.serving = false
	p.tail.add(21, make(record.Batch, batch), p.tailBytesMax())
	if got := p.tail.bytes; got != followerTailBytesMax {
		t.Errorf("the follower keeps %d bytes", got)
	}
}
