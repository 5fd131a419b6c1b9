package record

import (
	"encoding/binary"
	"hash/crc32"

	"troupe/partition/kafka"
)

// The layout of a record batch of magic 2 (KIP-98): positions in bytes from its start. All numbers are big-endian.
const (
	posBaseOffset      = 0
	posLength          = 8 // of everything after this field
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17 // CRC32C of everything from posAttributes on
	posAttributes      = 21
	posLastOffsetDelta = 23
	posBaseTimestamp   = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posCount           = 57

	// HeaderSize is the length of a batch without any record.
	HeaderSize = 61
	// lengthOverhead is what the length field does not count.
	lengthOverhead = posLeaderEpoch
	// recordOverheadMin is what the length field of the oldest format's smallest record says.
	recordOverheadMin = 14

	magic = 2
)

// The bits of a batch's attributes.
const (
	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Batch is the bytes of one whole record batch of magic 2, as it came from a client and as it is stored, sent
// to followers and sent to consumers. The methods read and stamp its header in place; none copies. They
// take for granted that Validate or a Reader has seen the bytes: on a shorter slice they panic.
type Batch []byte

// BaseOffset is the offset of the batch's first record.
func (b Batch) BaseOffset() kafka.Offset {
	return kafka.Offset(binary.BigEndian.Uint64(b[posBaseOffset:]))
}

// Size is the length in bytes that the header claims for the whole batch.
func (b Batch) Size() int { return lengthOverhead + int(int32(binary.BigEndian.Uint32(b[posLength:]))) }

// LeaderEpoch is the epoch of the leader that appended the batch.
func (b Batch) LeaderEpoch() kafka.LeaderEpoch {
	return kafka.LeaderEpoch(binary.BigEndian.Uint32(b[posLeaderEpoch:]))
}

// Magic is the version of the batch's format; 2 is the only one that is stored.
func (b Batch) Magic() int8 { return int8(b[posMagic]) }

// CRC is the checksum that the header claims.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[posCRC:]) }

// ComputeCRC returns the CRC32C of what the checksum covers: everything from the attributes on.
func (b Batch) ComputeCRC() uint32 { return crc32.Checksum(b[posAttributes:b.Size()], castagnoli) }

// Attributes are the batch's flags: codec, timestamp type, transactional, control.
func (b Batch) Attributes() int16 { return int16(binary.BigEndian.Uint16(b[posAttributes:])) }

// Codec says how the records are compressed.
func (b Batch) Codec() Codec { return Codec(b.Attributes() & attrCodec) }

// IsLogAppendTime tells whether the timestamps were given by the broker.
func (b Batch) IsLogAppendTime() bool { return b.Attributes()&attrLogAppendTime != 0 }

// IsTransactional tells whether the batch belongs to a transaction.
func (b Batch) IsTransactional() bool { return b.Attributes()&attrTransactional != 0 }

// IsControl tells whether the batch holds a marker instead of a client's records.
func (b Batch) IsControl() bool { return b.Attributes()&attrControl != 0 }

// LastOffsetDelta is the offset of the last record less the base offset.
func (b Batch) LastOffsetDelta() int32 {
	return int32(binary.BigEndian.Uint32(b[posLastOffsetDelta:]))
}

// LastOffset is the offset of the last record.
func (b Batch) LastOffset() kafka.Offset { return b.BaseOffset() + kafka.Offset(b.LastOffsetDelta()) }

// NextOffset is the offset that the record after this batch gets.
func (b Batch) NextOffset() kafka.Offset { return b.LastOffset() + 1 }

// BaseTimestamp is the timestamp, in milliseconds since 1970, that the records' deltas count from.
func (b Batch) BaseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[posBaseTimestamp:])) }

// MaxTimestamp is the largest timestamp of the records, in milliseconds since 1970; -1 where there is none.
func (b Batch) MaxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[posMaxTimestamp:])) }

// ProducerID names the idempotent producer, or is kafka.NoProducer.
func (b Batch) ProducerID() kafka.ProducerID {
	return kafka.ProducerID(binary.BigEndian.Uint64(b[posProducerID:]))
}

// ProducerEpoch is the producer's epoch; -1 where there is none.
func (b Batch) ProducerEpoch() kafka.ProducerEpoch {
	return kafka.ProducerEpoch(binary.BigEndian.Uint16(b[posProducerEpoch:]))
}

// BaseSequence is the sequence of the first record; -1 where there is none.
func (b Batch) BaseSequence() kafka.Sequence {
	return kafka.Sequence(binary.BigEndian.Uint32(b[posBaseSequence:]))
}

// LastSequence is the sequence of the last record, wrapped as KIP-98 says.
func (b Batch) LastSequence() kafka.Sequence { return b.BaseSequence().Add(b.LastOffsetDelta()) }

// Count is the number of records that the header claims.
func (b Batch) Count() int32 { return int32(binary.BigEndian.Uint32(b[posCount:])) }

// Stamp fills in what the leader decides: the base offset and the leader epoch. The CRC covers neither.
func (b Batch) Stamp(base kafka.Offset, epoch kafka.LeaderEpoch) {
	binary.BigEndian.PutUint64(b[posBaseOffset:], uint64(base))
	binary.BigEndian.PutUint32(b[posLeaderEpoch:], uint32(epoch))
}

// StampLogAppendTime makes now, in milliseconds since 1970, the timestamp of every record
// (message.timestamp.type=LogAppendTime). It touches what the CRC covers, so it computes the CRC again.
func (b Batch) StampLogAppendTime(now int64) {
	binary.BigEndian.PutUint16(b[posAttributes:], uint16(b.Attributes()|attrLogAppendTime))
	b.stampMaxTimestamp(now)
}

// stampCreateTime says that the records have timestamps of their own, of which t is the largest.
func (b Batch) stampCreateTime(t int64) {
	binary.BigEndian.PutUint16(b[posAttributes:], uint16(b.Attributes()&^attrLogAppendTime))
	b.stampMaxTimestamp(t)
}

func (b Batch) stampMaxTimestamp(t int64) {
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(t))
	binary.BigEndian.PutUint32(b[posCRC:], b.ComputeCRC())
}
