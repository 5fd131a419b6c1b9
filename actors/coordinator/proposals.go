package coordinator

import (
	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A proposal is a batch that is on its way, and the answers that wait for it.
type proposal struct {
	slot   uint64
	owner  *owner
	parked []answer
}

// outcome proposes what a machine wants recorded and parks what it answers.
func (c *coordinator) outcome(m *outcome) {
	o := c.keys[m.key]
	if o == nil {
		return
	}
	answers := o.settle(m.replies)
	if o.epoch != m.epoch || !c.serving {
		c.refuse(answers, c.o.NotServing)
		return
	}
	if len(m.records) > 0 {
		batch, err := c.batch(m.records)
		if err != nil {
			panic(err) // no codec, no limit: it can't fail
		}
		slot := c.nextSlot()
		c.proposals = append(c.proposals, &proposal{slot, o, answers})
		o.inFlight++
		c.send(c.replica, &messages.Produce{Batch: batch, Acks: kafka.AcksAll, Reply: messages.ReplyTo{PID: c.self, Slot: slot}})
		return
	}
	for i := len(c.proposals) - 1; i >= 0 && o.inFlight > 0; i-- {
		if p := c.proposals[i]; p.owner == o {
			p.parked = append(p.parked, answers...)
			return
		}
	}
	for _, a := range answers {
		c.answer(a)
	}
}

func (c *coordinator) nextSlot() uint64 {
	*c.slots++
	return *c.slots
}

func (c *coordinator) batch(rows []partition.KeyValue) (record.Batch, error) {
	var b record.Builder
	now := c.o.System.Now().UnixMilli()
	for _, kv := range rows {
		b.Add(record.Record{Timestamp: now, Key: kv.Key, Value: kv.Value})
	}
	return b.Build()
}

// settle ends a proposal.
func (c *coordinator) settle(p *proposal, err error) {
	o := p.owner
	o.inFlight--
	if err != nil {
		level.Warn(c.o.System.Logger()).Log("msg", "a coordinator's records were not appended", "partition", c.o.Number, "key", o.key, "err", err)
		c.refuse(p.parked, c.o.NotServing)
		if o.child != nil {
			o.epoch = 0 // what its machine has in mind never happened
			c.send(o.child, &forget{})
		}
	} else {
		for _, a := range p.parked {
			c.answer(a)
		}
	}
	if o.wants && o.inFlight == 0 {
		c.sendRows(o)
	}
}
