package coordinator

import (
	"cmp"
	"maps"
	"net/url"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
)

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
	o.child, o.sent, o.wants = pid, 0, false
	return pid
}

func (c *coordinator) stopChild(o *owner) {
	if o.child != nil {
		c.ctx.Stop(o.child)
		o.child, o.wants, o.epoch = nil, false, 0
	}
	c.forgetIfEmpty(o)
}

func (c *coordinator) forgetIfEmpty(o *owner) {
	if o.child == nil && len(o.rows) == 0 && o.inFlight == 0 && c.keys[o.key] == o {
		delete(c.keys, o.key)
	}
}

// wantRows gives a child the rows of its key, once all that it or an earlier incarnation proposed is settled.
func (c *coordinator) wantRows(m *wantRows) {
	o := c.keys[m.key]
	if o == nil || o.child == nil {
		return
	}
	o.wants = true
	if o.inFlight == 0 {
		c.sendRows(o)
	}
}

func (c *coordinator) sendRows(o *owner) {
	o.wants = false
	if o.child != nil {
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

// retire lets an idle child go, unless something was sent to it after it asked. One that was restarted has lost count, and stays.
func (c *coordinator) retire(m *retire) {
	if o := c.keys[m.key]; o != nil && o.child != nil && o.sent == m.seen && o.inFlight == 0 {
		c.stopChild(o)
	}
}

// A gather collects the answers of all keys.
type gather struct {
	reply messages.ReplyTo
	parts map[uint64]int // slots that are waited for, with the place of their value
	out   []any
}

func (c *coordinator) coordinateAll(m *messages.CoordinateAll) {
	if err := c.refusal(); err != nil {
		c.answer(answer{m.Reply, nil, err})
		return
	}
	owners := c.sorted()
	g := &gather{reply: m.Reply, parts: make(map[uint64]int, len(owners)), out: make([]any, len(owners))}
	for i, o := range owners {
		pid := c.child(o)
		o.sent++
		slot := c.nextSlot()
		g.parts[slot] = i
		c.gathers[slot] = g
		c.send(pid, &messages.Coordinate{Key: o.key, Body: m.Body, Reply: messages.ReplyTo{PID: c.self, Slot: slot}})
	}
	g.finish(c)
}

func (c *coordinator) gathered(m *messages.Reply, g *gather) {
	delete(c.gathers, m.Slot)
	g.out[g.parts[m.Slot]] = m.Value
	delete(g.parts, m.Slot)
	g.finish(c)
}

func (g *gather) finish(c *coordinator) {
	if len(g.parts) == 0 {
		c.answer(answer{g.reply, slices.DeleteFunc(g.out, func(v any) bool { return v == nil }), nil})
	}
}

func (g *gather) failed(c *coordinator, err error) {
	if len(g.parts) > 0 {
		clear(g.parts)
		c.answer(answer{g.reply, nil, err})
	}
}
