package supervisor

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// balance does for partitions what none of their replicas does by itself: it tells the controller which reassignments are done, and has leaders hand over to
// the preferred ones. One node does it for all, the one that leads the metadata. It has no state but what it is waiting for.
type balance struct {
	b    *builder
	self *actor.PID
	slot uint64
	// told is the view by which the controller was told of reassignments, until it has answered.
	told *messages.View
	// moves are partitions that are to be led by their preferred leaders, moving says that some are moved each second.
	moves  []kafka.PartitionNumber
	moving bool
}

// What it says to itself, beside viewChanged from the directory.
type (
	reviewReassignments struct{}
	reviewLeaders       struct{}
	moveLeaders         struct{}
)

const (
	// movesPerRound and moveEvery bound how fast leadership moves by itself.
	movesPerRound = 10
	moveEvery     = time.Second
	// reachedMax bounds what the controller is told at once: the rows of so many topics are one batch.
	reachedMax = 100
)

// Receive handles one message.
func (p *balance) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self = ctx.Self()
		p.after(reviewEvery, &reviewReassignments{})
		p.after(p.reviewLeadersEvery(), &reviewLeaders{})
	case *viewChanged:
		p.finish()
	case *messages.Reply:
		p.heard(m)
	case *reviewReassignments:
		p.told = nil // the answer may be lost
		p.finish()
		p.after(reviewEvery, m)
	case *reviewLeaders:
		p.review()
		p.after(p.reviewLeadersEvery(), m)
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
	p.send(controller, &messages.Coordinate{Body: &metadata.ReassignmentsDone{Reached: done}, Broker: p.b.o.NodeID, Reply: messages.ReplyTo{PID: p.self, Slot: p.slot}})
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

// review looks for partitions that are not led by their preferred leaders.
func (p *balance) review() {
	if p.controller() == nil || !p.b.o.Settings.Bool("auto.leader.rebalance.enable") {
		return
	}
	p.moves = imbalanced(p.b.router.View(), p.b.o.NodeID)
	if len(p.moves) > 0 {
		level.Info(p.b.system.Logger()).Log("msg", "handing leadership to preferred leaders", "partitions", len(p.moves))
	}
	p.move()
}

// imbalanced returns the partitions whose preferred leader does not lead and could.
func imbalanced(view *messages.View, own kafka.BrokerID) (out []kafka.PartitionNumber) {
	for _, t := range view.Image.Topics() {
		for i := range t.Partitions {
			if _, err := view.PreferLeader(&t.Partitions[i], own); err == nil {
				out = append(out, t.Partitions[i].Number)
			}
		}
	}
	return out
}

// move has the next few leaders hand over, those that still should. One that does not succeed waits for the next review.
func (p *balance) move() {
	if p.moving || p.controller() == nil {
		return
	}
	view := p.b.router.View()
	for n := 0; n < movesPerRound && len(p.moves) > 0; {
		number := p.moves[0]
		p.moves = slices.Delete(p.moves, 0, 1)
		tp, ok := view.Image.NameOf(number)
		if !ok {
			continue
		}
		h, err := view.PreferLeader(view.Image.Partition(tp), p.b.o.NodeID)
		if err != nil {
			continue
		}
		p.send(h.Leader.Replica, &messages.Transfer{To: h.To.RaftID, Reply: messages.ReplyTo{PID: p.self}})
		n++
	}
	if len(p.moves) > 0 {
		p.moving = true
		p.after(moveEvery, &moveLeaders{})
	}
}

func (p *balance) send(to *actor.PID, message any) { p.b.system.Root().Send(to, message) }
