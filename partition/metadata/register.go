package metadata

import (
	"troupe/partition"
	"troupe/partition/kafka"
)

// RegisterBroker is a node's word that it is there. Its answer is *Registered.
type RegisterBroker struct{ Broker Broker }

// Registered tells a node what it is registered with.
type Registered struct {
	RaftID uint64 // of its replica of the metadata partition
}

// FenceBroker says that clients and new replicas should not go to a broker, until it registers without Fenced. It holds for one incarnation: where
// the broker has registered with another one since, nothing happens. Its answer is nil.
type FenceBroker struct {
	ID          kafka.BrokerID
	Incarnation uint64
}

func (c *Controller) registerBroker(out *partition.Outcome, b Broker) (*Registered, error) {
	old := c.image.Broker(b.ID)
	if old == nil || *old != b {
		c.write(out, brokerRow(&b))
	}
	return &Registered{RaftID: b.RaftID}, nil
}

func (c *Controller) fenceBroker(out *partition.Outcome, q *FenceBroker) {
	b := c.image.Broker(q.ID)
	if b == nil || b.Fenced || b.Incarnation != q.Incarnation {
		return
	}
	fenced := *b
	fenced.Fenced = true
	c.write(out, brokerRow(&fenced))
}
