package supervisor

import (
	"context"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition/metadata"
)

const (
	handOverWithin = 10 * time.Second
	fenceWithin    = 2 * time.Second
	fenceAgain     = 250 * time.Millisecond
	drainLook      = 5 * time.Millisecond
)

// leave has others take over what the node leads, and tells the cluster that clients should not come here any more. Clients are served meanwhile. Where
// nobody can take over, or not in time, the node ends all the same: that is what happens when it dies.
func (n *Node) leave(ctx context.Context) {
	b := n.tree
	id := b.o.NodeID
	if b.o.Network == nil || len(b.router.View().Others()) == 0 {
		return
	}
	n.system.Root().Send(b.node, &leaving{})
	n.system.Root().Send(b.partitions, &messages.HandOver{})
	if !n.await(ctx, handOverWithin, func(v *messages.View) bool { return v.LeaderCount(id) == 0 || len(v.Others()) == 0 }) {
		level.Warn(n.o.Logger).Log("msg", "some partitions have no other replica that could lead; they are without a leader until this node is back", "partitions", b.router.View().LeaderCount(id))
	}
	n.beFenced(ctx)
}

// beFenced has the controller say that clients should not come here any more. Where it was on this node another one has to be elected first, and where that is new it may not serve yet.
func (n *Node) beFenced(ctx context.Context) {
	b := n.tree
	id := b.o.NodeID
	ctx, cancel := context.WithTimeout(ctx, fenceWithin)
	defer cancel()
	isOver := func(v *messages.View) bool {
		me := v.Image.Broker(id)
		return me == nil || me.Fenced || len(v.Others()) == 0
	}
	for ctx.Err() == nil && n.Err() == nil && !isOver(b.router.View()) {
		var controller messages.Leader
		n.await(ctx, fenceAgain, func(v *messages.View) (ok bool) {
			controller, ok = v.Controller()
			return ok && controller.Coordinator != nil
		})
		if controller.Coordinator == nil {
			continue
		}
		n.system.Root().Send(controller.Coordinator, &messages.Coordinate{
			Body: &metadata.FenceBroker{ID: id, Incarnation: b.o.Incarnation}, Broker: id, Reply: messages.ReplyTo{PID: b.membership},
		})
		n.await(ctx, fenceAgain, isOver)
	}
}

// await waits until the view is as wanted; false where that takes too long.
func (n *Node) await(ctx context.Context, within time.Duration, holds func(*messages.View) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ticker := time.NewTicker(drainLook)
	defer ticker.Stop()
	for !holds(n.tree.router.View()) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		case <-n.done:
			return false
		}
	}
	return true
}
