package supervisor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/coordinator"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A directory is the one that changes what the router shows: the rows of the metadata log as they are committed, and who leads what. It has no
// state but who waits; after a restart it has everybody say again what they said last.
type directory struct {
	system *actors.System
	router *messages.Router
	// partitions hears of each new image.
	partitions *actor.PID

	self    *actor.PID
	waiting []*waiter
}

// A waiter wants an answer once its condition holds, or its time is over.
type waiter struct {
	holds func(*messages.View) bool
	reply messages.ReplyTo
	timer actors.Timer // nil: it waits for as long as it takes
}

// What the directory hears beside coordinator.Committed, messages.Led and messages.AwaitLeaders.
type (
	// awaitView is answered once a condition holds.
	awaitView struct {
		holds func(*messages.View) bool
		reply messages.ReplyTo
	}
	overdue struct{ w *waiter }
)

// Receive handles a backlog: whatever it holds becomes one new view.
func (d *directory) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.self = ctx.Self()
		d.system.Root().Send(d.partitions, &messages.Announce{}) // after a restart: the message at which it panicked is lost
	case *actors.Batch:
		was := d.router.View()
		view, led := was, map[kafka.PartitionNumber]messages.Leader{}
		for message := range m.All() {
			switch m := message.(type) {
			case *coordinator.Committed:
				next, err := view.After(m.Rows, m.Whole, m.Upto)
				if err != nil {
					panic(fmt.Errorf("the metadata log holds a row that can't be read: %w", err))
				}
				if m.Complete && m.Upto >= next.Upto && !next.Complete {
					complete := *next
					complete.Complete = true
					next = &complete
				}
				view = next
			case *messages.Led:
				led[m.Number] = m.Leader
			default:
				d.handle(message)
			}
		}
		if len(led) > 0 {
			view = view.With(led)
		}
		if view != was {
			d.router.Set(view)
		}
		if view.Image != was.Image {
			d.system.Root().Send(d.partitions, &reconcile{})
		}
		d.release()
	}
}

func (d *directory) handle(message any) {
	switch m := message.(type) {
	case *messages.AwaitLeaders:
		w := &waiter{holds: func(v *messages.View) bool { return areLed(v, m.Topics) && areGone(v, m.Gone) }, reply: m.Reply}
		d.waiting = append(d.waiting, w)
		w.timer = d.system.After(time.Duration(max(0, m.TimeoutMillis))*time.Millisecond, d.self, &overdue{w})
	case *awaitView:
		d.waiting = append(d.waiting, &waiter{holds: m.holds, reply: m.reply})
	case *overdue:
		if i := slices.Index(d.waiting, m.w); i >= 0 && !m.w.holds(d.router.View()) {
			d.waiting = slices.Delete(d.waiting, i, i+1)
			d.answer(m.w, kerr.RequestTimedOut)
		}
	}
}

// release answers those whose condition holds by now.
func (d *directory) release() {
	view := d.router.View()
	d.waiting = slices.DeleteFunc(d.waiting, func(w *waiter) bool {
		if !w.holds(view) {
			return false
		}
		d.answer(w, nil)
		return true
	})
}

// Failed answers everybody who waits.
func (d *directory) Failed(*actors.Panic, any) {
	for _, w := range d.waiting {
		d.answer(w, kerr.RequestTimedOut)
	}
	d.waiting = nil
}

func (d *directory) answer(w *waiter, err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	d.system.Root().Send(w.reply.PID, &messages.Reply{Slot: w.reply.Slot, Err: err})
}

// areLed tells whether all partitions of the topics have leaders. A topic that is gone is not waited for.
func areLed(v *messages.View, topics []kafka.TopicID) bool {
	for _, id := range topics {
		t := v.Image.TopicByID(id)
		if t == nil {
			continue
		}
		for _, p := range t.Partitions {
			if _, ok := v.LeaderOf(p.Number); !ok {
				return false
			}
		}
	}
	return true
}

func areGone(v *messages.View, topics []kafka.TopicID) bool {
	return !slices.ContainsFunc(topics, func(id kafka.TopicID) bool { return v.Image.TopicByID(id) != nil })
}

// isServing tells whether the controller and all partitions of a broker have leaders, but for those that are out of service.
func isServing(v *messages.View, broker kafka.BrokerID) bool {
	if !v.Complete {
		return false // what partitions there are is not known yet
	}
	if l, ok := v.Controller(); !ok || l.Coordinator == nil {
		return false
	}
	for number := range maps.Keys(partitionsOf(v.Image, broker)) {
		if _, ok := v.LeaderOf(number); !ok && !v.OutOfService(number) {
			return false
		}
	}
	return true
}
