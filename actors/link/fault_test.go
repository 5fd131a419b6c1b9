package link

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/partition/kafka"
)

// proxied are two nodes that are linked through a proxy each.
func proxied(t *testing.T, change func(*Options)) (a, b *testNode, toA, toB *proxy) {
	t.Helper()
	a, b = startNode(t, nodeOptions{id: 1, change: change}), startNode(t, nodeOptions{id: 2, change: change})
	toA, toB = startProxy(t, a.addr()), startProxy(t, b.addr())
	a.links.SetPeers(map[kafka.BrokerID]string{2: toB.addr()})
	b.links.SetPeers(map[kafka.BrokerID]string{1: toA.addr()})
	a.untilUp(b)
	b.untilUp(a)
	return a, b, toA, toB
}

func (n *testNode) count(is func(any) bool) (found int) {
	for _, e := range n.events {
		if is(e) {
			found++
		}
	}
	return found
}

func isUp(e any) bool   { _, ok := e.(*Up); return ok }
func isDown(e any) bool { _, ok := e.(*Down); return ok }

// Where the network goes still, both nodes see the other down, without being told that it is gone. When it comes back, both are up.
func TestSilence(t *testing.T) {
	a, b, toA, toB := proxied(t, nil)
	toA.freeze()
	toB.freeze()
	for _, n := range []*testNode{a, b} {
		d := untilEvent(n, "down", func(*Down) bool { return true })
		if d.Gone || !strings.Contains(d.Reason, "600ms") {
			t.Errorf("down: %+v", d)
		}
	}
	a.send(a.at(b), &note{Lane: actors.Data, Number: 1, ReplyTo: a.inbox})
	a.until("that it is undelivered", func() bool { return len(a.answer) == 1 && a.answer[0].Undelivered })
	toA.thaw()
	toB.thaw()
	for _, n := range []*testNode{a, b} {
		n.until("up again", func() bool { return n.count(isUp) > n.count(isDown) && n.count(isDown) > 0 })
	}
	for answered := false; !answered; { // until both are
		a.mu.Lock()
		before := len(a.answer)
		a.mu.Unlock()
		a.send(a.at(b), &note{Lane: actors.Data, Number: 2, ReplyTo: a.inbox})
		a.until("an answer", func() bool { return len(a.answer) > before })
		a.mu.Lock()
		answered = *a.answer[before] == reply{Number: 2}
		a.mu.Unlock()
	}
}

// Links work both ways or not at all.
func TestSilenceInOneDirection(t *testing.T) {
	a, b, _, toB := proxied(t, nil)
	toB.freeze()
	if d := untilEvent(b, "down", func(*Down) bool { return true }); !strings.Contains(d.Reason, "nothing was heard") {
		t.Errorf("down there: %+v", d)
	}
	if d := untilEvent(a, "down", func(*Down) bool { return true }); d.Gone {
		t.Errorf("down here: %+v", d)
	}
}

// A connection that is closed between two nodes that live is made again: what may be lost is told, and the peer stays up.
func TestConnectionsAreMadeAgain(t *testing.T) {
	a, b, _, toB := proxied(t, func(o *Options) { o.SilentMax = time.Hour })
	toB.cut()
	a.until("that messages may be lost in each lane", func() bool {
		return a.count(func(e any) bool { _, ok := e.(*Lost); return ok }) == actors.Lanes
	})
	b.until("that messages of its peer may be lost in each lane", func() bool {
		return b.count(func(e any) bool { _, ok := e.(*Lost); return ok }) == actors.Lanes
	})
	for lane := range actors.Lane(actors.Lanes) {
		a.send(a.at(b), &note{Lane: lane, Number: uint64(lane)})
	}
	b.until("three notes", func() bool { return len(b.notes) == actors.Lanes })
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count(isDown) > 0 {
		t.Errorf("a peer that lives was down: %v", describe(a.events))
	}
}

// A peer's process that is replaced behind an address that never refuses anybody is seen by its incarnation.
func TestAnotherIncarnation(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1})
	b := startNode(t, nodeOptions{id: 2})
	toB := startProxy(t, b.addr())
	a.links.SetPeers(map[kafka.BrokerID]string{2: toB.addr()})
	b.links.SetPeers(map[kafka.BrokerID]string{1: a.addr()})
	a.untilUp(b)
	again := startNode(t, nodeOptions{id: 2, incarnation: 101})
	toB.lead(again.addr())
	b.close()
	again.links.SetPeers(map[kafka.BrokerID]string{1: a.addr()})
	a.untilUp(again)
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := last[*Down](a); d == nil || d.Incarnation != 100 || d.Gone {
		t.Errorf("down: %+v", d)
	}
}

