package supervisor

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// balance does for the cluster what no replica does by itself: it tells the controller which reassignments are done, which are needed, and which brokers are silent, and
// has leaders hand over to those that should lead. One node does it for all, the one that leads the metadata; but leaders that are cut off from that one each node asks for what it is to
// take over. It has no state but what it is waiting for, and since when brokers are silent or don't serve.
type balance struct {
	b    *builder
	self *actor.PID
	slot uint64
	// told is the view by which the controller was told of reassignments, until it has answered.
	told *messages.View
	// looking says that the view was looked at just now, changed that it has changed since.
	looking, changed bool
	silent           map[kafka.BrokerID]time.Time // since when a broker is not there
	unserving        map[kafka.BrokerID]time.Time // since when a broker leads and does not serve clients
	// moves are partitions that are to be led by others, moving says that some are moved each second.
	moves  []kafka.PartitionNumber
	moving bool
}

// What it says to itself, beside viewChanged from the directory.
type (
	reviewReassignments struct{}
	reviewLeaders       struct{}
	lookAtView          struct{}
	soForLong           struct{} // a broker is silent, or does not serve
	moveLeaders         struct{}
)

const (
	// lookAtViewEvery bounds how often all of the view is looked at while it changes.
	lookAtViewEvery = 500 * time.Millisecond
	// reachedMax bounds what the controller is told at once: the rows of so many topics are one batch.
	reachedMax = 100
)

// Receive handles one message.
func (p *balance) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self, p.silent = ctx.Self(), map[kafka.BrokerID]time.Time{}
		p.after(reviewEvery, &reviewReassignments{})
		p.after(p.reviewLeadersEvery(), &reviewLeaders{})
	case *viewChanged:
		p.finish()
		p.lookSoon()
	case *soForLong:
		p.lookSoon()
	case *messages.Reply:
		p.heard(m)
	case *reviewReassignments:
		p.told = nil // the answer may be lost
		p.finish()
		p.lookSoon()
		p.after(reviewEvery, m)
	case *reviewLeaders:
		p.review()
		p.after(p.reviewLeadersEvery(), m)
	case *lookAtView:
		if p.looking = false; p.changed {
			p.lookSoon()
		}
	case *moveLeaders:
		p.moving = false
		p.move()
	}
}

func (p *balance) after(d time.Duration, message any) { p.b.system.After(d, p.self, message) }

func (p *balance) reviewLeadersEvery() time.Duration {
	return p.b.o.Settings.Seconds("leader.imbalance.check.interval.seconds")
}

// controller is that of the cluster, where this node has it.
func (p *balance) controller() *actor.PID {
	if l, ok := p.b.router.View().Controller(); ok && l.Broker == p.b.o.NodeID {
		return l.Coordinator
	}
	return nil
}

// ask asks the controller; nobody waits for the answer to slot 0.
func (p *balance) ask(controller *actor.PID, body any, slot uint64) {
	p.send(controller, &messages.Coordinate{Body: body, Broker: p.b.o.NodeID, Reply: messages.ReplyTo{PID: p.self, Slot: slot}})
}

// lookSoon has the view looked at, at once where it has not been for a while.
func (p *balance) lookSoon() {
	if p.changed = p.looking; p.changed {
		return
	}
	p.looking = true
	p.look()
	p.after(lookAtViewEvery, &lookAtView{})
}

// finish tells the controller which reassignments are done.
func (p *balance) finish() {
	view, controller := p.b.router.View(), p.controller()
	if controller == nil || p.told != nil {
		return
	}
	done := reached(view, reachedMax)
	if len(done) == 0 {
		return
	}
	p.told = view
	p.slot++
	p.ask(controller, &metadata.ReassignmentsDone{Reached: done}, p.slot)
}

// heard goes on with what has come to pass since the controller was told. It may know better than the view by which it was told, so that is not told again.
func (p *balance) heard(m *messages.Reply) {
	if m.Slot != p.slot || p.told == nil {
		return
	}
	told := p.told
	p.told = nil
	if p.b.router.View() != told {
		p.finish()
	}
}

// look does what the view asks for.
func (p *balance) look() {
	view := p.b.router.View()
	p.listen(view)
	p.watchUnserving(view)
	p.relieve(view)
	controller := p.controller()
	if controller == nil {
		return
	}
	for _, q := range p.toFence(view) {
		p.ask(controller, q, 0)
	}
	if q := whatMoves(view, p.b.o.NodeID); len(view.Image.Moves(q)) > 0 {
		p.ask(controller, q, 0)
	}
}

func (p *balance) send(to *actor.PID, message any) { p.b.system.Root().Send(to, message) }
