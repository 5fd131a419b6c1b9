package partition

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Effects is what has to happen after one turn of messages. The actor does all of it before its next turn.
type Effects struct {
	// Writes go to the store in this order; Written is called with each one once it is durable, in this order.
	Writes []*LogWrite
	// Messages go to the replicas that they name; losing one does no harm.
	Messages []*pb.Message
	// Snapshots go to replicas too, together with what the store holds beside them. Sent is called with what became of each.
	Snapshots []Snapshotted
	// Rest, where not nil, is to be told to all other replicas.
	Rest *Rest
	// Replies answer tickets. One ticket of a waiting fetch may be answered twice, as Fetch says.
	Replies []Reply
	// Lookups are to be done by a reader, which answers the ticket itself.
	Lookups []Lookup
	// Update goes to the store; nil where there is nothing to note.
	Update *Update
	// Applied are the batches that became committed in this turn, for partitions with a machine only.
	Applied []record.Batch
	// SnapshotDue asks the machine's owner for a snapshot of the rows, to be handed to Compact.
	SnapshotDue bool
	// Installed says that the state is now that of a snapshot, and not of what was applied before: a machine's owner loads its rows anew.
	Installed bool
	// Leadership, where not nil, is what changed about who leads.
	Leadership *Leadership
	// Stopped tells why the partition can't go on: an entry that it can't apply.
	Stopped error
}

// A LogWrite is a write for the store together with raft's part of it.
type LogWrite struct {
	Write
	raft     *consensus.Write
	installs *state // what the partition is once the write is durable
}

// Leadership is who leads a partition, as one replica sees it.
type Leadership struct {
	Epoch  kafka.LeaderEpoch
	Leader uint64 // raft id, 0 where none is known
	// Serving is true on the leader from the moment when it has applied an entry of its own epoch. Before that it
	// answers nothing: it can't know yet what its predecessor committed.
	Serving bool
	// Voters and Learners are the configuration's raft ids, in ascending order. While voters are being replaced Voters has the old and the new ones.
	Voters, Learners []uint64
	// Settled says on a leader that the configuration stands for good: no crash brings back the one before, so that replicas that are not in it are not needed.
	Settled bool
	// InSync are the voters, the leader among them, that stand on live nodes and were within the high watermark during the last
	// Config.ReplicaLagTimeMax. Only a serving leader knows; it is information and decides nothing.
	InSync []uint64
}

func (l *Leadership) equal(o *Leadership) bool {
	return l.Epoch == o.Epoch && l.Leader == o.Leader && l.Serving == o.Serving && l.Settled == o.Settled &&
		slices.Equal(l.Voters, o.Voters) && slices.Equal(l.Learners, o.Learners) && slices.Equal(l.InSync, o.InSync)
}

// A Lookup is a question that only the store can answer: the first record at or after From, below To, whose timestamp is
// at least Timestamp. With Largest it is the one with the largest timestamp instead, to be found by reading the stretch through, and
// where that has none Then is asked, unless it is nil.
type Lookup struct {
	Ticket    Ticket
	Partition kafka.PartitionNumber
	Segment   kafka.Offset // where the search begins, for Store.SeekTimestamp
	Tail      kafka.Offset // the start of the block that has no index row yet: where to look if no row says better
	From, To  kafka.Offset
	Timestamp int64
	Largest   bool
	Then      *Lookup
}
