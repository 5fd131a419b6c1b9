package metadata

import (
	"slices"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A Partition is one partition of a topic.
type Partition struct {
	Number   kafka.PartitionNumber `json:"number"`
	Replicas []Replica             `json:"replicas"` // the first is the preferred leader
	// Founders is how many replicas its log began with: those of the raft ids from 1 on. Rows of a time when there was one have none.
	Founders int `json:"founders,omitempty"`
	// NextRaftID is the first raft id that none of its replicas ever had; zero while only the founders ever were.
	NextRaftID uint64 `json:"next,omitempty"`
	// Adding and Removing are the brokers that a reassignment gives a replica and takes it from (KIP-455), in ascending order. Until it is done
	// the replicas on both are among Replicas.
	Adding   []kafka.BrokerID `json:"adding,omitempty"`
	Removing []kafka.BrokerID `json:"removing,omitempty"`
	// Automatic says that the cluster has begun the reassignment by itself.
	Automatic bool `json:"automatic,omitempty"`
	// Leaving are replicas of reassignments that were cancelled or replaced. Clients are not told of them, but they may vote still, so that their data
	// stays until the partition's leader has done without them.
	Leaving []Replica `json:"leaving,omitempty"`
	// Survivor is the raft id of the replica that went on alone when the majority was lost (RecoverPartitions), and Since the first term after that: what other replicas
	// hold of earlier terms was given up. Both are zero where that was never so.
	Survivor uint64         `json:"survivor,omitempty"`
	Since    consensus.Term `json:"since,omitempty"`
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

// ReplicaOn returns the replica on a broker, be it one that leaves; ok is false where there is none.
func (p *Partition) ReplicaOn(id kafka.BrokerID) (r Replica, ok bool) {
	for _, r := range p.All() {
		if r.Broker == id {
			return r, true
		}
	}
	return Replica{}, false
}

// All returns all replicas, also those that leave.
func (p *Partition) All() []Replica {
	if len(p.Leaving) == 0 {
		return p.Replicas
	}
	return slices.Concat(p.Replicas, p.Leaving)
}

// Wish returns the replicas that should vote in the end, the preferred leader first: those that no reassignment removes.
func (p *Partition) Wish() []Replica {
	if len(p.Removing) == 0 {
		return p.Replicas
	}
	return slices.DeleteFunc(slices.Clone(p.Replicas), func(r Replica) bool { return slices.Contains(p.Removing, r.Broker) })
}

// Preferred returns the preferred leader.
func (p *Partition) Preferred() Replica { return p.Replicas[0] }

// giveRaftID returns a raft id that no replica of the partition ever had.
func (p *Partition) giveRaftID() uint64 {
	if p.NextRaftID == 0 {
		p.NextRaftID = uint64(len(p.Founding())) + 1
	}
	p.NextRaftID++
	return p.NextRaftID - 1
}

// renewed returns the topic with new raft ids for its replicas on a broker, nil where it has none there. One that leaves does not come back. The receiver is
// left as it was.
func (t *Topic) renewed(id kafka.BrokerID) *Topic {
	var out *Topic
	for i := range t.Partitions {
		if _, ok := t.Partitions[i].ReplicaOn(id); !ok {
			continue
		}
		if out == nil {
			out = t.copied()
		}
		p := &out.Partitions[i]
		p.Leaving = slices.DeleteFunc(slices.Clone(p.Leaving), func(r Replica) bool { return r.Broker == id })
		p.Replicas = slices.Clone(p.Replicas)
		for j := range p.Replicas {
			if p.Replicas[j].Broker == id {
				p.Replicas[j].RaftID = p.giveRaftID()
			}
		}
	}
	return out
}

// copied returns a topic whose partitions can be changed.
func (t *Topic) copied() *Topic {
	out := *t
	out.Partitions = slices.Clone(t.Partitions)
	return &out
}
