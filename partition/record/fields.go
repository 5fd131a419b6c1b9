package record

import (
	"encoding/binary"
	"math"
)

// A fieldReader takes fields off the front of a batch's body; once one is not there, it has failed for good. What is not
// compressed lies in b whole. Of what is, b is a window that moves on: fields that are skipped are never held.
type fieldReader struct {
	b    []byte
	at   int     // the next field in b; beyond its end where the reader has failed
	past int64   // how much of the body came before b
	more *stream // what comes after b; nil where b is all
}

const failedAt = math.MaxInt

func (f *fieldReader) failed() bool { return f.at > len(f.b) }

// pos is how much of the body has been taken. It means nothing once the reader has failed.
func (f *fieldReader) pos() int64 { return f.past + int64(f.at) }

// err is what is wrong with the compressed bytes that were read so far.
func (f *fieldReader) err() error {
	if f.more == nil {
		return nil
	}
	return f.more.err
}

// failure says why a record is not whole.
func (f *fieldReader) failure() error {
	if err := f.err(); err != nil {
		return err
	}
	return errTruncated
}

// varint reads a zigzag number of 64 bits. Most are of one byte.
func (f *fieldReader) varint() int64 {
	if i := f.at; i < len(f.b) && f.b[i] < 0x80 {
		f.at++
		return zigzag(uint64(f.b[i]))
	}
	return f.longVarint(math.MaxUint64)
}

func zigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// varint32 reads a zigzag number of 32 bits, which takes five bytes at most: Java's clients read no more, so a longer one would
// stop them for good at this batch. In a record only the timestamp has more bits (KIP-98).
func (f *fieldReader) varint32() int64 {
	if i := f.at; i < len(f.b)-1 { // nearly all are of one byte or two
		if f.b[i] < 0x80 {
			f.at = i + 1
			return zigzag(uint64(f.b[i]))
		}
		if f.b[i+1] < 0x80 {
			f.at = i + 2
			return zigzag(uint64(f.b[i]&0x7f) | uint64(f.b[i+1])<<7)
		}
	}
	return f.longVarint(math.MaxUint32)
}

const varint32Len = 5

func (f *fieldReader) longVarint(limit uint64) int64 {
	if f.failed() {
		return 0
	}
	if len(f.b)-f.at < binary.MaxVarintLen64 {
		f.fill()
	}
	v, n := binary.Uvarint(f.b[f.at:])
	if n <= 0 || v > limit || limit == math.MaxUint32 && n > varint32Len {
		f.at = failedAt
		return 0
	}
	f.at += n
	return zigzag(v)
}

// skip passes over n bytes, which is not below zero.
func (f *fieldReader) skip(n int64) {
	if left := int64(len(f.b) - f.at); n > left {
		f.skipFar(n)
		return
	}
	f.at += int(n)
}

// skipFar passes over more than lies in the window.
func (f *fieldReader) skipFar(n int64) {
	for !f.failed() {
		left := int64(len(f.b) - f.at)
		if n <= left {
			f.at += int(n)
			return
		}
		n -= left
		f.at = len(f.b)
		if f.fill(); f.at == len(f.b) {
			f.at = failedAt
		}
	}
}

// ended tells whether the body is over.
func (f *fieldReader) ended() bool {
	if !f.failed() && f.at == len(f.b) {
		f.fill()
	}
	return f.at == len(f.b)
}

// fill moves the window on, so that it begins with the next field.
func (f *fieldReader) fill() {
	if f.more == nil {
		return
	}
	f.past += int64(f.at)
	f.b, f.at = f.more.next(f.b[f.at:]), 0
}

// take returns n bytes, of a body that lies in memory whole.
func (f *fieldReader) take(n int64) []byte {
	start := f.at
	if f.skip(n); f.failed() {
		return nil
	}
	return f.b[start:f.at:f.at]
}
