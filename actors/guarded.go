package actors

import (
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
)

// A Panic is why an actor failed.
type Panic struct {
	Reason any
	Stack  []byte // of the goroutine that panicked
}

// Error describes the reason, without the stack.
func (p *Panic) Error() string { return fmt.Sprint(p.Reason) }

// A Failing actor is told that it has panicked while it handled a message, before anything else happens, so that it can answer
// who waits for it. It is never called again after that.
type Failing interface {
	Failed(reason *Panic, message any)
}

// guarded stands between protoactor and one incarnation of an actor.
type guarded struct {
	inner  actor.Actor
	system *System
	node   *node
	ending bool // it waits for its children to end
}

// Receive hands a message to the actor, and keeps panics out of the end of its life, where protoactor can't have them.
func (g *guarded) Receive(ctx actor.Context) {
	if g.ending {
		defer g.recoverMessage(ctx.Message())
	}
	switch ctx.Message().(type) {
	case *actor.Started:
		g.node.incarnate(g.inner)
	case *actor.Stopping:
		g.ending = true
		g.node.stopping.Store(true)
		defer g.recover("stopping")
	case *actor.Restarting:
		g.ending = true
		defer g.recover("stopping")
	case *actor.Stopped:
		defer g.system.nodeEnded(g.node)
		defer g.recover("stopped")
	case *Batch: // asks for itself, message by message
	default:
		g.node.fault(g.system, ctx.Message())
	}
	g.inner.Receive(ctx)
}

// fault lets a test have the actor panic.
func (n *node) fault(s *System, message any) {
	if s.o.Fault != nil {
		s.o.Fault(n.kind, n.id, message)
	}
}

func (g *guarded) recover(when string) {
	if r := recover(); r != nil {
		level.Error(g.system.o.Logger).Log("msg", "panic at the end of an actor", "actor", g.node.id, "while", when, "panic", r, "stack", string(debug.Stack()))
	}
}

// recoverMessage is for what comes while the actor ends: it would not end, but be restarted. To whom the message was worth an answer is told that it has reached nobody, and so of what
// is left of a batch.
func (g *guarded) recoverMessage(message any) {
	r := recover()
	if r == nil {
		return
	}
	level.Error(g.system.o.Logger).Log("msg", "panic at the end of an actor", "actor", g.node.id, "while", "waiting for its children", "panic", r, "stack", string(debug.Stack()))
	b, ok := message.(*Batch)
	if !ok {
		g.system.Undelivered(message)
		return
	}
	g.system.Undelivered(b.current())
	b.before = nil
	for m := range b.All() {
		g.system.Undelivered(m)
	}
}
