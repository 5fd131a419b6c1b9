package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// decodeEntry reads the entry at which an iterator stands; its data is the iterator's.
func decodeEntry(it *pebble.Iterator) (consensus.Entry, error) {
	v, err := it.ValueAndErr()
	if err != nil {
		return consensus.Entry{}, fmt.Errorf("entry %x: %w", it.Key(), err)
	}
	if len(v) < entryHeader {
		return consensus.Entry{}, fmt.Errorf("entry %x has %d bytes: %w", it.Key(), len(v), pebble.ErrCorruption)
	}
	return consensus.Entry{
		Index: consensus.Index(number(it.Key(), 0)), Term: consensus.Term(binary.BigEndian.Uint64(v)),
		Kind: consensus.Kind(v[entryHeader-1]), Data: v[entryHeader:],
	}, nil
}

// Entries returns entries of a partition; see partition.Store.
func (s *Store) Entries(p kafka.PartitionNumber, lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error) {
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: entryAt(p, lo), UpperBound: entryAt(p, hi)})
	if err != nil {
		return nil, s.unread(err)
	}
	defer it.Close()
	var out []consensus.Entry
	bytes := 0
	for ok := it.First(); ok; ok = it.Next() {
		e, err := decodeEntry(it)
		if err != nil {
			return nil, s.unread(err)
		}
		if want := lo + consensus.Index(len(out)); e.Index != want {
			if len(out) == 0 {
				return nil, fmt.Errorf("entry %d of partition %d: %w", lo, p, partition.ErrCompacted)
			}
			return nil, fmt.Errorf("entry %d of partition %d is missing: %d comes next", want, p, e.Index)
		}
		if bytes += len(e.Data); len(out) > 0 && bytes > maxBytes {
			break
		}
		e.Data = append(make([]byte, 0, len(e.Data)), e.Data...)
		out = append(out, e)
	}
	if err := it.Error(); err != nil {
		return nil, s.unread(err)
	}
	if len(out) == 0 && lo < hi {
		return nil, fmt.Errorf("entry %d of partition %d: %w", lo, p, partition.ErrCompacted)
	}
	return out, nil
}

// expected is about how many bytes there are from a batch on up to an offset, if those that follow are like it.
func expected(b record.Batch, to kafka.Offset) int {
	records := int64(b.LastOffsetDelta()) + 1
	return len(b) * int((int64(to-b.BaseOffset())+records-1)/records)
}

// Read appends record batches to dst; see partition.Store.
func (s *Store) Read(p kafka.PartitionNumber, from, to kafka.Offset, maxBytes int, atLeastOne bool, dst []byte) ([]byte, error) {
	start, err := s.seekOffset(p, from)
	if err != nil {
		return dst, err
	}
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: after(entryKey, p)})
	if err != nil {
		return dst, s.unread(err)
	}
	defer it.Close()
	size := 0
	for ok := it.First(); ok; ok = it.Next() {
		e, err := decodeEntry(it)
		if err != nil {
			return dst, s.unread(err)
		}
		if e.Kind != consensus.Batch {
			continue
		}
		b := record.Batch(e.Data)
		if len(b) < record.HeaderSize || b.Size() != len(b) {
			return dst, fmt.Errorf("entry %d of partition %d holds %d bytes that are no whole record batch", e.Index, p, len(b))
		}
		if b.NextOffset() <= from {
			continue
		}
		if b.BaseOffset() >= to || size+len(b) > maxBytes && (size > 0 || !atLeastOne) {
			break
		}
		if size == 0 {
			dst = slices.Grow(dst, min(expected(b, to), max(maxBytes, len(b))))
		}
		size += len(b)
		dst = append(dst, b...)
	}
	return dst, s.unread(it.Error())
}

// seekOffset returns the key of an entry from which the batch that holds an offset is not far.
func (s *Store) seekOffset(p kafka.PartitionNumber, o kafka.Offset) ([]byte, error) {
	it, err := s.state.NewIter(&pebble.IterOptions{LowerBound: key(offsetKey, p), UpperBound: key(offsetKey, p, uint64(max(o, 0))+1)})
	if err != nil {
		return nil, s.unread(err)
	}
	defer it.Close()
	if !it.Last() {
		return key(entryKey, p), s.unread(it.Error())
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, s.unread(err)
	}
	return key(entryKey, p, binary.BigEndian.Uint64(v)), nil
}

// SeekTimestamp looks into the rows of a segment; see partition.Store.
func (s *Store) SeekTimestamp(p kafka.PartitionNumber, segment kafka.Offset, ts int64) (kafka.Offset, bool, error) {
	it, err := s.state.NewIter(&pebble.IterOptions{
		LowerBound: key(timeKey, p, uint64(segment), uint64(max(ts, 0))), UpperBound: key(timeKey, p, uint64(segment)+1),
	})
	if err != nil {
		return 0, false, s.unread(err)
	}
	defer it.Close()
	if !it.First() {
		return 0, false, s.unread(it.Error())
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return 0, false, s.unread(err)
	}
	return kafka.Offset(binary.BigEndian.Uint64(v)), true, nil
}

// unread ends the store where a read has failed: a disk that does not give back what it holds is no better than one that does not take it, and so nobody is kept from what other replicas
// have. What is damaged on a disk that works is for who asked for it, and so is that too many files are open for the moment.
func (s *Store) unread(err error) error {
	if err == nil || pebble.IsCorruptionError(err) {
		return err
	}
	for _, other := range []error{pebble.ErrClosed, io.EOF, io.ErrUnexpectedEOF, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, other) {
			return err
		}
	}
	return s.die(fmt.Errorf("read: %w", err))
}

// Update notes what can be computed again; see partition.Store.
func (s *Store) Update(u *partition.Update) {
	if s.Err() != nil {
		return
	}
	b := s.state.NewBatch()
	defer b.Close()
	set := func(k, v []byte) {
		if err := b.Set(k, v, nil); err != nil {
			s.die(err) //nolint:errcheck // everybody is told
		}
	}
	for _, o := range u.Blocks {
		set(key(offsetKey, u.Partition, uint64(o.Offset)), binary.BigEndian.AppendUint64(nil, uint64(o.Index)))
	}
	for _, t := range u.Times {
		set(key(timeKey, u.Partition, uint64(t.Segment), uint64(t.Timestamp)), binary.BigEndian.AppendUint64(nil, uint64(t.Offset)))
	}
	if u.Checkpoint != nil {
		set(key(checkpointKey, u.Partition), u.Checkpoint)
	}
	if err := s.state.Apply(b, pebble.NoSync); err != nil {
		s.die(err) //nolint:errcheck // everybody is told
	}
}