// A mute is a peer that says that it lives, and reads nothing.
func mute(t *testing.T, a *testNode) *actor.PID {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	mine := Hello{Cluster: "c", Node: 2, Incarnation: 7, Address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			if _, err := readGreeting(c); err == nil {
				_ = writeGreeting(c, greeting{Hello: mine})
			}
		}
	}()
	a.links.SetPeers(map[kafka.BrokerID]string{2: mine.Address})
	c, err := net.Dial("tcp", a.addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := writeGreeting(c, greeting{Hello: mine, For: actors.Control.String(), Wants: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := readGreeting(c); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { close(done); c.Close() })
	go func() {
		beat := wireOf(frame{kind: kindHeartbeat, pieces: [][]byte{{hearsYou}}, size: 1})
		for {
			if _, err := c.Write(beat); err != nil {
				return
			}
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	untilEvent(a, "up", func(*Up) bool { return true })
	return actor.NewPID("2", "whoever")
}

// What waits for a peer that does not read is bounded in each lane, and beyond that the sender is told; others are not held up.
func TestCredits(t *testing.T) {
	const limit = 4 << 20
	a := startNode(t, nodeOptions{id: 1, change: func(o *Options) { o.QueueBytesMax = limit }})
	to := mute(t, a)
	body := make([]byte, 256<<10)
	box := a.links.remote(2).lanes[actors.Data]
	stuck := 0 // how often the same waits as before: what the kernel takes is used up
	for before := int64(0); stuck < 1000; {
		a.send(to, &note{Lane: actors.Data, Body: body, ReplyTo: a.inbox})
		box.mu.Lock()
		bytes := box.bytes
		box.mu.Unlock()
		if bytes > limit {
			t.Fatalf("%d bytes wait where %d may", bytes, limit)
		}
		if stuck++; bytes != before || bytes < limit-2*int64(len(body)) {
			before, stuck = bytes, 0
		}
	}
	a.until("that the rest is undelivered", func() bool { return len(a.answer) >= 1000 && a.answer[0].Undelivered })
	for range 5000 {
		a.send(to, &note{Lane: actors.Data, Body: body[:100]})
	}
	box.mu.Lock()
	if box.bytes > limit {
		t.Errorf("small messages find room where large ones don't, and overtake them: %d bytes wait", box.bytes)
	}
	box.mu.Unlock()
	before := a.links.Counts().Undelivered
	a.send(to, &answer{make([]byte, limit)})
	box.mu.Lock()
	if last := box.waiting[len(box.waiting)-1]; last.size != 8 || a.links.Counts().Undelivered != before {
		t.Errorf("an answer that finds no room leaves one of %d bytes", last.size)
	}
	box.mu.Unlock()
	a.send(to, &note{Lane: actors.Control})
	if a.links.Counts().Undelivered != before {
		t.Error("one lane holds up another")
	}
}

// A node that was frozen itself gives its peers the time anew: what they said meanwhile is still to be read.
func TestAFrozenNodeForgives(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1})
	begin := time.Now()
	p := &peer{links: a.links, remote: newRemote(a.links, 2), self: a.inbox, up: true, hello: &Hello{Node: 2}, heard: begin, heardUs: begin}
	for l := range p.lanes {
		p.lanes[l].conn = &outbound{lane: actors.Lane(l), remote: p.remote, socket: &net.TCPConn{}}
	}
	p.tick(begin)
	p.tick(begin.Add(10 * time.Second))
	if !p.up {
		t.Fatal("a node that was frozen blames its peer")
	}
	for at := 10 * time.Second; at < 11*time.Second; at += 100 * time.Millisecond {
		p.tick(begin.Add(at))
	}
	if p.up {
		t.Error("a silent peer is never down")
	}
}

// Where every turn comes late a silent peer is down all the same, and one that lives is not.
func TestAnOverloadedNodeNoticesSilence(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1})
	begin := time.Now()
	hello := Hello{Node: 2, Incarnation: 7}
	p := &peer{links: a.links, remote: newRemote(a.links, 2), self: a.inbox, up: true, hello: &hello, heard: begin, heardUs: begin, heardFrom: hello.Incarnation}
	for l := range p.lanes {
		p.lanes[l].conn = &outbound{lane: actors.Lane(l), remote: p.remote, socket: &net.TCPConn{}}
	}
	const late = 400 * time.Millisecond
	at := begin
	for range 20 { // each time with a backlog that is read after the turn
		at = at.Add(late)
		p.tick(at)
		p.beat(at, &beat{hello, hearsYou})
	}
	if !p.up {
		t.Fatal("a peer that lives is down")
	}
	last := at
	for p.up && at.Sub(last) < 10*time.Second {
		at = at.Add(late)
		p.tick(at)
	}
	if took := at.Sub(last); p.up || took > 3*late {
		t.Errorf("that a peer is silent is noticed after %v", took)
	}
}

// A panic of a peer's actor costs the connections, not the link.
func TestAPeerThatPanics(t *testing.T) {
	var armed atomic.Bool
	a := startNode(t, nodeOptions{id: 1, fault: func(kind, _ string, message any) {
		if _, ok := message.(*tick); ok && kind == "peer" && armed.CompareAndSwap(true, false) {
			panic("a fault")
		}
	}})
	b := startNode(t, nodeOptions{id: 2})
	link(a, b)
	armed.Store(true)
	a.until("down and up", func() bool { return a.count(isDown) == 1 && a.count(isUp) == 2 })
	a.send(a.at(b), &note{Lane: actors.Data, Number: 2, ReplyTo: a.inbox})
	a.until("an answer", func() bool { return len(a.answer) == 1 && !a.answer[0].Undelivered })
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count(isDown) > 0 {
		t.Errorf("it costs the other node its link: %v", describe(b.events))
	}
}

// A peer's actor that panics as it is told where the peer is now goes there all the same.
func TestAPeerThatPanicsAsItMoves(t *testing.T) {
	var once atomic.Bool
	a := startNode(t, nodeOptions{id: 1, fault: func(_, _ string, message any) {
		if _, ok := message.(*moved); ok && once.CompareAndSwap(false, true) {
			panic("a fault")
		}
	}})
	b := startNode(t, nodeOptions{id: 2})
	toB := startProxy(t, b.addr())
	a.links.SetPeers(map[kafka.BrokerID]string{2: toB.addr()})
	b.links.SetPeers(map[kafka.BrokerID]string{1: a.addr()})
	a.untilUp(b)
	a.links.SetPeers(map[kafka.BrokerID]string{2: b.addr()})
	a.untilLogged("a node is linked", b.addr())
}
