package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log"

	"troupe/actors"
	"troupe/partition/kafka"
)

// A note is the message of the tests. It is answered where ReplyTo is set.
type note struct {
	Lane    actors.Lane
	Number  uint64
	ReplyTo *actor.PID
	Body    []byte
}

type reply struct {
	Number      uint64
	Undelivered bool
}

func (n *note) Undelivered() (*actor.PID, any) { return n.ReplyTo, &reply{n.Number, true} }

// An answer has no sender who could be told that it is lost.
type answer struct{ Body []byte }

func (answer) Shortened() any { return &reply{Number: 99} }

const (
	kindNote    = 1
	kindReply   = 2
	kindUnknown = 77
	kindPanic   = 78
)

// A stranger is a message of a kind that nobody knows who gets it.
type stranger struct{ kind uint16 }

type testCodec struct{}

func (testCodec) Encode(message any) (uint16, actors.Lane, [][]byte, bool) {
	switch m := message.(type) {
	case *note:
		head := binary.BigEndian.AppendUint64(nil, m.Number)
		head = append(head, byte(m.Lane))
		address, id := "", ""
		if m.ReplyTo != nil {
			address, id = m.ReplyTo.Address, m.ReplyTo.Id
		}
		for _, s := range []string{address, id} {
			head = append(append(head, byte(len(s))), s...)
		}
		return kindNote, m.Lane, [][]byte{head, m.Body}, true
	case *reply:
		return kindReply, actors.Data, [][]byte{binary.BigEndian.AppendUint64(nil, m.Number)}, true
	case *answer:
		return kindReply, actors.Data, [][]byte{m.Body}, true
	case *stranger:
		return m.kind, actors.Data, [][]byte{{1, 2, 3}}, true
	}
	return 0, 0, nil, false
}

func (testCodec) Decode(kind uint16, b []byte) (any, error) {
	switch kind {
	case kindNote:
		m := &note{Number: binary.BigEndian.Uint64(b), Lane: actors.Lane(b[8])}
		b = b[9:]
		var s [2]string
		for i := range s {
			s[i] = string(b[1 : 1+b[0]])
			b = b[1+b[0]:]
		}
		if s[1] != "" {
			m.ReplyTo = actor.NewPID(s[0], s[1])
		}
		m.Body = b
		return m, nil
	case kindReply:
		return &reply{Number: binary.BigEndian.Uint64(b)}, nil
	case kindPanic:
		panic("what is that")
	}
	return nil, fmt.Errorf("kind %d is not known", kind)
}

// A testNode is a node with nothing but links.
type testNode struct {
	t      testing.TB
	system *actors.System
	links  *Links
	inbox  *actor.PID
	owner  *actor.PID

	mu     sync.Mutex
	notes  []*note
	events []any
	answer []*reply
	logged []string
}

type nodeOptions struct {
	id          kafka.BrokerID
	incarnation uint64
	address     string // to listen on
	change      func(*Options)
	fault       func(kind, id string, message any)
}

func startNode(t testing.TB, o nodeOptions) *testNode {
	t.Helper()
	if o.incarnation == 0 {
		o.incarnation = 100
	}
	if o.address == "" {
		o.address = "127.0.0.1:0"
	}
	n := &testNode{t: t}
	n.system = actors.NewSystem(actors.Options{Address: strconv.Itoa(int(o.id)), Incarnation: o.incarnation, Logger: log.LoggerFunc(n.log), Fault: o.fault})
	var err error
	n.owner, err = n.system.Spawn(nil, actors.Kind{Name: "owner"}, "owner", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *Up, *Down, *Lost, *Met:
				n.mu.Lock()
				defer n.mu.Unlock()
				n.events = append(n.events, ctx.Message())
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	n.inbox, err = n.system.Spawn(nil, actors.Kind{Name: "inbox"}, "inbox", func() actor.Actor { return actor.ReceiveFunc(n.receive) })
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("tcp", o.address)
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		System: n.system, Codec: testCodec{}, Socket: socket, Owner: n.owner, QueueBytesMax: 16 << 20,
		Hello: Hello{Cluster: "c", Node: o.id, Store: fmt.Sprint("store", o.id), Incarnation: o.incarnation, Level: 1},
	}
	if o.change != nil {
		o.change(&options)
	}
	n.links, err = Start(nil, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n
}

func (n *testNode) close() {
	n.links.Close()
	if left := n.system.Shutdown(10 * time.Second); len(left) > 0 {
		n.t.Errorf("actors that did not end: %v", left)
	}
}

func (n *testNode) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *note:
		if m.ReplyTo != nil {
			ctx.Send(m.ReplyTo, &reply{Number: m.Number})
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.notes = append(n.notes, m)
	case *reply:
		n.mu.Lock()
		defer n.mu.Unlock()
		n.answer = append(n.answer, m)
	}
}

func (n *testNode) log(keyvals ...any) error {
	line := fmt.Sprintln(keyvals...)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logged = append(n.logged, line)
	return nil
}

// untilLogged waits for a line with all words, and returns it.
func (n *testNode) untilLogged(words ...string) (line string) {
	n.t.Helper()
	n.until(fmt.Sprintf("a line in the log with %q", words), func() bool {
		for _, line = range n.logged {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return true
			}
		}
		return false
	})
	return line
}

func (n *testNode) addr() string { return n.links.Addr().String() }

// at is another node's inbox as this one knows it.
func (n *testNode) at(other *testNode) *actor.PID {
	return actor.NewPID(other.inbox.Address, other.inbox.Id)
}

func (n *testNode) send(to *actor.PID, message any) { n.system.Root().Send(to, message) }

// until waits for a condition.
func (n *testNode) until(what string, condition func() bool) {
	n.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		n.mu.Lock()
		ok := condition()
		n.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.t.Fatalf("node %s never saw: %s; events %v, %d notes, %d answers, log %q", n.inbox.Address, what, describe(n.events), len(n.notes), len(n.answer), n.logged)
		}
		time.Sleep(time.Millisecond)
	}
}

func describe(events []any) (out []string) {
	for _, e := range events {
		out = append(out, fmt.Sprintf("%T%+v", e, e))
	}
	return out
}

// last returns the newest event of a type.
func last[E any](n *testNode) (found E) {
	for _, e := range n.events {
		if e, ok := e.(E); ok {
			found = e
		}
	}
	return found
}

// untilEvent waits for an event of a type that fits, and returns it.
func untilEvent[E any](n *testNode, what string, fits func(E) bool) (found E) {
	n.t.Helper()
	n.until(what, func() bool {
		for _, e := range n.events {
			if e, ok := e.(E); ok && fits(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func (n *testNode) untilUp(other *testNode) {
	n.t.Helper()
	h := other.links.Hello()
	untilEvent(n, fmt.Sprint("node ", h.Node, " up"), func(u *Up) bool { return u.Peer.Node == h.Node && u.Peer.Incarnation == h.Incarnation })
}

func (n *testNode) untilDown(id kafka.BrokerID) *Down {
	n.t.Helper()
	return untilEvent(n, fmt.Sprint("node ", id, " down"), func(d *Down) bool { return d.Node == id })
}

// link makes nodes each other's peers and waits until all are up.
func link(nodes ...*testNode) {
	peers := map[kafka.BrokerID]string{}
	for _, n := range nodes {
		peers[n.links.Hello().Node] = n.addr()
	}
	for _, n := range nodes {
		n.t.Helper()
		n.links.SetPeers(peers)
	}
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				n.untilUp(other)
			}
		}
	}
}
