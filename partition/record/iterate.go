package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"troupe/partition/kafka"
)

var (
	errTruncated = errors.New("it ends early")
	errTrailing  = errors.New("it is longer than its fields")
	errHeaders   = errors.New("its headers are malformed")
)

// A Record is one record of a batch. Its slices alias the batch's bytes, or those that decompression made for the walk.
type Record struct {
	Offset    kafka.Offset
	Timestamp int64  // milliseconds since 1970
	Key       []byte // nil where the record has none
	Value     []byte // nil for a tombstone
	Headers   []Header
}

// A Header is a name and a value that go with a record (KIP-82).
type Header struct {
	Key   string
	Value []byte // nil where there is none
}

// Records walks over the records of a batch, unpacking at most maxBytes. An error ends the walk.
func (b Batch) Records(maxBytes int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		body, err := b.body(maxBytes)
		if err != nil {
			yield(Record{}, err)
			return
		}
		f := fieldReader{b: body}
		for n := range b.Count() {
			var r Record
			if err := r.read(&f, b); err != nil {
				yield(Record{}, fmt.Errorf("record %d of the batch at offset %d: %w", n, b.BaseOffset(), err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Timestamps calls visit with the offset and the timestamp of each record of a batch that unpacks to maxBytes at most, until it has
// enough. It holds no more of the records than a window. A batch may be visited again from its beginning.
func (b Batch) Timestamps(maxBytes int, visit func(o kafka.Offset, timestamp int64) (more bool)) error {
	walk := func(f *fieldReader) error {
		for n := range b.Count() {
			var r shape
			if err := r.read(f); err != nil {
				return fmt.Errorf("record %d of the batch at offset %d: %w", n, b.BaseOffset(), err)
			}
			timestamp := b.BaseTimestamp() + r.timestampDelta
			if b.IsLogAppendTime() {
				timestamp = b.MaxTimestamp()
			}
			if !visit(b.BaseOffset()+kafka.Offset(r.offsetDelta), timestamp) {
				return nil
			}
		}
		return nil
	}
	if b.Codec() == None {
		return walk(&fieldReader{b: b[HeaderSize:b.Size()]})
	}
	return b.unpack(maxBytes, walk)
}

// body returns the batch's records, unpacked to at most maxBytes. The records of a walk alias it.
func (b Batch) body(maxBytes int) (body []byte, err error) {
	if b.Codec() == None {
		return b[HeaderSize:b.Size()], nil
	}
	err = b.unpack(maxBytes, func(f *fieldReader) error {
		body = nil
		for !f.ended() {
			body = append(body, f.b...)
			f.at = len(f.b)
		}
		return f.err()
	})
	return body, err
}

func (r *Record) read(f *fieldReader, of Batch) error {
	size := f.varint32()
	if f.failed() || size < 0 || size > int64(len(f.b)-f.at) {
		return errTruncated
	}
	end := f.pos() + size
	f.skip(1)
	r.Timestamp = of.BaseTimestamp() + f.varint()
	if of.IsLogAppendTime() {
		r.Timestamp = of.MaxTimestamp()
	}
	r.Offset = of.BaseOffset() + kafka.Offset(f.varint32())
	r.Key = f.bytes()
	r.Value = f.bytes()
	headers := f.varint32()
	if headers < 0 || !f.failed() && headers > end-f.pos() {
		return errHeaders
	}
	if headers > 0 {
		r.Headers = make([]Header, headers)
	}
	for i := range r.Headers {
		r.Headers[i] = Header{Key: string(f.bytes()), Value: f.bytes()}
	}
	if f.failed() || f.pos() != end {
		return errTruncated
	}
	return nil
}

// bytes reads a length and so many bytes; nil for a negative length.
func (f *fieldReader) bytes() []byte {
	n := f.varint32()
	if n < 0 {
		return nil
	}
	return f.take(n)
}

// Batches walks over batches that stand one behind the other, as in a fetch response. A last one that is not whole ends the
// walk without an error, because that is how a reader's byte limit may cut it; a length that no batch can have is an error.
func Batches(b []byte) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for len(b) >= posMagic+1 {
			size := lengthOverhead + int(int32(binary.BigEndian.Uint32(b[posLength:])))
			if size < HeaderSize {
				yield(nil, fmt.Errorf("a batch claims %d bytes", size))
				return
			}
			if size > len(b) {
				return
			}
			if !yield(Batch(b[:size:size]), nil) {
				return
			}
			b = b[size:]
		}
	}
}
