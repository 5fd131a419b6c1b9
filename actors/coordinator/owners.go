package coordinator

import (
	"cmp"
	"maps"
	"net/url"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
)

// An owner is a key with its rows, and its actor where it has one.
type owner struct {
	key      string
	rows     map[string][]byte
	child    *actor.PID
	ending   bool                                  // its actor was told to stop
	failed   bool                                  // its actor has panicked too often: there is none any more
	open     map[partition.Ticket]messages.ReplyTo // who asked, and has no answer yet
	waiting  []*messages.Coordinate                // for the next actor, while this one ends
	inFlight int                                   // of its proposals
	epoch    uint64                                // of its machine; what an earlier one says is not heard
	wants    bool                                  // its actor waits for the rows
}

// take returns refusals for those of the tickets that are open, and closes them.
func (o *owner) take(tickets ...partition.Ticket) (out []answer) {
	for _, t := range tickets {
		if to, ok := o.open[t]; ok {
			delete(o.open, t)
			out = append(out, answer{to: to})
		}
	}
	return out
}

func (o *owner) takeAll() []answer { return o.take(slices.Sorted(maps.Keys(o.open))...) }

// settle turns what a machine replies into answers to who asked.
func (o *owner) settle(replies []partition.Reply) (out []answer) {
	for _, r := range replies {
		for _, a := range o.take(r.Ticket) {
			out = append(out, answer{a.to, r.Response, r.Err})
		}
	}
	return out
}

func (c *coordinator) owner(key string) *owner {
	o := c.keys[key]
	if o == nil {
		o = &owner{key: key, rows: map[string][]byte{}}
		c.keys[key] = o
	}
	return o
}

// sorted returns the owners by key, so that what is done to all of them is done in an order.
func (c *coordinator) sorted() []*owner {
	return slices.SortedFunc(maps.Values(c.keys), func(a, b *owner) int { return cmp.Compare(a.key, b.key) })
}

// child returns the actor of a key, which is made if need be.
func (c *coordinator) child(o *owner) *actor.PID {
	if o.child != nil {
		return o.child
	}
	name := c.o.KeyKind
	if o.key != "" {
		name += ":" + url.PathEscape(o.key)
	}
	pid, err := c.o.System.Spawn(c.ctx, actors.Kind{Name: c.o.KeyKind}, name, func() actor.Actor {
		return &key{o: c.o, coordinator: c.self, key: o.key}
	})
	if err != nil {
		panic(err)
	}
	o.child, o.wants = pid, false
	c.children[pid.Id] = o
	return pid
}

// ask has the actor of a key serve a request. Its answer comes in an outcome, under a ticket, so that nobody who asked is forgotten when the actor ends.
func (c *coordinator) ask(o *owner, m *messages.Coordinate) {
	slot := c.nextSlot()
	if o.open == nil {
		o.open = map[partition.Ticket]messages.ReplyTo{}
	}
	o.open[partition.Ticket(slot)] = m.Reply
	numbered := *m
	numbered.Reply = messages.ReplyTo{PID: c.self, Slot: slot}
	if o.ending {
		o.waiting = append(o.waiting, &numbered)
		return
	}
	c.send(c.child(o), &numbered)
}

// stopChild ends the actor of a key. Its name is free, and its place may be taken, when it has ended.
func (c *coordinator) stopChild(o *owner) {
	if o.child != nil && !o.ending {
		c.ctx.Stop(o.child)
		o.ending, o.wants, o.epoch = true, false, 0
	}
	c.forgetIfEmpty(o)
}

// ended is told of every actor that is no more. One that nobody has stopped has panicked too often: whoever waits for it, and whoever
// asks later, is told so, because another one would panic as well.
func (c *coordinator) ended(who *actor.PID) {
	o := c.children[who.Id]
	if o == nil {
		return
	}
	delete(c.children, who.Id)
	o.failed = !o.ending
	o.child, o.ending, o.wants, o.epoch = nil, false, false, 0
	if o.failed {
		c.refuse(o.takeAll(), c.outOfService(o))
		return
	}
	if c.stopping {
		c.refuse(o.takeAll(), c.o.NotServing)
		return
	}
	waiting := o.waiting
	o.waiting = nil
	for _, m := range waiting {
		c.send(c.child(o), m)
	}
	c.forgetIfEmpty(o)
}

// outOfService is not an error after which clients look for the coordinator again: they would do so for ever.
func (c *coordinator) outOfService(o *owner) error {
	return kafka.Errorf(kerr.UnknownServerError, "the %s %q has failed on broker %d and is out of service there", c.o.KeyKind, o.key, c.o.Broker)
}

func (c *coordinator) forgetIfEmpty(o *owner) {
	if o.child == nil && !o.failed && len(o.rows) == 0 && o.inFlight == 0 && c.keys[o.key] == o {
		delete(c.keys, o.key)
	}
}

// wantRows gives a child the rows of its key, once all that it or an earlier incarnation proposed is settled.
func (c *coordinator) wantRows(m *wantRows) {
	o := c.keys[m.key]
	if o == nil || o.child == nil || o.ending {
		return
	}
	o.wants = true
	if o.inFlight == 0 {
		c.sendRows(o)
	}
}

func (c *coordinator) sendRows(o *owner) {
	o.wants = false
	if o.child != nil && !o.ending {
		c.epoch++
		o.epoch = c.epoch
		c.send(o.child, &rows{sortedRows(o.rows), o.epoch})
	}
}

func sortedRows(m map[string][]byte) []partition.KeyValue {
	out := make([]partition.KeyValue, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, partition.KeyValue{Key: []byte(k), Value: m[k]})
	}
	return out
}

// retire lets an idle child go, unless it was asked for something meanwhile.
func (c *coordinator) retire(m *retire) {
	if o := c.keys[m.key]; o != nil && o.epoch == m.epoch && len(o.open) == 0 && o.inFlight == 0 {
		c.stopChild(o)
	}
}
