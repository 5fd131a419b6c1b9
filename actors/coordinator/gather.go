package coordinator

import (
	"slices"

	"troupe/actors/messages"
)

// A gather collects the answers of all keys.
type gather struct {
	slot  uint64 // its own
	asked *messages.CoordinateAll
	keys  []string // all of them
	next  int      // the first that was not asked yet
	out   []any
	parts map[uint64]int // slots that are waited for, with the place of their value
}

// collect has a gather go on with its keys.
type collect struct{ slot uint64 }

func (c *coordinator) coordinateAll(m *messages.CoordinateAll) {
	if err := c.refusal(); err != nil {
		c.answer(answer{m.Reply, nil, err})
		return
	}
	g := &gather{slot: c.nextSlot(), asked: m, parts: map[uint64]int{}}
	for _, o := range c.sorted() {
		g.keys = append(g.keys, o.key)
	}
	g.out = make([]any, len(g.keys))
	c.gathers[g.slot] = g
	c.collect(g)
}

// collect asks the actors of keys, and for keys that have none a machine made from their rows.
func (c *coordinator) collect(g *gather) {
	for n := 0; g.next < len(g.keys); g.next++ {
		if n == glancesPerTurn {
			c.send(c.self, &collect{g.slot})
			return
		}
		o := c.keys[g.keys[g.next]]
		if o == nil || o.failed {
			continue
		}
		m := &messages.Coordinate{Key: o.key, Body: g.asked.Body, Broker: g.asked.Broker}
		if o.child == nil {
			n++
			if a, ok := c.glance(o, m); ok {
				g.out[g.next] = a.value
				continue
			}
		}
		slot := c.nextSlot()
		g.parts[slot] = g.next
		c.gathers[slot] = g
		m.Reply = messages.ReplyTo{PID: c.self, Slot: slot}
		c.ask(o, m)
	}
	c.finish(g)
}

// gathered takes the part of one key; where it has only an error, the others do.
func (c *coordinator) gathered(m *messages.Reply, g *gather) {
	delete(c.gathers, m.Slot)
	g.out[g.parts[m.Slot]] = m.Value
	delete(g.parts, m.Slot)
	c.finish(g)
}

func (c *coordinator) finish(g *gather) {
	if g.next == len(g.keys) && len(g.parts) == 0 {
		delete(c.gathers, g.slot)
		c.answer(answer{g.asked.Reply, slices.DeleteFunc(g.out, func(v any) bool { return v == nil }), nil})
	}
}
