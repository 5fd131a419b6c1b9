package session

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors/api"
)

// What one connection may have in flight before its reader stops reading. One request is always let through.
const (
	requestsMax = 128
	bytesMax    = 64 << 20
)

// A conn is a connection with its two goroutines.
type conn struct {
	l      *Listener
	socket net.Conn
	host   string // as Kafka shows it: /127.0.0.1
	pid    *actor.PID

	inFrame bool          // the reader has begun with a request
	written chan struct{} // closed when the writer has ended

	mu       sync.Mutex
	changed  sync.Cond // the writer has work, or the reader has room
	out      []answer
	inFlight int
	cost     int
	closing  bool // after what is in out
	over     bool // nothing is counted any more
	reason   string
	// What it holds of the node's memory: credits for requests that are read or served, and for answers that are not written.
	borrowed, unsent int
	// Since when the frame that is being read was begun, zero where none is, and when a byte of the answers was last written.
	begun, wrote time.Time
}

type answer struct {
	pieces [][]byte
	bytes  int
	cost   int // of the request
}

func newConn(l *Listener, socket net.Conn) *conn {
	c := &conn{l: l, socket: socket, host: "/" + hostOf(socket.RemoteAddr()), written: make(chan struct{})}
	c.changed.L = &c.mu
	return c
}

// start begins to serve the connection, as the session with that PID.
func (c *conn) start(session *actor.PID) {
	c.pid = session
	go c.write()
	go c.read()
}

// Send is called by the session's actor.
func (c *conn) Send(r *api.Request, pieces [][]byte) {
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	held := r.Held
	r.Held = 0
	c.mu.Lock()
	if c.over { // what it held is given back already
		c.mu.Unlock()
		return
	}
	c.borrowed -= held
	if c.unsent == 0 {
		c.wrote = c.l.now()
	}
	c.unsent += n
	c.out = append(c.out, answer{pieces, n, r.Cost()})
	c.changed.Broadcast()
	c.mu.Unlock() // credits are counted without it: who waits for them looks at the connection
	c.l.answers().Take(n)
	c.l.requests.Give(held)
}

// Parked is called by the session's actor.
func (c *conn) Parked(r *api.Request) {
	held := r.Held
	r.Held = 0
	c.mu.Lock()
	if c.over {
		held = 0
	}
	c.borrowed -= held
	c.mu.Unlock()
	c.l.requests.Give(held)
}

// Close may be called by anyone, any number of times; the first reason counts.
func (c *conn) Close(reason string) {
	c.note(reason)
	c.mu.Lock()
	c.closing = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.l.requests.Wake()
}

// cut ends the connection at once, whatever is still to be written.
func (c *conn) cut(reason string) {
	c.Close(reason)
	c.socket.Close()
}

// note keeps the first reason why the connection ends.
func (c *conn) note(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// admit waits until there is room for one more request; false where the connection is over.
func (c *conn) admit(r *api.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	cost := r.Cost()
	for !c.closing && c.inFlight > 0 && (c.inFlight >= requestsMax || c.cost+cost > bytesMax) {
		c.changed.Wait()
	}
	c.inFlight++
	c.cost += cost
	return !c.closing
}

func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight > 0
}

// lingerMax is how long a connection whose client sends nothing more stays for the answers to what it has sent.
const lingerMax = 30 * time.Second

// read is the reader's goroutine. It outlives the writer.
func (c *conn) read() {
	err := c.guard(c.readAll)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		c.note(refused.reason)
		c.linger()
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF): // it may still read
		c.linger()
	}
	c.Close("")
	<-c.written
	c.l.o.Env.System.Root().Send(c.pid, &Closed{})
	c.l.ended(c)
}

// guard keeps a panic of one of the connection's goroutines to the connection.
func (c *conn) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			level.Error(c.l.o.Env.System.Logger()).Log("msg", "panic at a connection", "client", c.socket.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
			c.note(err.Error())
		}
	}()
	return f()
}

// linger waits until what the client has asked is answered: what it sent before its last word, or before a frame that can't be understood, counts.
func (c *conn) linger() {
	c.l.o.Env.System.Root().Send(c.pid, &drain{})
	timer := time.NewTimer(lingerMax)
	defer timer.Stop()
	select {
	case <-c.written:
	case <-timer.C:
	}
}

