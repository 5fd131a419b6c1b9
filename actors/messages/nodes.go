package messages

import (
	"fmt"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// Step is what raft says to the replica of a partition on another node. Its entries hold their real data.
type Step struct {
	Partition kafka.PartitionNumber
	From      kafka.BrokerID // the node that the sender is on
	Message   *pb.Message    // To and From in it are raft ids
}

// SnapshotPart is a part of a snapshot for the replica of a partition on another node. The first part is what raft says, the others are the machine's rows.
type SnapshotPart struct {
	Partition kafka.PartitionNumber
	From      kafka.BrokerID // the node that the sender is on
	Transfer  uint64         // tells the parts of one snapshot from those of others
	Number    int            // of the part, from 0
	Last      bool
	Message   *pb.Message // in the first part
	Chunk     []byte      // in the others; the last one may have none
}

// SnapshotAck says which part of a snapshot the receiver wants next. It is 0 where it knows nothing of that snapshot.
type SnapshotAck struct {
	Partition kafka.PartitionNumber
	Transfer  uint64
	Next      int
}

// Rest says that the leader of a partition sleeps, to the replicas on other nodes: none of them needs to hear of it until something happens.
type Rest struct {
	Partition kafka.PartitionNumber
	Rest      partition.Rest
}

// Wake says that the replica that led a partition does not any more: who sleeps can't wait for it.
type Wake struct {
	Partition kafka.PartitionNumber
	Leader    uint64 // raft id
}

// Leaders tells the directory of another node who leads partitions on the sender's node, and how that node is.
type Leaders struct {
	Node  kafka.BrokerID
	Whole bool // they are all that there are on that node; else what has changed
	// Upto is the end of the metadata log's part that the sender's view has.
	Upto kafka.Offset
	// Led have PIDs that can be sent to from anywhere. The HighWatermark of a Leader does not leave its node.
	Led []Led
	// DiskFull says that the node takes no records.
	DiskFull bool
}

// TellLeaders asks a directory to tell that of a node all that its own node leads: something of it may be lost.
type TellLeaders struct{ Node kafka.BrokerID }

// NodeUp says that another node is there, NodeDown that it is not any more, and NodeLost that messages from or to it may have been lost.
type (
	NodeUp   struct{ Node kafka.BrokerID }
	NodeDown struct {
		Node kafka.BrokerID
		Gone uint64 // the incarnation of its process, where that is known to be dead; else 0
	}
	NodeLost struct{ Node kafka.BrokerID }
)

// Restarted tells the parent of a replica that it has panicked: what it was told at that moment is lost. The answer is Configure, Members, NodesUp, FullDisks and OutOfService.
type Restarted struct{ Number kafka.PartitionNumber }

// NodesUp says which of the other nodes are there, no others: something may have been lost that was said before.
type NodesUp struct{ Nodes []kafka.BrokerID }

// Members tells a replica where the other replicas of its partition are, and which configuration the cluster wants for it.
type Members struct {
	Nodes            map[uint64]kafka.BrokerID // by raft id, this node's own among them
	Voters, Learners []uint64                  // the wish; both empty for none
	// Survivor is the raft id of the replica that went on alone when the majority was lost, and Since the first term after that; zero where that was never so.
	Survivor uint64
	Since    consensus.Term
}

// IsGivenUp tells whether what a replica has, which is of a term, was given up when its partition was recovered. One that has nothing yet is of term 0.
func (m *Members) IsGivenUp(raftID uint64, term consensus.Term) bool {
	return raftID != m.Survivor && 0 < term && term < m.Since
}

// GivenUp tells the parent of a replica that what the store holds was given up: it is to go, with its data, before the partition can have another replica here.
type GivenUp struct {
	Number  kafka.PartitionNumber
	Replica *actor.PID
}

// AddressOf is a node's address in PIDs.
func AddressOf(node kafka.BrokerID) string { return strconv.Itoa(int(node)) }

// DirectoryName is the name under which other nodes reach a node's directory.
const DirectoryName = "directory"

// ReplicaName is the name under which other nodes reach a node's replica of a partition.
func ReplicaName(p kafka.PartitionNumber) string { return fmt.Sprintf("replica-%d", p) }
