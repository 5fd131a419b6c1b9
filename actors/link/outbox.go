package link

import "sync"

// What one write takes at most, so that a heartbeat never waits behind more than that.
const (
	writeBytesMax  = 1 << 20
	writeFramesMax = 512
)

// shortsBytesMax is how much more may wait of what stands for messages that found no room.
const shortsBytesMax = 2 << 20

// An outbox is what waits for one peer in one lane. It outlives connections. It is safe for use by many goroutines.
type outbox struct {
	bytesMax int64

	mu      sync.Mutex
	changed sync.Cond // its writer has work, or is over
	open    bool
	epoch   uint64 // how often it was closed: a writer of before has no say any more
	waiting []frame
	bytes   int64 // of what waits and what is being written
	beat    *byte // the heartbeat that is due
}

func newOutbox(bytesMax int64) *outbox {
	b := &outbox{bytesMax: bytesMax}
	b.changed.L = &b.mu
	return b
}

// put has a frame sent. It returns false where the peer can't be reached or too much waits for it; one frame may always wait.
func (b *outbox) put(f frame) bool { return b.putWithin(f, b.bytesMax) }

// putShort does so for what stands for a message that was refused. There is room for it where there is none for others: these would overtake what was refused.
func (b *outbox) putShort(f frame) bool { return b.putWithin(f, b.bytesMax+shortsBytesMax) }

func (b *outbox) putWithin(f frame, bytesMax int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	cost := f.cost()
	if !b.open || b.bytes > 0 && b.bytes+cost > bytesMax {
		return false
	}
	b.bytes += cost
	b.waiting = append(b.waiting, f)
	if len(b.waiting) == 1 {
		b.changed.Signal()
	}
	return true
}

// heartbeat has one sent before all that waits. It takes no credits: a later one replaces it.
func (b *outbox) heartbeat(payload byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beat = &payload
	b.changed.Signal()
}

// start lets messages in.
func (b *outbox) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = true
}

// close drops what waits and lets nothing in until start. It returns what was dropped.
func (b *outbox) close() []frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	dropped := b.waiting
	b.open, b.waiting, b.bytes, b.beat = false, nil, 0, nil
	b.epoch++
	return dropped
}

// take waits for something to write; false when the connection is over.
func (b *outbox) take(c *outbound, batch []frame) ([]frame, bool) {
	clear(batch)
	batch = batch[:0]
	b.mu.Lock()
	defer b.mu.Unlock()
	for !c.over && len(b.waiting) == 0 && b.beat == nil {
		b.changed.Wait()
	}
	if c.over || c.epoch != b.epoch {
		return nil, false
	}
	if b.beat != nil {
		batch = append(batch, frame{kind: kindHeartbeat, pieces: [][]byte{{*b.beat}}, size: 1})
		b.bytes += batch[0].cost() // written takes it off
		b.beat = nil
	}
	n, bytes := 0, int64(0)
	for n < len(b.waiting) && n < writeFramesMax && (n == 0 || bytes+b.waiting[n].cost() <= writeBytesMax) {
		bytes += b.waiting[n].cost()
		n++
	}
	batch = append(batch, b.waiting[:n]...)
	clear(b.waiting[:n])
	if b.waiting = b.waiting[n:]; len(b.waiting) == 0 {
		b.waiting = nil
	}
	return batch, true
}

// written gives the credits of frames back.
func (b *outbox) written(c *outbound, batch []frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.epoch != b.epoch {
		return
	}
	for i := range batch {
		b.bytes -= batch[i].cost()
	}
}

// giveBack puts frames first again that were not written whole: the next connection sends them. It returns those that nobody wants any more.
func (b *outbox) giveBack(c *outbound, batch []frame) (dropped []frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.epoch != b.epoch {
		return batch
	}
	again := make([]frame, 0, len(batch)+len(b.waiting))
	for _, f := range batch {
		if f.kind == kindHeartbeat {
			b.bytes -= f.cost()
		} else {
			again = append(again, f)
		}
	}
	b.waiting = append(again, b.waiting...)
	return nil
}
