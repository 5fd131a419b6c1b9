package consensus

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// storage is what raft sees of the log. Entries come from the tail or, below it, from the owner's read function.
type storage struct {
	hard  *pb.HardState
	conf  *pb.ConfState
	first Index // of the log; the snapshot ends before it
	terms Terms
	tail  tail
	read  func(lo, hi Index, maxBytes int) ([]Entry, error)
	// toRead is how many bytes may still be read from the store in this turn.
	toRead   int
	snapshot func() (Snapshot, bool)
}

// InitialState gives raft what survived the last crash.
func (s *storage) InitialState() (*pb.HardState, *pb.ConfState, error) { return s.hard, s.conf, nil }

// FirstIndex is the index of the first entry that is not part of the snapshot.
func (s *storage) FirstIndex() (uint64, error) { return uint64(s.first), nil }

// LastIndex is the index of the last entry that was handed out for storing.
func (s *storage) LastIndex() (uint64, error) { return uint64(s.tail.next - 1), nil }

// Term is the term of entry i.
func (s *storage) Term(i uint64) (uint64, error) {
	switch {
	case Index(i) < s.first-1:
		return 0, raft.ErrCompacted
	case Index(i) >= s.tail.next:
		return 0, raft.ErrUnavailable
	}
	return uint64(s.terms.Of(Index(i))), nil
}

// Entries gives raft the entries [lo, hi) with their data: raft counts what it sends, and does not copy it.
func (s *storage) Entries(lo, hi, maxSize uint64) ([]*pb.Entry, error) {
	if Index(lo) < s.first {
		return nil, raft.ErrCompacted
	}
	if Index(hi) > s.tail.next {
		return nil, raft.ErrUnavailable
	}
	entries, err := s.entries(Index(lo), Index(hi), maxSize)
	if err != nil {
		return nil, err
	}
	out := make([]*pb.Entry, len(entries))
	slab := make([]pbEntry, len(entries))
	for i := range entries {
		out[i] = slab[i].fill(&entries[i])
	}
	return out, nil
}

// entries returns entries with their data. Where a turn has read its share there are none: raft sends them when the follower for which it asks says something again.
func (s *storage) entries(lo, hi Index, maxBytes uint64) ([]Entry, error) {
	if lo >= s.tail.first() {
		return s.tail.slice(lo, hi, maxBytes), nil
	}
	if s.toRead <= 0 {
		return nil, nil
	}
	out, err := s.read(lo, min(hi, s.tail.first()), int(min(maxBytes, 1<<30)))
	if err != nil {
		return nil, fmt.Errorf("read entries %d to %d: %w", lo, hi, err)
	}
	for i := range out {
		s.toRead -= len(out[i].Data)
	}
	return out, nil
}

// pbEntry is a raft entry together with the values that its fields point to: one allocation for many.
type pbEntry struct {
	entry       pb.Entry
	index, term uint64
	kind        pb.EntryType
}

func (p *pbEntry) fill(e *Entry) *pb.Entry {
	p.index, p.term, p.kind = uint64(e.Index), uint64(e.Term), pb.EntryNormal
	if e.Kind == Reconfigure {
		p.kind = pb.EntryConfChangeV2
	}
	p.entry.Data = e.Data
	p.entry.Index, p.entry.Term, p.entry.Type = &p.index, &p.term, &p.kind
	return &p.entry
}
