package actors

import "sync"

// Credits are the bytes that something may take on a node together. Who begins something that takes bytes waits until any are left, and then takes what
// it needs as it needs it, even where that is more than is left: half a request can't wait for another half. Until enough is given
// back nobody else begins. It is safe for use by many goroutines; Await blocks, so no actor calls it.
type Credits struct {
	limit int64

	mu      sync.Mutex
	changed sync.Cond
	short   func()
	used    int64
}

// NewCredits returns so many bytes; below zero there is no limit.
func NewCredits(limit int64) *Credits {
	c := &Credits{limit: limit}
	c.changed.L = &c.mu
	return c
}

// OnShort has f called, from any goroutine, whenever somebody has to wait.
func (c *Credits) OnShort(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.short = f
}

// Await waits until any bytes are left. It returns false as soon as over does; see Wake.
func (c *Credits) Await(over func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isShort() && c.short != nil {
		go c.short() // it may ask for what is used
	}
	for !over() {
		if !c.isShort() {
			return true
		}
		c.changed.Wait()
	}
	return false
}

// Wake has everybody who waits look again whether it is over.
func (c *Credits) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

// Take takes n bytes.
func (c *Credits) Take(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used += int64(n)
}

// Give gives n bytes back.
func (c *Credits) Give(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used -= int64(n)
	if !c.isShort() {
		c.changed.Broadcast()
	}
}

// IsShort tells whether nothing is left.
func (c *Credits) IsShort() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isShort()
}

func (c *Credits) isShort() bool { return c.limit >= 0 && c.used >= max(c.limit, 1) }

// Used is the number of bytes that are taken now.
func (c *Credits) Used() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
