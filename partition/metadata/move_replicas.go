package metadata

import (
	"troupe/partition"
	"troupe/partition/kafka"
)

// MoveReplicas asks for the reassignments that the cluster needs by itself, as Moves has them, and says what the metadata does not know. Its answer is nil.
type MoveReplicas struct {
	Live       []kafka.BrokerID        // the brokers that are there
	Leaderless []kafka.PartitionNumber // the partitions that nobody leads, so that they can't change
}

func (c *Controller) moveReplicas(out *partition.Outcome, q *MoveReplicas) {
	changed := map[string]*Topic{}
	var names []string
	for _, m := range c.image.Moves(q) {
		t := changed[m.Partition.Topic]
		if t == nil {
			t = c.image.Topic(m.Partition.Topic).copied()
			changed[t.Name], names = t, append(names, t.Name)
		}
		p := &t.Partitions[m.Partition.Partition]
		*p = p.reassigned(m.To)
		p.Automatic = p.Reassigning()
	}
	for _, name := range names {
		c.write(out, topicRow(changed[name]))
	}
}
