package logstore

import (
	"encoding/binary"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// The key space. Numbers are big-endian, so that a partition's rows of a kind are one range in their order.
//
//	database  key                                           value
//	log       M                                             identity, JSON
//	log       H | partition u32                             hard state: term u64, vote u64, commit u64
//	log       T | partition u32                             snapshot: index u64, term u64, then the state
//	log       S | partition u32 | chunk u64                 a chunk of the machine's rows that belong to the snapshot
//	log       L | partition u32 | index u64                 entry: term u64, kind u8, then the data
//	state     M                                             the store id of the log that it belongs to
//	state     K | partition u32                             checkpoint
//	state     O | partition u32 | offset u64                index u64: a block's first entry
//	state     I | partition u32 | segment u64 | time u64    offset u64: the first block of the segment that reaches the time
//
// Folders of format 1 may have rows C | partition, which nothing reads.
const (
	metaKey       = 'M'
	hardKey       = 'H'
	snapshotKey   = 'T'
	chunkKey      = 'S'
	entryKey      = 'L'
	checkpointKey = 'K'
	offsetKey     = 'O'
	timeKey       = 'I'
)

// entryHeader is what stands before an entry's data: its term and its kind.
const entryHeader = 9

func key(kind byte, p kafka.PartitionNumber, numbers ...uint64) []byte {
	k := make([]byte, 0, 21)
	k = append(k, kind)
	k = binary.BigEndian.AppendUint32(k, uint32(p))
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return k
}

// after returns the key behind all rows of a kind of a partition.
func after(kind byte, p kafka.PartitionNumber) []byte {
	if p == ^kafka.PartitionNumber(0) {
		return []byte{kind + 1}
	}
	return key(kind, p+1)
}

func entryAt(p kafka.PartitionNumber, i consensus.Index) []byte { return key(entryKey, p, uint64(i)) }

// number reads the n-th u64 behind a key's partition.
func number(key []byte, n int) uint64 { return binary.BigEndian.Uint64(key[5+8*n:]) }