func (c *conn) readAll() error {
	decoder := c.l.o.Env.NewDecoder()
	in := bufio.NewReaderSize(patient{c}, 64<<10)
	for proven := 0; ; {
		length, err := frameLength(in, c.l.o.RequestBytesMax)
		if err != nil {
			return err
		}
		if !c.l.requests.Await(c.isClosing) {
			return nil
		}
		c.begin(true)
		frame, err := readFrame(in, length, proven, c.borrow)
		c.begin(false)
		if err != nil {
			return err
		}
		proven = max(proven, length)
		r, err := decoder.Decode(frame, c.l.now())
		if err != nil {
			return &refusal{err.Error()}
		}
		c.borrow(r.Weight() - r.Size)
		r.Held = r.Weight()
		r.ClientHost = c.host
		if !c.admit(r) {
			return nil
		}
		c.l.o.Env.System.Root().Send(c.pid, &Arrived{r})
	}
}

// begin notes that a frame is being read, or no more.
func (c *conn) begin(frame bool) {
	c.inFrame = frame
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = time.Time{}
	if frame {
		c.begun = c.l.now()
	}
}

// borrow takes credits for a request. They are given back with the answer, or when the connection ends.
func (c *conn) borrow(n int) {
	c.l.requests.Take(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.borrowed += n
}

// stalled is how many bytes of the node's memory the connection holds without getting on: half a request, or answers that its client does not read.
func (c *conn) stalled(now time.Time, patience time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	if !c.begun.IsZero() && now.Sub(c.begun) > patience {
		n = c.borrowed
	}
	if c.unsent > 0 && now.Sub(c.wrote) > patience {
		n += c.unsent
	}
	return n
}

// stallMax is how long a client may pause in the midst of a request: until that is whole it holds a part of the node's memory.
const stallMax = 30 * time.Second

// patient reads from the socket as long as the connection is not idle, and no request stalls.
type patient struct{ c *conn }

func (p patient) Read(b []byte) (int, error) {
	for {
		wait := p.c.l.o.IdleMax
		if p.c.inFrame {
			wait = stallMax
		}
		deadline := time.Time{}
		if wait > 0 {
			deadline = time.Now().Add(wait)
		}
		if err := p.c.socket.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		n, err := p.c.socket.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		switch {
		case p.c.inFrame:
			return 0, &refusal{fmt.Sprintf("a request was not whole after a pause of %v", stallMax)}
		case !p.c.busy():
			return 0, err
		}
	}
}

// write is the writer's goroutine. When it ends, so does the connection.
func (c *conn) write() {
	defer close(c.written)
	defer c.cut("")
	_ = c.guard(func() error { // a client that is gone is no news
		var batch []answer
		for {
			batch = c.take(batch)
			if len(batch) == 0 {
				return nil
			}
			if err := c.writeAll(batch); err != nil {
				return err
			}
		}
	})
}

// take counts the answers that were written as done and waits for more. There are none when the connection ends.
func (c *conn) take(written []answer) []answer {
	given := 0
	for _, a := range written {
		given += a.bytes
	}
	c.l.answers().Give(given)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent -= given
	for _, a := range written {
		c.inFlight--
		c.cost -= a.cost
	}
	if len(written) > 0 {
		c.changed.Broadcast()
	}
	for len(c.out) == 0 && !c.closing {
		c.changed.Wait()
	}
	clear(written)
	batch := c.out
	c.out = written[:0]
	return batch
}

func (c *conn) writeAll(batch []answer) error {
	var buffers net.Buffers
	var lengths []byte
	for _, a := range batch {
		if len(a.pieces) == 0 {
			continue
		}
		start := len(lengths)
		lengths = binary.BigEndian.AppendUint32(lengths, uint32(a.bytes))
		buffers = append(buffers, lengths[start:])
		buffers = append(buffers, a.pieces...)
	}
	for len(buffers) > 0 {
		if err := c.writeSome(&buffers); err != nil {
			return err
		}
	}
	return nil
}

// writeFor is how long one attempt to write takes at most: after it the connection notes whether the client has read anything.
const writeFor = time.Second

// writeSome writes as much as the client takes for a while. A client that takes nothing for connections.max.idle.ms is gone.
func (c *conn) writeSome(buffers *net.Buffers) error {
	if err := c.socket.SetWriteDeadline(time.Now().Add(writeFor)); err != nil {
		return err
	}
	n, err := buffers.WriteTo(c.socket)
	now := c.l.now()
	c.mu.Lock()
	if n > 0 {
		c.wrote = now
	}
	quiet := now.Sub(c.wrote)
	c.mu.Unlock()
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case c.l.o.IdleMax > 0 && quiet > c.l.o.IdleMax:
		c.note(fmt.Sprintf("its client has read nothing of its answers for %v", c.l.o.IdleMax))
		return err
	}
	return nil
}
