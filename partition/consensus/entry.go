package consensus

// An Index is an entry's position in a replica's raft log, from 1. It is not an offset: empty, configuration
// and command entries have an index and hold no record.
type Index uint64

// A Term counts raft's elections. A partition's leader epoch is the term of the leader that appended a record.
type Term uint64

// A Kind says what an entry holds.
type Kind uint8

// The kinds of entries.
const (
	Empty       Kind = iota // the first entry of a leader's term; no data
	Batch                   // one record batch
	Command                 // an order to the partition, such as moving the log start
	Reconfigure             // a raftpb.ConfChangeV2
)

// An Entry is one row of a replica's log. Data is shared between the log, the store, the links and the readers, and
// is never written to after the entry was proposed or received.
type Entry struct {
	Index Index
	Term  Term
	Kind  Kind
	Data  []byte
}

// HardState is what raft must remember through a crash. A vote is on disk before it is sent.
type HardState struct {
	Term   Term
	Vote   uint64
	Commit Index
}
