package session

import "sync"

// A budget is the bytes that requests may take on a node. A request is begun when anything is left, and then gets what it needs as its bytes arrive, even
// where that is more than is left or more than all of it: half a request can't wait for another half. Until enough is given back
// no other request is begun. What a client only announces costs nothing.
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

// await waits until something is left.
func (b *budget) await() {
	if !b.limited {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.left <= 0 {
		b.changed.Wait()
	}
}

// take takes n bytes.
func (b *budget) take(n int) { b.give(-n) }

func (b *budget) give(n int) {
	if !b.limited || n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left += int64(n); b.left > 0 && n > 0 {
		b.changed.Broadcast()
	}
}
