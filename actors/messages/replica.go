package messages

import (
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// ReadCold asks a replica to read from its store what a Fetched answer said may be read there. Answer: *Fetched with
// the batches alone.
type ReadCold struct {
	Read  ColdRead
	Reply ReplyTo
}

// Configure gives a replica its settings as they are from now on.
type Configure struct{ Config partition.Config }

// Led tells the directory who leads a partition. Without a Replica in it the sender, on the broker that it names, has stopped leading in that epoch, or has failed for good, or is in
// service again after that.
type Led struct {
	Number kafka.PartitionNumber
	Leader Leader
}

// Announce asks a replica to tell the directory once more that it leads, where it does, and its coordinator to tell its rows once more.
type Announce struct{}

// Attach is how a coordinator asks its replica for the partition's records. The replica answers with Attached, and from then on
// with Applied, Leading and SnapshotDue.
type Attach struct{}

// Attached says up to where a coordinator reads the records of the log from the store by itself. Those from To on follow.
type Attached struct{ To kafka.Offset }

// Applied are committed batches, each once and in their order.
type Applied struct{ Batches []record.Batch }

// Leading tells a coordinator that its replica leads, and in which epoch, or that it does not. All records of earlier
// epochs are applied when it begins; what an earlier incarnation of the coordinator has proposed ends at LogEnd.
type Leading struct {
	Epoch   kafka.LeaderEpoch
	Serving bool
	LogEnd  kafka.Offset
}

// SnapshotDue asks a coordinator for a Snapshot of its rows.
type SnapshotDue struct{}

// HandOver asks a replica to give leadership to another one, where it has it and whenever it gets it: its node is about to end.
type HandOver struct{}

// Snapshot is the rows of a coordinator as they are at an end of the log.
type Snapshot struct {
	Chunks [][]byte
	Upto   kafka.Offset
}

// Shrink asks a replica to replace the older part of its log by a snapshot.
type Shrink struct{}
