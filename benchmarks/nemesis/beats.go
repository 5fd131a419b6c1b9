package nemesis

import (
	"slices"
	"sync"
	"time"
)

// Beats are the times at which something was acknowledged, by partition. It may be used by many goroutines.
type beats struct {
	mu sync.Mutex
	at [][]time.Time
}

func newBeats(partitions int) *beats { return &beats{at: make([][]time.Time, partitions)} }

func (b *beats) note(partition int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at[partition] = append(b.at[partition], time.Now())
}

// gap is the longest time, within a window, without a beat in a partition; Never where patience with the last one was over and no other one came.
func (b *beats) gap(partition int32, from, to time.Time, patience time.Duration) (longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := from
	for _, at := range b.at[partition] {
		if at.Before(from) {
			continue
		}
		if at.After(to) {
			break
		}
		longest, last = max(longest, at.Sub(last)), at
	}
	if open := to.Sub(last); open < patience {
		return max(longest, open)
	}
	return Never
}

// worst are the longest gaps of the partitions that some nodes lead, and of all others; 0 where there are none of them.
func (b *beats) worst(leaders, nodes []int32, from, to time.Time, patience time.Duration) (led, others time.Duration) {
	for p, leader := range leaders {
		gap := b.gap(int32(p), from, to, patience)
		if slices.Contains(nodes, leader) {
			led = max(led, gap)
		} else {
			others = max(others, gap)
		}
	}
	return led, others
}

// since tells whether every partition has had a beat since then.
func (b *beats) since(then time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range b.at {
		if len(at) == 0 || at[len(at)-1].Before(then) {
			return false
		}
	}
	return true
}
