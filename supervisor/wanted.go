package supervisor

import (
	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A wantedPartition is one that has a replica on this node.
type wantedPartition struct {
	name     kafka.TopicPartition
	internal bool
	raftID   uint64
	founding []uint64
	members  *messages.Members
}

func partitionsOf(image *metadata.Image, broker kafka.BrokerID) map[kafka.PartitionNumber]wantedPartition {
	out := map[kafka.PartitionNumber]wantedPartition{}
	for _, t := range image.Topics() {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			w := wantedPartition{name: kafka.TopicPartition{Topic: t.Name, Partition: int32(i)}, internal: t.Internal}
			r, ok := p.ReplicaOn(broker)
			if !ok {
				continue
			}
			w.raftID = r.RaftID
			w.founding, w.members = p.Founding(), membersOf(p)
			out[p.Number] = w
		}
	}
	return out
}

// membersOf is where a partition's replicas are, and which of them should vote in the end.
func membersOf(p *metadata.Partition) *messages.Members {
	m := &messages.Members{Nodes: map[uint64]kafka.BrokerID{}, Voters: p.WishedVoters(), Survivor: p.Survivor, Since: p.Since}
	for _, r := range p.All() {
		m.Nodes[r.RaftID] = r.Broker
	}
	return m
}
