package session

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

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
	borrowed int  // of the node's budget
	closing  bool // after what is in out
	reason   string
}

type answer struct {
	pieces     [][]byte
	cost, size int // of the request
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, answer{pieces, r.Cost(), r.Size})
	c.changed.Broadcast()
}

// Close may be called by anyone, any number of times; the first reason counts.
func (c *conn) Close(reason string) {
	c.note(reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.changed.Broadcast()
}

// note keeps the first reason why the connection ends.
func (c *conn) note(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
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
	err := c.readAll()
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

func (c *conn) readAll() error {
	decoder := c.l.o.Env.NewDecoder()
	in := bufio.NewReaderSize(patient{c}, 64<<10)
	for {
		length, err := frameLength(in, c.l.o.RequestBytesMax)
		if err != nil {
			return err
		}
		c.l.budget.await()
		c.inFrame = true
		frame, err := readFrame(in, length, c.borrow)
		c.inFrame = false
		if err != nil {
			return err
		}
		r, err := decoder.Decode(frame, c.l.o.Env.System.Now())
		if err != nil {
			return &refusal{err.Error()}
		}
		r.ClientHost = c.host
		if !c.admit(r) {
			return nil
		}
		c.l.o.Env.System.Root().Send(c.pid, &Arrived{r})
	}
}

// borrow takes bytes out of the node's budget. They are given back with the answer, or when the connection ends.
func (c *conn) borrow(n int) {
	c.l.budget.take(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.borrowed += n
}

// stallMax is how long a client may pause in the midst of a request: until that is whole it holds a part of the node's budget.
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
	defer c.socket.Close()
	var batch []answer
	for {
		batch = c.take(batch)
		if len(batch) == 0 {
			return
		}
		if err := c.writeAll(batch); err != nil {
			return
		}
	}
}

// take counts the answers that were written as done and waits for more. There are none when the connection ends.
func (c *conn) take(written []answer) []answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range written {
		c.inFlight--
		c.cost -= a.cost
		c.borrowed -= a.size
		c.l.budget.give(a.size)
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
		n := 0
		for _, p := range a.pieces {
			n += len(p)
		}
		start := len(lengths)
		lengths = binary.BigEndian.AppendUint32(lengths, uint32(n))
		buffers = append(buffers, lengths[start:])
		buffers = append(buffers, a.pieces...)
	}
	if c.l.o.IdleMax > 0 { // a client that reads nothing for so long is gone
		if err := c.socket.SetWriteDeadline(time.Now().Add(c.l.o.IdleMax)); err != nil {
			return err
		}
	}
	_, err := buffers.WriteTo(c.socket)
	return err
}
