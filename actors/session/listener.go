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
	"troupe/actors/messages"
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
	o        Options
	pid      *actor.PID
	requests *actors.Credits // of requests that are read or served

	mu      sync.Mutex
	closed  bool
	conns   map[*conn]struct{}
	perHost map[string]int
	empty   chan struct{} // closed when the last connection of a closed listener has ended
	warned  time.Time
	opened  uint64
	// relieving says that a timer looks for connections to cut.
	relieving bool
}

// What the parent of all sessions hears.
type opened struct {
	c    *conn
	name string
}

// Listen starts the parent of all sessions, and accepts connections until Close.
func Listen(parent actor.SpawnerContext, o Options) (*Listener, error) {
	l := &Listener{o: o, conns: map[*conn]struct{}{}, perHost: map[string]int{}, empty: make(chan struct{})}
	l.requests = actors.NewCredits(o.QueuedBytesMax)
	l.requests.OnShort(l.relieveSoon)
	l.answers().OnShort(l.relieveSoon)
	var err error
	l.pid, err = o.Env.System.Spawn(parent, actors.Kind{Name: "sessions"}, "sessions", func() actor.Actor { return &sessions{l: l} })
	if err != nil {
		return nil, err
	}
	go l.accept()
	return l, nil
}

// answers are the credits of answers that are read or not written yet.
func (l *Listener) answers() *actors.Credits { return l.o.Env.Answers }

func (l *Listener) now() time.Time { return l.o.Env.System.Now() }

// When the node's memory for requests or answers is used up, the connection that holds most of it and has not got on for a while is cut, one after the
// other until there is room again.
const (
	relieveEvery = 250 * time.Millisecond
	notGettingOn = 5 * time.Second
)

// relieveSoon is called when somebody has to wait for memory.
func (l *Listener) relieveSoon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.relieving {
		l.relieving = true
		time.AfterFunc(relieveEvery, l.relieve)
	}
}

func (l *Listener) relieve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.requests.IsShort() && !l.answers().IsShort() {
		l.relieving = false
		return
	}
	var worst *conn
	most, now := 0, l.now()
	for c := range l.conns {
		if n := c.stalled(now, notGettingOn); n > most {
			worst, most = c, n
		}
	}
	if worst != nil {
		worst.cut(fmt.Sprintf("it holds %d bytes of requests or answers without getting on, and others wait for memory", most))
	}
	time.AfterFunc(relieveEvery, l.relieve)
}

// sessions is the parent of all sessions.
type sessions struct {
	l        *Listener
	draining bool
}

// Receive handles one message.
func (s *sessions) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *opened:
		pid, err := Spawn(ctx, s.l.o.Env, m.name, m.c)
		if err != nil {
			panic(err)
		}
		m.c.start(pid)
		if s.draining {
			ctx.Send(pid, &drain{})
		}
	case *messages.NodeDown, *messages.NodeLost:
		for _, child := range ctx.Children() {
			ctx.Send(child, m)
		}
	case *drain:
		s.draining = true
		for _, child := range ctx.Children() {
			ctx.Send(child, m)
		}
	}
}

// Failed sends the client away for whom there is no session.
func (s *sessions) Failed(_ *actors.Panic, message any) {
	if m, ok := message.(*opened); ok && m.c.pid == nil {
		m.c.cut("there is no session for it")
		s.l.ended(m.c)
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
		err = c.guard(func() error {
			name, err := l.enter(c)
			if err == nil {
				l.o.Env.System.Root().Send(l.pid, &opened{c, name})
			}
			return err
		})
		if err != nil {
			l.warn("a connection was refused", "client", socket.RemoteAddr(), "err", err)
			socket.Close()
		}
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
	borrowed, unsent, reason := c.borrowed, c.unsent, c.reason
	c.borrowed, c.unsent, c.over = 0, 0, true
	c.mu.Unlock()
	l.requests.Give(borrowed)
	l.answers().Give(unsent)
	if reason != "" {
		l.warn("a connection was closed", "client", c.socket.RemoteAddr(), "reason", reason)
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
