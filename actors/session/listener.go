package session

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/actors/api"
)

// Options is what a Listener is made of.
type Options struct {
	Env    *api.Env
	Socket net.Listener
	// RequestBytesMax is socket.request.max.bytes, QueuedBytesMax queued.max.request.bytes, and IdleMax connections.max.idle.ms; the
	// latter two are below zero for no limit.
	RequestBytesMax int
	QueuedBytesMax  int64
	IdleMax         time.Duration
	// Limits returns max.connections and max.connections.per.ip as they are now.
	Limits func() (all, perHost int)
}

// A Listener accepts connections and gives each its session. It is safe for use by many goroutines.
type Listener struct {
	o      Options
	pid    *actor.PID
	budget *budget

	mu      sync.Mutex
	closed  bool
	conns   map[*conn]struct{}
	perHost map[string]int
	empty   chan struct{} // closed when the last connection of a closed listener has ended
	warned  time.Time
	opened  uint64
}

// What the parent of all sessions hears.
type opened struct {
	c    *conn
	name string
}

// Listen starts the parent of all sessions, and accepts connections until Close.
func Listen(parent actor.SpawnerContext, o Options) (*Listener, error) {
	l := &Listener{o: o, budget: newBudget(o.QueuedBytesMax), conns: map[*conn]struct{}{}, perHost: map[string]int{}, empty: make(chan struct{})}
	var err error
	l.pid, err = o.Env.System.Spawn(parent, actors.Kind{Name: "sessions"}, "sessions", func() actor.Actor { return &sessions{l} })
	if err != nil {
		return nil, err
	}
	go l.accept()
	return l, nil
}

// sessions is the parent of all sessions.
type sessions struct{ l *Listener }

// Receive handles one message.
func (s *sessions) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *opened:
		pid, err := Spawn(ctx, s.l.o.Env, m.name, m.c)
		if err != nil {
			panic(err)
		}
		m.c.start(pid)
	case *drain:
		for _, child := range ctx.Children() {
			ctx.Send(child, m)
		}
	}
}

// acceptAgain is how long nothing is accepted when the node can't, such as for want of file descriptors.
const acceptAgain = 50 * time.Millisecond

func (l *Listener) accept() {
	for {
		socket, err := l.o.Socket.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			l.warn("a connection can't be accepted", "err", err)
			time.Sleep(acceptAgain)
			continue
		}
		c := newConn(l, socket)
		name, err := l.enter(c)
		if err != nil {
			l.warn("a connection was refused", "client", socket.RemoteAddr(), "err", err)
			socket.Close()
			continue
		}
		l.o.Env.System.Root().Send(l.pid, &opened{c, name})
	}
}

// enter counts a connection, where there is room for it, and names its session.
func (l *Listener) enter(c *conn) (name string, err error) {
	all, perHost := l.o.Limits()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return "", net.ErrClosed
	case len(l.conns) >= all:
		return "", fmt.Errorf("there are %d connections, as many as max.connections allows", all)
	case l.perHost[c.host] >= perHost:
		return "", fmt.Errorf("there are %d connections from that address, as many as max.connections.per.ip allows", perHost)
	}
	l.conns[c] = struct{}{}
	l.perHost[c.host]++
	l.opened++
	return fmt.Sprintf("%s#%d", c.socket.RemoteAddr(), l.opened), nil
}

// ended forgets a connection and gives back what it borrowed.
func (l *Listener) ended(c *conn) {
	c.mu.Lock()
	borrowed, reason := c.borrowed, c.reason
	c.borrowed = 0
	c.mu.Unlock()
	l.budget.give(borrowed)
	if reason != "" {
		level.Warn(l.o.Env.System.Logger()).Log("msg", "a connection was closed", "client", c.socket.RemoteAddr(), "reason", reason)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if l.perHost[c.host]--; l.perHost[c.host] == 0 {
		delete(l.perHost, c.host)
	}
	if l.closed && len(l.conns) == 0 {
		close(l.empty)
	}
}

// warn logs a line, at most one each second: whoever knocks too often shall not fill the log.
func (l *Listener) warn(message string, keyvals ...any) {
	now := l.o.Env.System.Now()
	l.mu.Lock()
	again := now.Sub(l.warned) < time.Second
	if !again {
		l.warned = now
	}
	l.mu.Unlock()
	if !again {
		level.Warn(l.o.Env.System.Logger()).Log(append([]any{"msg", message}, keyvals...)...)
	}
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.o.Socket.Addr() }

// Count is the number of open connections.
func (l *Listener) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Close accepts no more connections, and lets those that are open end once their requests are answered. The channel is closed when all
// have ended.
func (l *Listener) Close() (ended <-chan struct{}) {
	l.o.Socket.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		if len(l.conns) == 0 {
			close(l.empty)
		}
		l.o.Env.System.Root().Send(l.pid, &drain{})
	}
	return l.empty
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
