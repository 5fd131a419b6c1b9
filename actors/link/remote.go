package link

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/partition/kafka"
)

// A remote is what a PID of another node leads to. There is one for each node for as long as this one lives, because PIDs remember it.
type remote struct {
	links *Links
	node  kafka.BrokerID
	lanes [actors.Lanes]*outbox
}

func newRemote(l *Links, node kafka.BrokerID) *remote {
	r := &remote{links: l, node: node}
	for lane := range r.lanes {
		r.lanes[lane] = newOutbox(l.o.QueueBytesMax)
	}
	return r
}

// SendUserMessage has a message sent. It never blocks: where the message can't go now, its sender is told.
func (r *remote) SendUserMessage(pid *actor.PID, message any) {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message // senders are part of our messages where they matter
	}
	f, lane, ok := r.frame(pid, message)
	switch {
	case !ok:
		r.links.complain(fmt.Sprintf("encode %T", message), level.Error, "a message can't leave the node", "type", fmt.Sprintf("%T", message), "to", pid)
	case len(f.target) > targetBytesMax || f.cost() > frameBytesMax:
		r.links.complain(fmt.Sprintf("size %T", message), level.Error, "a message is too long to leave the node", "type", fmt.Sprintf("%T", message), "to", pid, "bytes", f.size)
	case r.lanes[lane].put(f):
		return
	}
	if m, ok := message.(Shortened); ok {
		if f, lane, ok := r.frame(pid, m.Shortened()); ok && r.lanes[lane].putShort(f) {
			return
		}
	}
	r.undelivered(message)
}

func (r *remote) frame(pid *actor.PID, message any) (f frame, lane actors.Lane, ok bool) {
	kind, lane, pieces, ok := r.links.o.Codec.Encode(message)
	f = frame{kind: kind, target: pid.Id, pieces: pieces, message: message}
	for _, p := range pieces {
		f.size += len(p)
	}
	return f, lane, ok
}

// SendSystemMessage answers as for an actor that is not there: watches and stops don't cross nodes. Who must know of a node's end listens to Down.
func (r *remote) SendSystemMessage(pid *actor.PID, message any) {
	r.links.o.System.Actors().DeadLetter.SendSystemMessage(pid, message)
}

// Stop does nothing: an actor is stopped on its own node.
func (r *remote) Stop(*actor.PID) {}

func (r *remote) undelivered(message any) {
	r.links.counts.undelivered.Add(1)
	r.links.o.System.Undelivered(message)
}

// drop tells the senders of frames that they were not sent.
func (r *remote) drop(frames []frame) {
	for _, f := range frames {
		if f.kind != kindHeartbeat {
			r.undelivered(f.message)
		}
	}
}

// close drops what waits in all lanes, and lets nothing in.
func (r *remote) close() {
	for _, box := range r.lanes {
		r.drop(box.close())
	}
}
