package metadata

import (
	"time"

	"troupe/partition/kafka"
)

// A Candidate is a replica of the metadata partition that may vote on it: that of a registered broker.
type Candidate struct {
	RaftID uint64
	Broker kafka.BrokerID
	Live   bool          // its node answers
	Silent time.Duration // for how long it has not; zero where it is live
}

// Quorum returns the raft ids that should be the voters of the metadata partition, in ascending order, where current ones are it now.
func Quorum(current []uint64, candidates []Candidate) (want []uint64) {
	return current
}
