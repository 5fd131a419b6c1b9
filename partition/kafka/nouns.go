package kafka

import (
	"encoding/base64"
	"math"
	"strconv"
)

// A TopicID names a topic for as long as the topic lives (KIP-516). A topic that is deleted and made
// again under the same name has another id. The zero value means that no id is known.
type TopicID [16]byte

// String returns the id as Kafka's tools print it: unpadded base64 with the URL alphabet.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero tells whether the id is the zero id, which no topic has.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// A TopicPartition names a partition as clients do: by its topic's name and its index in the topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String returns topic-partition, as Kafka writes it in logs and folder names.
func (tp TopicPartition) String() string {
	return tp.Topic + "-" + strconv.Itoa(int(tp.Partition))
}

// A PartitionNumber names a partition inside the cluster. It is given by the metadata log when the
// partition is made and never used for another one, so the keys that it prefixes in a store can never
// be taken for those of a later partition of the same name. Zero is no partition.
type PartitionNumber uint32

// MetadataPartition is the number of __cluster_metadata-0, the partition that gives all other numbers.
const MetadataPartition PartitionNumber = 1

// A BrokerID is a node's id, 1 and above. -1 stands for no broker.
type BrokerID int32

// NoBroker is the protocol's -1 where a broker id would stand.
const NoBroker BrokerID = -1

// An Offset is a record's position in its partition. A raft index is not an offset: entries without
// records have an index and no offset.
type Offset int64

// NoOffset is the protocol's -1 where an offset would stand.
const NoOffset Offset = -1

// A LeaderEpoch counts the leaders of a partition. It is the raft term under which a record was
// appended, and is never below zero.
type LeaderEpoch int32

// NoEpoch is the protocol's -1 where a leader epoch would stand.
const NoEpoch LeaderEpoch = -1

// A ProducerID names an idempotent or transactional producer (KIP-98). -1 is a producer that is neither.
type ProducerID int64

// NoProducer is the producer id of batches that carry none.
const NoProducer ProducerID = -1

// A ProducerEpoch fences the earlier incarnations of a producer (KIP-98, KIP-360).
type ProducerEpoch int16

// A Sequence counts a producer's records in one partition. It wraps from math.MaxInt32 to 0.
type Sequence int32

// Add returns the sequence n records on, wrapped as KIP-98 says.
func (s Sequence) Add(n int32) Sequence {
	return Sequence((int64(s) + int64(n)) & 0x7fffffff)
}

// IsBehind tells whether a batch that begins at s stands behind one that begins at other. Sequences wrap; a producer has few batches in flight, so what is less than half of them ahead is behind.
func (s Sequence) IsBehind(other Sequence) bool {
	ahead := uint32(s-other) & math.MaxInt32
	return ahead != 0 && ahead < math.MaxInt32/2
}

// A GenerationID counts the rebalances of a classic group.
type GenerationID int32

// An IsolationLevel says how far a reader sees (KIP-98).
type IsolationLevel int8

// The isolation levels as they stand on the wire.
const (
	ReadUncommitted IsolationLevel = 0 // up to the high watermark
	ReadCommitted   IsolationLevel = 1 // up to the last stable offset, without aborted records
)

// Acks is what a producer waits for (the acks field of a produce request).
type Acks int16

// The values of Acks.
const (
	AcksAll    Acks = -1 // on disk on a majority and on min.insync.replicas
	AcksNone   Acks = 0  // no answer at all
	AcksLeader Acks = 1  // on the leader's disk
)
