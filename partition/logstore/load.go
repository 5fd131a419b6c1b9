package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// Load returns what is stored of a partition; see partition.Store.
func (s *Store) Load(p kafka.PartitionNumber) (*partition.Stored, error) {
	if err := s.barrier(); err != nil {
		return nil, err
	}
	out := &partition.Stored{}
	if row, err := get(s.log, key(hardKey, p), 24); err != nil {
		return nil, s.unread(err)
	} else if row != nil {
		out.Hard.Known = true
		out.Hard.Term = consensus.Term(binary.BigEndian.Uint64(row))
		out.Hard.Vote = binary.BigEndian.Uint64(row[8:])
		out.Hard.Commit = consensus.Index(binary.BigEndian.Uint64(row[16:]))
	}
	var err error
	if out.Snapshot, err = snapshotOf(s.log, p); err != nil {
		return nil, s.unread(err)
	}
	if out.Last, out.LastTerm, err = s.lastOnDisk(p); err != nil {
		return nil, err
	}
	s.setLast(p, out.Last)
	if out.Last < out.Snapshot.Index {
		out.Last, out.LastTerm = out.Snapshot.Index, out.Snapshot.Term
	}
	if out.Checkpoint, err = get(s.state, key(checkpointKey, p), 0); err != nil {
		return nil, s.unread(err)
	}
	if out.Snapshot.Index > 0 {
		s.addGarbage(p, garbage{below: out.Snapshot.Index + 1}) // a crash may have come before the rows went
	}
	return out, nil
}

func snapshotOf(db pebble.Reader, p kafka.PartitionNumber) (partition.Snapshot, error) {
	row, err := get(db, key(snapshotKey, p), 16)
	if err != nil || row == nil {
		return partition.Snapshot{}, err
	}
	return partition.Snapshot{
		Index: consensus.Index(binary.BigEndian.Uint64(row)), Term: consensus.Term(binary.BigEndian.Uint64(row[8:])), State: row[16:],
	}, nil
}

// barrier waits until everything that was handed in is durable.
func (s *Store) barrier() error {
	done := make(chan error, 1)
	s.enqueue(request{done: func(err error) { done <- err }, write: &partition.Write{}})
	return <-done
}

// get returns a copy of a row, nil where there is none. A row that is too short is damaged.
func get(db pebble.Reader, k []byte, least int) ([]byte, error) {
	v, closer, err := db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	if len(v) < least {
		return nil, fmt.Errorf("row %x has %d bytes, at least %d were expected: %w", k, len(v), least, pebble.ErrCorruption)
	}
	return append(make([]byte, 0, len(v)), v...), nil
}

// lastOnDisk returns the index and term of a partition's newest entry.
func (s *Store) lastOnDisk(p kafka.PartitionNumber) (consensus.Index, consensus.Term, error) {
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: key(entryKey, p), UpperBound: after(entryKey, p)})
	if err != nil {
		return 0, 0, s.unread(err)
	}
	defer it.Close()
	if !it.Last() {
		return 0, 0, s.unread(it.Error())
	}
	e, err := decodeEntry(it)
	if err != nil {
		return 0, 0, s.unread(err)
	}
	return e.Index, e.Term, nil
}

// Partitions lists the partitions that have a hard state, which every replica writes before anything else.
func (s *Store) Partitions() ([]kafka.PartitionNumber, error) {
	if err := s.barrier(); err != nil {
		return nil, err
	}
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: []byte{hardKey}, UpperBound: []byte{hardKey + 1}})
	if err != nil {
		return nil, s.unread(err)
	}
	defer it.Close()
	var out []kafka.PartitionNumber
	for ok := it.First(); ok; ok = it.Next() {
		out = append(out, kafka.PartitionNumber(binary.BigEndian.Uint32(it.Key()[1:])))
	}
	slices.Sort(out)
	return out, s.unread(it.Error())
}

// Chunks hands out the machine's rows that belong to the snapshot; see partition.Store.
func (s *Store) Chunks(p kafka.PartitionNumber, yield func([]byte) error) error {
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: key(chunkKey, p), UpperBound: after(chunkKey, p)})
	if err != nil {
		return s.unread(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return s.unread(err)
		}
		if err := yield(append([]byte(nil), v...)); err != nil {
			return err
		}
	}
	return s.unread(it.Error())
}

// Chunk returns one of the machine's chunks of rows; see partition.Store.
func (s *Store) Chunk(p kafka.PartitionNumber, n int) (of partition.Snapshot, chunk []byte, err error) {
	view := s.log.NewSnapshot()
	defer view.Close()
	if of, err = snapshotOf(view, p); err != nil {
		return of, nil, s.unread(err)
	}
	chunk, err = get(view, key(chunkKey, p, uint64(n)), 0)
	return of, chunk, s.unread(err)
}
