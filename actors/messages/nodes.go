package messages

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/kafka"
)

// Step is what raft says to the replica of a partition on another node. Its entries hold their real data.
type Step struct {
	Partition kafka.PartitionNumber
	From      kafka.BrokerID // the node that the sender is on
	Message   *pb.Message    // To and From in it are raft ids
}

// Leaders tells the directory of another node who leads partitions on the sender's node.
type Leaders struct {
	Node  kafka.BrokerID
	Whole bool // they are all that there are on that node; else what has changed
	// Led have PIDs that can be sent to from anywhere. The HighWatermark of a Leader does not leave its node.
	Led []Led
}
