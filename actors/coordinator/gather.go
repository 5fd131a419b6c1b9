package coordinator

import (
	"slices"

	"troupe/actors/messages"
)

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
	owners := slices.DeleteFunc(c.sorted(), func(o *owner) bool { return o.failed })
	g := &gather{reply: m.Reply, parts: make(map[uint64]int, len(owners)), out: make([]any, len(owners))}
	for i, o := range owners {
		slot := c.nextSlot()
		g.parts[slot] = i
		c.gathers[slot] = g
		c.ask(o, &messages.Coordinate{Key: o.key, Body: m.Body, Reply: messages.ReplyTo{PID: c.self, Slot: slot}})
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
