package record

import (
	"encoding/binary"

	"troupe/partition/kafka"
)

// A Builder makes one batch. Its zero value makes a batch without compression and without a producer. Coordinators write
// their rows with it.
type Builder struct {
	Codec         Codec
	Transactional bool
	Control       bool
	// Producer is nil for a batch that carries no producer.
	Producer *Producer

	records []byte
	count   int32
	base    int64
	newest  int64
}

// A Producer is who a batch comes from, and the sequence of its first record.
type Producer struct {
	ID       kafka.ProducerID
	Epoch    kafka.ProducerEpoch
	Sequence kafka.Sequence
}

// Add appends a record. The timestamp is in milliseconds since 1970; the offset is given by the batch's leader.
func (b *Builder) Add(r Record) {
	if b.count == 0 {
		b.base, b.newest = r.Timestamp, r.Timestamp
	}
	b.newest = max(b.newest, r.Timestamp)
	var f []byte
	f = append(f, 0)
	f = binary.AppendVarint(f, r.Timestamp-b.base)
	f = binary.AppendVarint(f, int64(b.count))
	f = appendBytes(f, r.Key)
	f = appendBytes(f, r.Value)
	f = binary.AppendVarint(f, int64(len(r.Headers)))
	for _, h := range r.Headers {
		f = binary.AppendVarint(f, int64(len(h.Key)))
		f = append(f, h.Key...)
		f = appendBytes(f, h.Value)
	}
	b.records = binary.AppendVarint(b.records, int64(len(f)))
	b.records = append(b.records, f...)
	b.count++
}

func appendBytes(to, field []byte) []byte {
	if field == nil {
		return binary.AppendVarint(to, -1)
	}
	return append(binary.AppendVarint(to, int64(len(field))), field...)
}

// Len is the number of records that were added.
func (b *Builder) Len() int { return int(b.count) }

// Bytes is about the size of the batch so far, before compression.
func (b *Builder) Bytes() int { return HeaderSize + len(b.records) }

// Build returns the batch. Its base offset is 0 and its leader epoch -1 until a leader stamps it.
func (b *Builder) Build() (Batch, error) {
	packed, err := pack(b.Codec, b.records)
	if err != nil {
		return nil, err
	}
	out := make(Batch, HeaderSize, HeaderSize+len(packed))
	out = append(out, packed...)
	attributes := uint16(b.Codec)
	if b.Transactional {
		attributes |= attrTransactional
	}
	if b.Control {
		attributes |= attrControl
	}
	producer := Producer{kafka.NoProducer, -1, -1}
	if b.Producer != nil {
		producer = *b.Producer
	}
	be := binary.BigEndian
	be.PutUint32(out[posLength:], uint32(len(out)-lengthOverhead))
	be.PutUint32(out[posLeaderEpoch:], ^uint32(0))
	out[posMagic] = magic
	be.PutUint16(out[posAttributes:], attributes)
	be.PutUint32(out[posLastOffsetDelta:], uint32(b.count-1))
	be.PutUint64(out[posBaseTimestamp:], uint64(b.base))
	be.PutUint64(out[posMaxTimestamp:], uint64(b.newest))
	be.PutUint64(out[posProducerID:], uint64(producer.ID))
	be.PutUint16(out[posProducerEpoch:], uint16(producer.Epoch))
	be.PutUint32(out[posBaseSequence:], uint32(producer.Sequence))
	be.PutUint32(out[posCount:], uint32(b.count))
	be.PutUint32(out[posCRC:], out.ComputeCRC())
	return out, nil
}
