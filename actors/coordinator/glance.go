package coordinator

import (
	"troupe/actors/messages"
	"troupe/partition"
)

// glancesPerTurn is how many keys are looked at before whoever else waits for the coordinator has a turn.
const glancesPerTurn = 100

// glance asks a machine that is made for this one question from the rows of a key without an actor. It is not ok where more than an answer
// comes of it: records, something to wait for, or a panic. Then nothing has happened, and the key is to have an actor, which comes to the same.
func (c *coordinator) glance(o *owner, m *messages.Coordinate) (a answer, ok bool) {
	if o.child != nil || o.inFlight > 0 {
		return answer{}, false
	}
	defer func() {
		if recover() != nil {
			a, ok = answer{}, false
		}
	}()
	now := c.o.System.Now()
	machine := c.o.Machine(o.key)
	out, err := machine.Restore(now, sortedRows(o.rows))
	if err != nil || len(out.Records) > 0 || !machine.Idle() {
		return answer{}, false
	}
	if m == nil {
		return answer{}, true
	}
	out = machine.Handle(now, &partition.Request{
		Ticket: 1, Body: m.Body, ClientID: m.ClientID, ClientHost: m.ClientHost, Nonce: c.o.System.Nonce(), Broker: m.Broker,
	})
	if len(out.Records) > 0 || len(out.Replies) != 1 || !machine.Idle() {
		return answer{}, false
	}
	return answer{m.Reply, out.Replies[0].Response, out.Replies[0].Err}, true
}

// sweep is a round over all keys, or the rest of one.
type sweep struct {
	round uint64
	keys  []string
}

// sweep looks at keys without an actor, all where none are named, and gives one to those that have something to do. Other actors know their time by themselves.
func (c *coordinator) sweep(keys []string) {
	if keys == nil {
		for _, o := range c.sorted() {
			keys = append(keys, o.key)
		}
	}
	for n, key := range keys {
		if n == glancesPerTurn {
			c.send(c.self, &sweep{c.round, keys[n:]})
			return
		}
		o := c.keys[key]
		if o == nil || o.failed || o.child != nil {
			continue
		}
		if _, ok := c.glance(o, nil); !ok {
			c.child(o)
		}
	}
	c.o.System.After(c.o.SweepEvery, c.self, &sweep{round: c.round})
}
