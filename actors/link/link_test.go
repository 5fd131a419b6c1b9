package link

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/partition/kafka"
)

func TestMessagesArriveInOrderInEachLane(t *testing.T) {
	a, b, c := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2}), startNode(t, nodeOptions{id: 3})
	link(a, b, c)
	const each = 2000
	for i := range uint64(each) {
		for lane := range actors.Lane(actors.Lanes) {
			a.send(a.at(b), &note{Lane: lane, Number: i, Body: []byte("x")})
			c.send(c.at(b), &note{Lane: lane, Number: i | 1<<32})
		}
	}
	b.until("all notes", func() bool { return len(b.notes) == 2*actors.Lanes*each })
	next := map[[2]uint64]uint64{}
	for _, m := range b.notes {
		key := [2]uint64{uint64(m.Lane), m.Number >> 32}
		if m.Number&0xffffffff != next[key] {
			t.Fatalf("in lane %v of sender %d there is %d where %d is due", m.Lane, key[1], m.Number&0xffffffff, next[key])
		}
		next[key]++
	}
}

func TestAnswersCrossNodes(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	link(a, b)
	for i := range uint64(100) {
		a.send(a.at(b), &note{Lane: actors.Data, Number: i, ReplyTo: a.inbox})
	}
	a.until("all answers", func() bool { return len(a.answer) == 100 })
	for i, r := range a.answer {
		if r.Number != uint64(i) || r.Undelivered {
			t.Fatalf("answer %d is %+v", i, r)
		}
	}
}

func TestLargeMessages(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	link(a, b)
	sizes := []int{0, 1, 64 << 10, 1 << 20, atOnceMax - 100, atOnceMax + 100, 9 << 20}
	for i, size := range sizes {
		a.send(a.at(b), &note{Lane: actors.Bulk, Number: uint64(i), Body: bytes.Repeat([]byte{byte(i + 1)}, size)})
		b.until("the note", func() bool { return len(b.notes) == i+1 })
	}
	for i, m := range b.notes {
		if !bytes.Equal(m.Body, bytes.Repeat([]byte{byte(i + 1)}, sizes[i])) {
			t.Errorf("a body of %d bytes came as another of %d", sizes[i], len(m.Body))
		}
	}
}

// Who waits for an answer is told where the node is not known, was never reached, or is down.
func TestUndeliverableIsAnswered(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	undelivered := func(number uint64) {
		t.Helper()
		a.send(a.at(b), &note{Lane: actors.Data, Number: number, ReplyTo: a.inbox})
		a.until("that it is undelivered", func() bool {
			return len(a.answer) > 0 && *a.answer[len(a.answer)-1] == reply{number, true}
		})
	}
	undelivered(1)
	link(a, b)
	a.send(a.at(b), &note{Lane: actors.Data, Number: 2, ReplyTo: a.inbox})
	a.until("an answer", func() bool { return *a.answer[len(a.answer)-1] == reply{2, false} })
	b.close()
	if d := a.untilDown(2); !d.Gone || d.Incarnation != 100 {
		t.Errorf("down: %+v", d)
	}
	undelivered(3)
	a.send(a.at(b), "a message that the codec does not know")
	a.send(a.at(b), &note{Number: 4, ReplyTo: a.inbox, Body: make([]byte, frameBytesMax)})
	a.until("that it is too long", func() bool { return *a.answer[len(a.answer)-1] == reply{4, true} })
}

// An actor that is not there any more answers across nodes as it does on its own.
func TestUndeliverableThere(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	link(a, b)
	nobody := a.at(b)
	nobody.Id += "-nobody"
	a.send(nobody, &note{Lane: actors.Data, Number: 1, ReplyTo: a.inbox})
	b.until("nothing", func() bool { return b.links.Counts().FramesReceived > 0 })
	a.until("an answer", func() bool { return len(a.answer) == 1 })
}

