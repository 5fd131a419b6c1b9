package supervisor

import (
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A simNet is the network between simulated nodes. What is sent on it arrives after a while, in its order within a lane. Where a direction is cut, what is under
// way waits for its end, as TCP would repeat it, unless the connection is given up before.
type simNet struct {
	s     *simulation
	cuts  map[[2]kafka.BrokerID]int // from, to: how many faults have it cut
	wires []*simWire                // that are open
}

// A simWire is the connections in which one process talks to another, one for each lane.
type simWire struct {
	net      *simNet
	from, to *simLinks
	lanes    [actors.Lanes]simLane
	over     bool
}

// A simLane is one of them.
type simLane struct {
	waiting []simFrame
	last    time.Time // when what was sent last arrives
	pumping bool      // an arrival is set
	broken  bool      // it is being made again
}

// A simFrame is a message under way, or a heartbeat where it has no bytes.
type simFrame struct {
	at      time.Time // when it arrives
	target  string
	kind    uint16
	payload []byte
	pieces  [][]byte // of the sender's message
	message any
	beat    *simBeat
}

func newSimNet(s *simulation) *simNet {
	return &simNet{s: s, cuts: map[[2]kafka.BrokerID]int{}}
}

func (x *simNet) seeds() string {
	var all []string
	for id := range x.s.shape.nodes {
		all = append(all, (&simNode{id: kafka.BrokerID(id + 1)}).linkAddress())
	}
	return strings.Join(all, ",")
}

// at returns the node at an address; nil where there is none.
func (x *simNet) at(address string) *simNode {
	for _, n := range x.s.nodes {
		if n.linkAddress() == address {
			return n
		}
	}
	return nil
}

// passes tells whether what is sent from one node to another arrives.
func (x *simNet) passes(from, to kafka.BrokerID) bool {
	return from == to || x.cuts[[2]kafka.BrokerID{from, to}] == 0
}

// delay is how long it takes in one direction.
func (x *simNet) delay() time.Duration { return 50*time.Microsecond + x.s.upTo(450*time.Microsecond) }

// cutOff cuts one direction for a while.
func (x *simNet) cutOff(from, to *simNode, d time.Duration) {
	key := [2]kafka.BrokerID{from.id, to.id}
	cuts := x.cuts // those that have healed by then are not counted any more
	cuts[key]++
	x.s.st.AfterFunc(d, func() {
		cuts[key]--
		x.pump()
	})
}

// isolate cuts a node off from all others.
func (x *simNet) isolate(n *simNode, d time.Duration) {
	for _, other := range x.s.nodes {
		if other != n {
			x.cutOff(n, other, d)
			x.cutOff(other, n, d)
		}
	}
}

// heal ends all cuts.
func (x *simNet) heal() {
	x.cuts = map[[2]kafka.BrokerID]int{}
	x.pump()
}

// breakLane breaks one of the connections between two nodes: of what is under way the first part is lost, and what is left is sent on the next connection.
func (x *simNet) breakLane(from, to *simNode) {
	for _, w := range x.wires {
		if w.from.node != from || w.to.node != to || w.over {
			continue
		}
		lane := &w.lanes[x.s.chance.IntN(actors.Lanes)]
		lane.waiting = lane.waiting[x.s.chance.IntN(len(lane.waiting)+1):]
		lane.broken = true
		w.from.after(x.s.upTo(20*time.Millisecond), &simMended{w, lane})
	}
}

// died has everybody who is connected with a process learn of its end. Some of what it has sent is still under way.
func (x *simNet) died(n *simNode) {
	for _, w := range append([]*simWire(nil), x.wires...) {
		switch {
		case w.to.node == n:
			if x.passes(n.id, w.from.node.id) { // else it is noticed by what can't be delivered
				w.from.after(x.delay(), &simBroken{w})
			}
		case w.from.node == n:
			for l := range w.lanes {
				w.lanes[l].waiting = w.lanes[l].waiting[:x.s.chance.IntN(len(w.lanes[l].waiting)+1)]
			}
		}
	}
}

// send puts a frame on its way.
func (w *simWire) send(lane actors.Lane, f simFrame) {
	l := &w.lanes[lane]
	f.at = w.net.s.st.Now().Add(w.net.delay())
	if f.at.Before(l.last) {
		f.at = l.last
	}
	l.last = f.at
	l.waiting = append(l.waiting, f)
	w.pump(l)
}

// pump sees that what waits first in a lane arrives in its time.
func (w *simWire) pump(l *simLane) {
	if l.pumping || len(l.waiting) == 0 || !w.flows(l) {
		return
	}
	l.pumping = true
	w.net.s.st.AfterFunc(l.waiting[0].at.Sub(w.net.s.st.Now()), func() {
		l.pumping = false
		w.arrive(l)
		w.pump(l)
	})
}

func (w *simWire) flows(l *simLane) bool {
	return !w.over && !l.broken && !w.to.node.frozen && w.net.passes(w.from.node.id, w.to.node.id)
}

// arrive delivers what has arrived by now.
func (w *simWire) arrive(l *simLane) {
	now := w.net.s.st.Now()
	for len(l.waiting) > 0 && !l.waiting[0].at.After(now) && w.flows(l) {
		if !w.to.alive() {
			w.from.after(w.net.delay(), &simBroken{w})
			l.waiting = nil
			w.endUnheard()
			return
		}
		f := l.waiting[0]
		l.waiting[0] = simFrame{}
		l.waiting = l.waiting[1:]
		w.to.receive(f)
	}
}

// endUnheard ends a wire of which nobody hears any more.
func (w *simWire) endUnheard() {
	if !w.from.alive() {
		w.end()
	}
}

// end closes the connections and returns what has not arrived.
func (w *simWire) end() (left []simFrame) {
	if w.over {
		return nil
	}
	w.over = true
	for l := range w.lanes {
		left = append(left, w.lanes[l].waiting...)
		w.lanes[l].waiting = nil
	}
	for i, other := range w.net.wires {
		if other == w {
			w.net.wires = append(w.net.wires[:i:i], w.net.wires[i+1:]...)
			break
		}
	}
	return left
}

// pump goes on with everything that has waited for the end of a fault, as TCP would after a while.
func (x *simNet) pump() {
	for _, w := range append([]*simWire(nil), x.wires...) {
		for l := range w.lanes {
			if lane := &w.lanes[l]; len(lane.waiting) > 0 && !lane.pumping {
				lane.waiting[0].at = x.s.st.Now().Add(x.s.upTo(200 * time.Millisecond))
				w.pump(lane)
			}
		}
	}
}

// A simRemote is what a PID of another node leads to.
type simRemote struct {
	links *simLinks
	node  kafka.BrokerID
	wire  *simWire // nil: nothing can be sent
}

// SendUserMessage sends a message as the real link does: as bytes. Raft's messages may be lost on the way, come twice or late.
func (r *simRemote) SendUserMessage(pid *actor.PID, message any) {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message
	}
	s := r.links.net.s
	kind, lane, pieces, ok := messages.Codec{}.Encode(message)
	if !ok {
		s.errorf("a %T for %v can't leave node %d", message, pid, r.links.node.id)
		return
	}
	if r.wire == nil {
		r.links.system.Undelivered(message)
		return
	}
	f := simFrame{target: pid.Id, kind: kind, pieces: pieces, message: message}
	for _, p := range pieces {
		f.payload = append(f.payload, p...)
	}
	step, ok := message.(*messages.Step)
	if ok {
		s.checks.given(step.Partition, step.Message.GetFrom(), r.links.hello.Store)
	}
	if ok && !s.calm {
		switch s.chance.IntN(300) {
		case 0:
			return
		case 1:
			r.wire.send(lane, f)
		case 2:
			r.links.after(s.upTo(50*time.Millisecond), &simLate{r, lane, f})
			return
		}
	}
	r.wire.send(lane, f)
}

