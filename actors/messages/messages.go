package messages

import (
	"github.com/asynkron/protoactor-go/actor"

	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// ReplyTo says where an answer goes: to a session, for the slot that it keeps for this part of a request.
type ReplyTo struct {
	PID  *actor.PID
	Slot uint64
}

// A Reply answers a message that carried a ReplyTo. Value is the message's answer type, as its comment says; it is
// nil where Err is not, except where the comment says otherwise.
type Reply struct {
	Slot  uint64
	Value any
	Err   error
}

// The answers of partitions, under the names by which messages speak of them.
type (
	Produced           = partition.Produced
	Fetched            = partition.Fetched
	ColdRead           = partition.ColdRead
	AbortedTransaction = partition.AbortedTransaction
	ListedOffset       = partition.ListedOffset
	EpochEnd           = partition.EpochEnd
	LogStart           = partition.LogStart
)

// Produce asks a partition's leader to append a batch, which it then owns. Answer: *Produced; none for AcksNone.
type Produce struct {
	Batch record.Batch // one batch, validated
	Acks  kafka.Acks
	Reply ReplyTo
	// Behind says that what its producer had sent before was refused, and may come again. It is appended where the partition knows what it follows, and refused otherwise.
	Behind bool
}

// Fetch asks a partition what may be read from an offset on. Answer: *Fetched, at once. With Wait, an answer
// without a batch is followed by a second one as soon as there is something to read, unless a FetchEnd for the
// same slot comes first. An error that needs more than a code, such as a diverging epoch, is in the value.
type Fetch struct {
	Offset           kafka.Offset
	MaxBytes         int
	LeaderEpoch      kafka.LeaderEpoch // the client's current epoch (KIP-320), kafka.NoEpoch to skip the check
	LastFetchedEpoch kafka.LeaderEpoch // kafka.NoEpoch to skip the check for divergence (KIP-595)
	Isolation        kafka.IsolationLevel
	Wait             bool
	// AnyReplica lets a replica that does not lead answer, with what it has (KIP-392). Such a fetch does not leave its node, though links would carry it.
	AnyReplica bool
	Reply      ReplyTo
}

// FetchEnd withdraws the wait of a Fetch that carried the same ReplyTo.
type FetchEnd struct{ Reply ReplyTo }

// ListOffsets asks for the offset that a timestamp stands for. Answer: *ListedOffset.
type ListOffsets struct {
	Timestamp   int64 // milliseconds since 1970, or a special value: -1 latest, -2 earliest, -3 max timestamp, -4 local earliest, -5, -6
	LeaderEpoch kafka.LeaderEpoch
	Isolation   kafka.IsolationLevel
	Reply       ReplyTo
}

// OffsetForLeaderEpoch asks where an epoch ended. Answer: *EpochEnd.
type OffsetForLeaderEpoch struct {
	CurrentEpoch kafka.LeaderEpoch
	Epoch        kafka.LeaderEpoch
	Reply        ReplyTo
}

// DeleteRecords asks a partition's leader to move the log start. Answer: *LogStart.
type DeleteRecords struct {
	Before kafka.Offset // -1 for the high watermark
	Reply  ReplyTo
}

// Coordinate asks the machine of a key. Answer: what the machine returns for the request's type.
type Coordinate struct {
	Key        string // the group id, transactional id, …; empty for the cluster's metadata
	Body       any
	ClientID   string
	ClientHost string
	Broker     kafka.BrokerID // the node whose session asks
	Reply      ReplyTo
}

// CoordinateAll asks the machines of all keys of a coordinator. Answer: []any with what each of them that could answered, by key.
type CoordinateAll struct {
	Body   any
	Broker kafka.BrokerID // the node whose session asks
	Reply  ReplyTo
}

// AwaitLeaders asks the directory to answer once every partition of the topics has a leader that serves. Answer: nil
// Value; Err is REQUEST_TIMED_OUT where the deadline passed first. Without topics the answer says that the view has everything that the directory had
// been told before.
type AwaitLeaders struct {
	Topics        []kafka.TopicID
	Gone          []kafka.TopicID // topics that must be gone from this node's metadata
	TimeoutMillis int32
	Reply         ReplyTo
}

// AwaitLedBy asks the directory to answer once each of the partitions is led by the broker beside it. Answer: nil Value; Err is REQUEST_TIMED_OUT where the
// deadline passed first.
type AwaitLedBy struct {
	Leaders       map[kafka.PartitionNumber]kafka.BrokerID
	TimeoutMillis int32
	Reply         ReplyTo
}

// Transfer asks a partition's leader to hand leadership to the replica with a raft id, which must be a voter. Answer: nil, when it has begun; whether
// it succeeds is seen by who leads then. Where the voter can't take over the leader goes on within a second.
type Transfer struct {
	To    uint64
	Reply ReplyTo
}

// DescribeReplica asks a replica how far it is. Answer: *ReplicaDescription.
type DescribeReplica struct{ Reply ReplyTo }

// A ReplicaDescription is how far a replica is, and, where it leads, how far the others are.
type ReplicaDescription struct {
	LogStart, HighWatermark, LogEnd kafka.Offset
	Bytes                           int64 // of the records that its log holds
	Progress                        []ReplicaProgress
}

// A ReplicaProgress is how far a replica is, as its leader knows.
type ReplicaProgress struct {
	RaftID  uint64
	Learner bool
	LogEnd  kafka.Offset // kafka.NoOffset where the leader does not know it
	// ContactMillis is when it last said something, CaughtUpMillis when it last had all that was committed, in milliseconds since 1970; -1 where that was never under this leader.
	ContactMillis, CaughtUpMillis int64
}
