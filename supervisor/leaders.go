package supervisor

import (
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

const (
	// movesPerRound and moveEvery bound how fast leadership moves by itself.
	movesPerRound = 10
	moveEvery     = time.Second
)

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
func imbalanced(view *messages.View, own kafka.BrokerID) []kafka.PartitionNumber {
	return numbersWhere(view, func(p *metadata.Partition) bool {
		_, err := view.PreferLeader(p, own)
		return err == nil
	})
}

// relieve has those hand over, before all others, that lead on brokers which are being drained, cut off, or not at work.
func (p *balance) relieve(view *messages.View) {
	if !slices.ContainsFunc(view.Image.Brokers(), func(b *metadata.Broker) bool { return p.isToLeave(view, b.ID) }) {
		return
	}
	due := numbersWhere(view, func(q *metadata.Partition) bool {
		_, ok := p.relief(view, q)
		return ok
	})
	if len(due) > 0 {
		p.moves = append(due, slices.DeleteFunc(p.moves, func(number kafka.PartitionNumber) bool { return slices.Contains(due, number) })...)
		p.move()
	}
}

// relief returns how a partition comes to be led elsewhere than where it should not be, if it is for this node to see to that: the node that leads the metadata sees to all that it
// can reach. Some brokers it does not reach; who takes over from one of these asks for it.
func (p *balance) relief(view *messages.View, q *metadata.Partition) (h messages.Succession, ok bool) {
	l, ok := view.LeaderOf(q.Number)
	if !ok || !p.isToLeave(view, l.Broker) {
		return messages.Succession{}, false
	}
	h, ok = view.RelieveLeader(q, p.b.o.NodeID)
	return h, ok && (p.controller() != nil || h.To.Broker == p.b.o.NodeID && p.isOutOfReach(view, l.Broker))
}

// handover returns how leadership of a partition is to move, if it is for this node to see to that.
func (p *balance) handover(view *messages.View, q *metadata.Partition) (h messages.Succession, ok bool) {
	if h, ok = p.relief(view, q); ok || p.controller() == nil {
		return h, ok
	}
	h, err := view.PreferLeader(q, p.b.o.NodeID)
	return h, err == nil
}

// numbersWhere returns the numbers of the partitions that are so, of all topics.
func numbersWhere(view *messages.View, is func(p *metadata.Partition) bool) (out []kafka.PartitionNumber) {
	for _, t := range view.Image.Topics() {
		for i := range t.Partitions {
			if is(&t.Partitions[i]) {
				out = append(out, t.Partitions[i].Number)
			}
		}
	}
	return out
}

// move has the next few leaders hand over, those that still should. One that does not succeed waits for the next review.
func (p *balance) move() {
	if p.moving {
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
		h, ok := p.handover(view, view.Image.Partition(tp))
		if !ok {
			continue
		}
		p.moving = true
		p.send(h.Leader.Replica, &messages.Transfer{To: h.To.RaftID, Reply: messages.ReplyTo{PID: p.self}})
		n++
	}
	if p.moving {
		p.after(moveEvery, &moveLeaders{})
	}
}
