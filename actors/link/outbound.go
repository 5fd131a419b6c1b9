package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"troupe/actors"
)

// stallMax is how long a peer may take nothing at all of what is written to it. A frozen one is noticed sooner, by its silence.
const stallMax = 5 * time.Second

// An outbound is a connection that this node has dialed: one lane, in which it alone talks. It has two goroutines: one writes what waits in the outbox, the other
// waits for the end, which is noticed at once that way.
type outbound struct {
	lane    actors.Lane
	remote  *remote
	socket  net.Conn
	scratch []byte // pieces are copied into it where there is TLS: each write is a record of its own

	// Guarded by the outbox's lock.
	epoch uint64
	over  bool
	err   error
}

// What a peer's actor hears of its connections.
type broken struct {
	conn *outbound
	err  error
}

// start begins to write. done is called once, when the connection is over and everything that was not written is back in the outbox.
func (c *outbound) start(done func(error)) {
	box := c.box()
	box.mu.Lock()
	c.epoch = box.epoch
	box.mu.Unlock()
	if _, ok := c.socket.(*tls.Conn); ok {
		c.scratch = make([]byte, 0, 64<<10)
	}
	ok := c.remote.links.spawn(func() {
		c.write()
		done(c.err) // nobody sets it any more
	})
	if !ok || !c.remote.links.spawn(c.watch) {
		c.end(net.ErrClosed)
	}
}

func (c *outbound) box() *outbox { return c.remote.lanes[c.lane] }

// end closes the connection; the first reason counts.
func (c *outbound) end(err error) {
	box := c.box()
	box.mu.Lock()
	if !c.over {
		c.over, c.err = true, err
		box.changed.Broadcast()
	}
	box.mu.Unlock()
	c.remote.links.close(c.socket)
}

// watch reads, where nothing is to come but the end.
func (c *outbound) watch() {
	var b [1]byte
	_, err := c.socket.Read(b[:])
	switch {
	case err == nil:
		err = errors.New("it sent what was not expected")
	case errors.Is(err, io.EOF):
		err = errors.New("it closed the connection")
	}
	c.end(err)
}

func (c *outbound) write() {
	box := c.box()
	var batch []frame
	for ok := true; ok; {
		if batch, ok = box.take(c, batch); !ok {
			c.end(net.ErrClosed)
			return
		}
		written, err := c.writeFrames(batch)
		whole := 0
		for whole < len(batch) && written >= batch[whole].cost() {
			written -= batch[whole].cost()
			whole++
		}
		box.written(c, batch[:whole])
		c.remote.links.counts.sent(batch[:whole])
		if err != nil {
			c.remote.drop(box.giveBack(c, batch[whole:]))
			c.end(err)
		}
	}
}

func (c *outbound) writeFrames(batch []frame) (written int64, err error) {
	var pieces net.Buffers
	var headers []byte
	for i := range batch {
		start := len(headers)
		headers = batch[i].appendHeader(headers)
		pieces = append(pieces, headers[start:len(headers):len(headers)])
		pieces = append(pieces, batch[i].pieces...)
	}
	if c.scratch != nil {
		return c.writeCopied(pieces)
	}
	return writePatiently(c.socket, func() (int64, error) { return pieces.WriteTo(c.socket) })
}

// writeCopied writes pieces as few large ones.
func (c *outbound) writeCopied(pieces net.Buffers) (written int64, err error) {
	flush := func() error {
		n, err := c.socket.Write(c.scratch)
		written += int64(n)
		c.scratch = c.scratch[:0]
		return err
	}
	for _, p := range pieces {
		for len(p) > 0 {
			n := min(len(p), cap(c.scratch)-len(c.scratch))
			c.scratch = append(c.scratch, p[:n]...)
			if p = p[n:]; len(c.scratch) < cap(c.scratch) {
				continue
			}
			if err := flush(); err != nil {
				return written, err
			}
		}
	}
	err = flush()
	return written, err
}

// writePatiently repeats a write that goes on where it stopped, as long as the other side takes anything.
func writePatiently(socket net.Conn, write func() (int64, error)) (written int64, err error) {
	for {
		if err := socket.SetWriteDeadline(time.Now().Add(stallMax)); err != nil {
			return written, err
		}
		n, err := write()
		written += n
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return written, err
		case n == 0:
			return written, fmt.Errorf("it has taken nothing for %v", stallMax)
		}
	}
}

// patient is the socket below TLS, which can't go on after a write that has failed.
type patient struct{ net.Conn }

// Write writes all, as long as the other side takes anything.
func (p patient) Write(b []byte) (int, error) {
	rest := b
	n, err := writePatiently(p.Conn, func() (int64, error) {
		n, err := p.Conn.Write(rest)
		rest = rest[n:]
		return int64(n), err
	})
	return int(n), err
}
