package partition

import (
	"slices"
	"time"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A wish is the configuration that the cluster wants for a partition. It is empty where it wants no change.
type wish struct{ voters, learners []uint64 }

// Want says which replicas should vote and which should only follow, by their raft ids. The leader works toward it, one change at a time. Empty lists
// leave the configuration as it is.
func (p *Partition) Want(voters, learners []uint64) {
	p.wish = wish{slices.Sorted(slices.Values(voters)), slices.Sorted(slices.Values(learners))}
}

// SetLive says which of the other replicas stand on live nodes, whenever that changes.
func (p *Partition) SetLive(raftIDs []uint64) {
	p.live = make(map[uint64]bool, len(raftIDs))
	for _, id := range raftIDs {
		p.live[id] = true
	}
}

// inSync returns the voters that count as in sync; nil on a replica that does not lead.
func (p *Partition) inSync() []uint64 {
	if !p.serving {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.state.configuration.All()), func(id uint64) bool { return id != p.o.RaftID && !p.live[id] })
}

// A ReplicaProgress is how far a replica is, as its leader knows.
type ReplicaProgress struct {
	RaftID  uint64
	Learner bool
	Match   consensus.Index // the last entry that it is known to have
	LogEnd  kafka.Offset    // the offset after its last record, kafka.NoOffset where that is not known
	Contact time.Time       // when it last said something
}
