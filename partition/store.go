package partition

import (
	"errors"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A Store is the durable memory of all partitions of a node. partition/logstore implements it on Pebble and, for
// the simulator, in memory; logstoretest holds both to the same contract.
//
// All methods may be called from any goroutine. Append and Update return at once; the others read, may block on
// the disk and are called from a worker. Once the disk has failed a write or a read, the store is dead: it fails every later
// write with the first error and writes nothing more, because what a disk holds after a failed fsync is
// unknown (design rule: a process restart is the only retry). Damaged data is an error of that call alone.
type Store interface {
	// Load returns what the store holds of partition p, after it has synced everything that was handed in for p
	// before. A partition that the store has never seen gives a zero Stored. Data slices are the caller's.
	Load(p kafka.PartitionNumber) (*Stored, error)

	// Append hands in a write and keeps it, and the bytes that it refers to, until w.Done is called. Writes of
	// one partition become durable, and are reported, in the order in which they were handed in.
	Append(w *Write)

	// Entries returns the entries [lo, hi) of p, fewer where they exceed maxBytes, but at least one. It fails with
	// ErrCompacted where lo is below the first index. What Append was handed is visible at the latest when Done reports it.
	Entries(p kafka.PartitionNumber, lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error)

	// Read appends to dst whole record batches of p in offset order: from the one that holds offset from (or
	// the first one after it) up to, not including, the first that starts at or above to, until the next one
	// would exceed maxBytes. With atLeastOne the first batch is returned even where it exceeds maxBytes (KIP-74).
	Read(p kafka.PartitionNumber, from, to kafka.Offset, maxBytes int, atLeastOne bool, dst []byte) ([]byte, error)

	// SeekTimestamp returns the start of the first block of the segment that begins at segment in which a
	// record has a timestamp at or above ts, as far as index rows know; ok is false where no row says so.
	SeekTimestamp(p kafka.PartitionNumber, segment kafka.Offset, ts int64) (block kafka.Offset, ok bool, err error)

	// Update records what can be computed again from the log: index rows and a checkpoint of the partition's
	// state. It is not synced. All of one Update is found after a crash, or nothing of it.
	Update(u *Update)

	// Chunks calls yield for each chunk of the machine snapshot that belongs to the stored Snapshot of p, in order.
	Chunks(p kafka.PartitionNumber, yield func(chunk []byte) error) error

	// Chunk returns the n-th of these chunks, from 0 on, nil where there are not so many, and the Snapshot that it belongs to.
	Chunk(p kafka.PartitionNumber, n int) (of Snapshot, chunk []byte, err error)

	// Drop removes everything of p; whoever writes to it after done begins anew. done is called as in Append.
	Drop(p kafka.PartitionNumber, done func(error))

	// Partitions lists the partitions of which the store holds anything, in ascending order.
	Partitions() ([]kafka.PartitionNumber, error)
}

// Stored is what a store holds of one partition.
type Stored struct {
	Hard HardStateOf
	// Snapshot stands for all entries up to and including its index. Its zero value is that of an empty log.
	Snapshot Snapshot
	// Last is the last entry's index and LastTerm its term; those of the snapshot where there is no entry.
	Last     consensus.Index
	LastTerm consensus.Term
	// Checkpoint is that of the newest Update that survived, nil where none did. It may lie below the snapshot
	// (then it is of no use) and never lies above Last.
	Checkpoint []byte
}

// HardStateOf is raft's hard state, and whether one was ever written.
type HardStateOf struct {
	consensus.HardState
	Known bool
}

// A Snapshot is a partition's state at an applied index; the log begins with the entry after it.
type Snapshot struct {
	Index consensus.Index
	Term  consensus.Term
	State []byte // as Partition encodes it
}

// A Write is one change of one partition's durable memory. All of it becomes durable together.
type Write struct {
	Partition kafka.PartitionNumber

	// Entries are consecutive. They replace whatever the log holds at their first index and above.
	Entries []consensus.Entry
	// Hard is the new hard state, nil where it did not change.
	Hard *consensus.HardState
	// Snapshot, where not nil, replaces the stored one; the entries up to its index are deleted some time after
	// the write is durable, and Chunks become the machine snapshot that belongs to it.
	// With Reset all entries are deleted, those above the index too: a snapshot that came from the leader.
	Snapshot *Snapshot
	Chunks   [][]byte
	Reset    bool
	// LogStart, where above zero, says that no record below it will be read again: its bytes and index rows may go.
	LogStart kafka.Offset

	// Sync is false where nothing of the write must survive a crash (a commit index alone, or nothing at all).
	// Such a write is still reported in its turn, after all earlier ones are durable.
	Sync bool
	// Done is called once, from a goroutine of the store, when the write is durable (nil) or never will be.
	// It must not block.
	Done func(error)
}

// An Update is what a partition derives from the entries that it applied.
type Update struct {
	Partition kafka.PartitionNumber
	Blocks    []Block
	Times     []BlockTime
	// Checkpoint, where not nil, is the partition's state after all entries that the blocks of this and earlier updates
	// come from.
	Checkpoint []byte
}

// A Block is a stretch of about BlockSize bytes of a partition's log; look-ups by offset end at its start.
type Block struct {
	Offset kafka.Offset    // of the block's first record
	Index  consensus.Index // of the block's first entry
}

// A BlockTime says that in the given segment the block at Offset was the first with a record of Timestamp or
// later, for every timestamp above that of the segment's BlockTime before it.
type BlockTime struct {
	Segment   kafka.Offset // the first offset of the segment
	Timestamp int64        // milliseconds since 1970
	Offset    kafka.Offset // the block's first offset
}

// BlockSize is how many bytes of record batches lie, at least, between two index rows.
const BlockSize = 64 << 10

// ErrCompacted is returned for entries that a snapshot stands for.
var ErrCompacted = errors.New("the entry is part of a snapshot")
