package api

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// Calls are the requests of one session that are being served, and what they have asked of other actors. It belongs to
// the session's actor.
type Calls struct {
	env  *Env
	self *actor.PID
	// alarm asks the session to call Expire at a time.
	alarm    func(at time.Time) actors.Timer
	armed    time.Time
	timer    actors.Timer // of the alarm that is set
	lastSlot uint64
	open     map[uint64]*call
	count    uint64
	serving  map[*Request]uint64 // each with its place in the order in which they came
	produces uint64              // requests that have come
	refused  refusedSequences
	sending  sendings
}

// A call is a question that has not been answered yet.
type call struct {
	r       *Request
	to      *actor.PID
	message any
	done    func(value any, err error)
	repeats bool
}

// NewCalls returns the calls of a session.
func (e *Env) NewCalls(self *actor.PID, alarm func(at time.Time) actors.Timer) *Calls {
	return &Calls{env: e, self: self, alarm: alarm, open: map[uint64]*call{}, serving: map[*Request]uint64{}, refused: refusedSequences{}, sending: sendings{}}
}

// Serve begins with a request. Its Done may be called before Serve returns.
func (c *Calls) Serve(r *Request) {
	r.calls, r.view = c, c.env.Router.View()
	c.count++
	c.serving[r] = c.count
	r.API.serve(r)
}

// Reply hands an answer to the request that asked. One that comes too late is dropped.
func (c *Calls) Reply(m *messages.Reply) {
	q := c.open[m.Slot]
	if q == nil {
		return
	}
	if !q.repeats {
		delete(c.open, m.Slot)
	}
	q.done(m.Value, m.Err)
}

// Expire ends what was due by now.
func (c *Calls) Expire(now time.Time) {
	c.armed, c.timer = time.Time{}, nil
	var due []*Request
	for r := range c.serving {
		if !r.deadline.IsZero() && !r.deadline.After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *Request) int { return cmp.Compare(c.serving[a], c.serving[b]) })
	for _, r := range due {
		r.deadline = time.Time{}
		r.expire()
	}
	for r := range c.serving {
		c.arm(r.deadline)
	}
}

// NodeDown ends what was asked of actors on a node that is not there any more, or has not heard it perhaps. Who asked looks for the leader again.
func (c *Calls) NodeDown(node kafka.BrokerID) {
	address := messages.AddressOf(node)
	for _, slot := range slices.Sorted(maps.Keys(c.open)) {
		if q := c.open[slot]; q != nil && q.to.Address == address {
			delete(c.open, slot)
			if q.repeats {
				c.env.System.Root().Send(q.to, &messages.FetchEnd{Reply: messages.ReplyTo{PID: c.self, Slot: slot}}) // where the node is there after all
			}
			q.done(nil, q.gone())
		}
	}
}

// gone is what a question to an actor is answered that is not there any more.
func (q *call) gone() error {
	if u, ok := q.message.(actors.Undeliverable); ok {
		if _, answer := u.Undelivered(); answer != nil {
			if reply, ok := answer.(*messages.Reply); ok {
				return reply.Err
			}
		}
	}
	return kerr.NotLeaderForPartition
}

// Hurry has requests that wait for something to happen, fetches, answer with what there is.
func (c *Calls) Hurry() {
	for _, r := range slices.SortedFunc(maps.Keys(c.serving), func(a, b *Request) int { return cmp.Compare(c.serving[a], c.serving[b]) }) {
		if r.hurry != nil {
			r.hurry()
		}
	}
}

// Close withdraws what waits at other actors. No request is answered any more.
func (c *Calls) Close() {
	for _, slot := range slices.Sorted(maps.Keys(c.open)) {
		if q := c.open[slot]; q.repeats {
			c.env.System.Root().Send(q.to, &messages.FetchEnd{Reply: messages.ReplyTo{PID: c.self, Slot: slot}})
		}
	}
	clear(c.open)
	if c.timer != nil {
		c.timer.Stop()
	}
	for r := range c.serving {
		r.over = true
	}
	clear(c.serving)
}

func (c *Calls) ask(r *Request, to *actor.PID, build func(messages.ReplyTo) any, done func(value any, err error), repeats bool) messages.ReplyTo {
	c.lastSlot++
	reply := messages.ReplyTo{PID: c.self, Slot: c.lastSlot}
	message := build(reply)
	c.open[reply.Slot] = &call{r, to, message, done, repeats}
	r.open = append(r.open, reply.Slot)
	if r.deadline.IsZero() {
		r.by(c.env.System.Now().Add(patience), nil)
	}
	c.env.System.Root().Send(to, message)
	return reply
}

func (c *Calls) forget(r *Request) {
	for _, slot := range r.open {
		delete(c.open, slot)
	}
	r.open = nil
	delete(c.serving, r)
}

func (c *Calls) arm(at time.Time) {
	if !at.IsZero() && (c.armed.IsZero() || at.Before(c.armed)) {
		if c.timer != nil {
			c.timer.Stop()
		}
		c.armed, c.timer = at, c.alarm(at)
	}
}

// timeOut answers every open question of a request with an error.
func (c *Calls) timeOut(r *Request) {
	for _, slot := range slices.Clone(r.open) {
		if q := c.open[slot]; q != nil {
			delete(c.open, slot)
			q.done(nil, kerr.RequestTimedOut)
		}
	}
}