// SendSystemMessage answers as for an actor that is not there, as the real link does.
func (r *simRemote) SendSystemMessage(pid *actor.PID, message any) {
	r.links.system.Actors().DeadLetter.SendSystemMessage(pid, message)
}

// Stop does nothing.
func (r *simRemote) Stop(*actor.PID) {}

// drop ends what leads to the node. What was handed to the socket is lost without a word.
func (r *simRemote) drop() {
	if r.wire == nil {
		return
	}
	left := r.wire.end()
	r.wire = nil
	for _, f := range left[r.links.net.s.chance.IntN(len(left)+1):] {
		if f.beat == nil {
			r.links.system.Undelivered(f.message)
		}
	}
}

// receive delivers a frame.
func (l *simLinks) receive(f simFrame) {
	if f.beat != nil {
		l.tell(f.beat)
		return
	}
	var sent []byte
	for _, p := range f.pieces {
		sent = append(sent, p...)
	}
	if string(sent) != string(f.payload) {
		l.net.s.errorf("a %T was changed after it had been sent", f.message)
	}
	message, err := messages.Codec{}.Decode(f.kind, f.payload)
	if err != nil {
		l.net.s.errorf("a %T can't be read by another node: %v", f.message, err)
		return
	}
	l.system.Root().Send(l.system.Actors().NewLocalPID(f.target), message)
}

// String names a process.
func (l *simLinks) String() string { return fmt.Sprintf("node %d life %d", l.node.id, l.node.lives) }
