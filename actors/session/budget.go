package session

import "sync"

// A budget is the bytes that requests may take on a node. It lends as long as anything is left, so that a request larger than what is
// left, or than all of it, is served too; until it is given back nothing more is lent.
type budget struct {
	limited bool

	mu      sync.Mutex
	changed sync.Cond
	left    int64
}

// newBudget returns a budget of so many bytes; below zero it has no limit.
func newBudget(bytes int64) *budget {
	b := &budget{limited: bytes >= 0, left: max(bytes, 1)}
	b.changed.L = &b.mu
	return b
}

// take waits until something is left and takes n bytes.
func (b *budget) take(n int) {
	if !b.limited {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.left <= 0 {
		b.changed.Wait()
	}
	b.left -= int64(n)
}

func (b *budget) give(n int) {
	if !b.limited || n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += int64(n)
	b.changed.Broadcast()
}