func TestANodeThatComesBackIsUpAgain(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	link(a, b)
	address := b.addr()
	b.close()
	a.untilDown(2)
	again := startNode(t, nodeOptions{id: 2, incarnation: 101, address: address})
	again.links.SetPeers(map[kafka.BrokerID]string{1: a.addr()})
	a.untilUp(again)
	again.untilUp(a)
	a.send(a.at(again), &note{Lane: actors.Data, Number: 1, ReplyTo: a.inbox})
	a.until("an answer", func() bool { return len(a.answer) == 1 && !a.answer[0].Undelivered })
	a.mu.Lock()
	defer a.mu.Unlock()
	var order []string
	for _, e := range a.events {
		switch e.(type) {
		case *Up:
			order = append(order, "up")
		case *Down:
			order = append(order, "down")
		}
	}
	if len(order) != 3 || order[1] != "down" {
		t.Errorf("the owner heard %v", order)
	}
}

// A node without peers learns of those that come, and one that is given up is down at both ends.
func TestPeersThatComeAndGo(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	a.links.SetPeers(map[kafka.BrokerID]string{2: b.addr()})
	met := untilEvent(b, "node 1", func(m *Met) bool { return m.Hello.Node == 1 })
	if met.Err != nil || met.Address != a.addr() || met.Hello.Store != "store1" {
		t.Errorf("met %+v", met)
	}
	b.links.SetPeers(map[kafka.BrokerID]string{1: met.Address})
	a.untilUp(b)
	b.untilUp(a)
	b.links.SetPeers(nil)
	if d := b.untilDown(1); d.Gone {
		t.Errorf("down: %+v", d)
	}
	a.untilDown(2)
	b.links.SetPeers(map[kafka.BrokerID]string{1: met.Address})
	a.until("node 2 up again", func() bool { _, up := a.events[len(a.events)-1].(*Up); return up })
}

func TestUnknownKindsAreLeftOut(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	link(a, b)
	for _, m := range []any{&stranger{kindUnknown}, &stranger{kindPanic}, &stranger{kindNote}, &note{Lane: actors.Data, Number: 9}} {
		a.send(a.at(b), m)
	}
	b.until("the note behind them", func() bool { return len(b.notes) == 1 && b.notes[0].Number == 9 })
	if got := b.links.Counts().Unreadable; got != 3 {
		t.Errorf("%d frames were unreadable", got)
	}
	if a.mu.Lock(); last[*Lost](a) != nil || last[*Down](a) != nil {
		t.Errorf("a connection was closed: %v", describe(a.events))
	}
	a.mu.Unlock()
}

// The end of a process is seen by its port, not by its silence.
func TestTheEndOfAProcessIsSeenWithoutSilence(t *testing.T) {
	patient := func(o *Options) { o.SilentMax = time.Hour }
	a, b := startNode(t, nodeOptions{id: 1, change: patient}), startNode(t, nodeOptions{id: 2, change: patient})
	link(a, b)
	b.close()
	if d := a.untilDown(2); !d.Gone {
		t.Errorf("down: %+v", d)
	}
}

// A connection that comes too late for whoever wanted it is closed, and forgotten.
func TestConnectionsThatComeTooLate(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1, change: withSecret(t, oneSecret)}), startNode(t, nodeOptions{id: 2, change: withSecret(t, oneSecret)})
	socket, _, err := a.links.dial(context.Background(), b.addr(), greeting{Hello: a.links.Hello(), For: actors.Bulk.String(), Wants: 2})
	if err != nil {
		t.Fatal(err)
	}
	a.system.Root().Send(actor.NewPID("1", "nobody"), &dialed{links: a.links, socket: socket})
	a.until("no connection", func() bool {
		a.links.mu.Lock()
		defer a.links.mu.Unlock()
		return len(a.links.sockets) == 0
	})
	b.until("its end", func() bool {
		b.links.mu.Lock()
		defer b.links.mu.Unlock()
		return len(b.links.sockets) == 0
	})
}
