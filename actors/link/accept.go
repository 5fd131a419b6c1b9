package link

import (
	"errors"
	"net"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/partition/kafka"
)

const (
	halfOpenMax = 64 // connections whose other side has not greeted; the oldest makes room
	acceptAgain = 50 * time.Millisecond
)

type arrivalKey struct {
	node kafka.BrokerID
	lane actors.Lane
}

// An arrival is an accepted connection in which a peer talks.
type arrival struct {
	incarnation uint64
	socket      net.Conn
	done        chan struct{} // closed when nothing more of it is delivered
}

// greeted tells the parent of all peers that a node has come, and arrivedAgain that it talks on a new connection: what it said on the one before may be lost.
type (
	greeted      struct{ hello Hello }
	arrivedAgain struct{ hello Hello }
)

func (l *Links) accept() {
	for {
		socket, err := l.o.Socket.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			l.complain("accept", level.Error, "a node's connection can't be accepted", "err", err)
			time.Sleep(acceptAgain)
			continue
		}
		if l.track(socket) && !l.spawn(func() { l.welcome(socket) }) {
			l.close(socket)
		}
	}
}

// welcome hears who has come, and then what it says.
func (l *Links) welcome(raw net.Conn) {
	defer l.close(raw)
	l.await(raw)
	_ = raw.SetDeadline(time.Now().Add(handshakeMax)) // where it fails, so does what follows
	socket, theirs, err := l.answer(raw)
	l.awaited(raw)
	host, _, _ := net.SplitHostPort(raw.RemoteAddr().String())
	if err != nil {
		l.warnEnd("welcome "+host, "somebody at the link's port was sent away", err, "from", raw.RemoteAddr())
		return
	}
	lane, ok := laneFor(theirs.For)
	if !ok || raw.SetDeadline(time.Time{}) != nil {
		return // a probe has its answer
	}
	a := &arrival{theirs.Incarnation, raw, make(chan struct{})}
	defer close(a.done)
	key := arrivalKey{theirs.Node, lane}
	if l.replace(key, a) {
		l.o.System.Root().Send(l.pid, &arrivedAgain{theirs.Hello})
	}
	defer l.left(key, a)
	if lane == actors.Control {
		l.o.System.Root().Send(l.pid, &greeted{theirs.Hello})
	}
	if err := l.receive(socket, theirs.Hello); err != nil {
		l.complain("receive "+host, level.Warn, "a node's connection was closed", "node", theirs.Node, "lane", lane, "err", err)
	}
}

// await counts a connection as half open. Where there are too many, the oldest is closed: a stranger that says nothing keeps nobody out.
func (l *Links) await(socket net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.halfOpen) >= halfOpenMax {
		l.halfOpen[0].Close()
		l.halfOpen = slices.Delete(l.halfOpen, 0, 1)
	}
	l.halfOpen = append(l.halfOpen, socket)
}

func (l *Links) awaited(socket net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halfOpen = slices.DeleteFunc(l.halfOpen, func(s net.Conn) bool { return s == socket })
}

// answer reads a greeting and answers it. Nothing is said to who does not greet first.
func (l *Links) answer(socket net.Conn) (net.Conn, greeting, error) {
	if l.o.TLS != nil {
		var err error
		if socket, err = l.o.TLS.accepted(socket); err != nil {
			return nil, greeting{}, err
		}
	}
	theirs, err := readGreeting(socket)
	if err != nil {
		return nil, theirs, err
	}
	mine := greeting{Hello: l.Hello()}
	refusal := l.admit(mine.Hello, theirs)
	if refusal != nil {
		mine.Refusal = refusal.Error()
		var r *Refused
		if errors.As(refusal, &r) {
			mine.Passing, mine.Final = r.Passing, r.Final
		}
	}
	err = writeGreeting(socket, mine)
	if refusal != nil {
		err = refusal
	}
	return socket, theirs, err
}

func (l *Links) admit(mine Hello, theirs greeting) error {
	_, isLane := laneFor(theirs.For)
	switch {
	case !isLane && theirs.For != forProbe:
		return refuse("node %d does not know what a connection for %q is", mine.Node, theirs.For)
	case theirs.Wants != 0 && theirs.Wants != mine.Node:
		return refuseForNow("at %s there is node %d, not node %d", mine.Address, mine.Node, theirs.Wants)
	}
	if err := judge(mine, theirs.Hello, !isLane); err != nil {
		return err
	}
	if l.o.Admit == nil || theirs.Cluster == "" || theirs.Cluster != mine.Cluster || theirs.Node == mine.Node {
		return nil
	}
	err := l.o.Admit(theirs.Hello)
	var r *Refused
	if err == nil || errors.As(err, &r) {
		return err
	}
	return &Refused{Words: err.Error()}
}

// replace makes a connection the one of its lane, once nothing more of an earlier one is delivered, and tells whether there was one of the same incarnation. Those
// of others are closed.
func (l *Links) replace(key arrivalKey, a *arrival) (again bool) {
	l.mu.Lock()
	before := l.arrivals[key]
	again = l.arrived[key] == a.incarnation
	l.arrivals[key], l.arrived[key] = a, a.incarnation
	for other, b := range l.arrivals {
		if other.node == key.node && b.incarnation != a.incarnation {
			b.socket.Close()
		}
	}
	l.mu.Unlock()
	if before != nil {
		before.socket.Close()
		<-before.done
	}
	return again
}

func (l *Links) left(key arrivalKey, a *arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.arrivals[key] == a {
		delete(l.arrivals, key)
	}
}
