package metadata

import (
	"slices"

	"troupe/partition/kafka"
)

// A Partition is one partition of a topic.
type Partition struct {
	Number   kafka.PartitionNumber `json:"number"`
	Replicas []Replica             `json:"replicas"` // the first is the preferred leader
	// Founders is how many replicas its log began with: those of the raft ids from 1 on. Rows of a time when there was one have none.
	Founders int `json:"founders,omitempty"`
	// NextRaftID is the first raft id that none of its replicas ever had; zero while its replicas are the founders.
	NextRaftID uint64 `json:"next,omitempty"`
}

// A Replica is one copy of a partition.
type Replica struct {
	Broker kafka.BrokerID `json:"broker"`
	RaftID uint64         `json:"raft"` // given once for (partition, store), never again
}

// Founding returns the raft ids of the replicas that the partition's log began with.
func (p *Partition) Founding() []uint64 {
	ids := make([]uint64, max(1, p.Founders))
	for i := range ids {
		ids[i] = uint64(i + 1)
	}
	return ids
}

// ReplicaOn returns the replica on a broker; ok is false where there is none.
func (p *Partition) ReplicaOn(id kafka.BrokerID) (r Replica, ok bool) {
	i := p.indexOn(id)
	if i < 0 {
		return Replica{}, false
	}
	return p.Replicas[i], true
}

func (p *Partition) indexOn(id kafka.BrokerID) int {
	return slices.IndexFunc(p.Replicas, func(r Replica) bool { return r.Broker == id })
}

// giveRaftID returns a raft id that no replica of the partition ever had.
func (p *Partition) giveRaftID() uint64 {
	if p.NextRaftID == 0 {
		p.NextRaftID = uint64(len(p.Replicas)) + 1
	}
	p.NextRaftID++
	return p.NextRaftID - 1
}

// renewed returns the topic with new raft ids for its replicas on a broker, nil where it has none there. The receiver is left as it was.
func (t *Topic) renewed(id kafka.BrokerID) *Topic {
	var out *Topic
	for i := range t.Partitions {
		r := t.Partitions[i].indexOn(id)
		if r < 0 {
			continue
		}
		if out == nil {
			other := *t
			other.Partitions = slices.Clone(t.Partitions)
			out = &other
		}
		p := &out.Partitions[i]
		p.Replicas = slices.Clone(p.Replicas)
		p.Replicas[r].RaftID = p.giveRaftID()
	}
	return out
}
