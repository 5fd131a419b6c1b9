package logstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/go-kit/log/level"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// garbage is what of a partition may go.
type garbage struct {
	below    consensus.Index // entries before it
	logStart kafka.Offset    // index rows that only reads below it need
	dropped  bool            // there was a replica of it whose rows are deleted, and take up space
}

func (s *Store) addGarbage(p kafka.PartitionNumber, g garbage) {
	s.reclaimMu.Lock()
	defer s.reclaimMu.Unlock()
	old := s.garbage[p]
	s.garbage[p] = garbage{max(old.below, g.below), max(old.logStart, g.logStart), old.dropped || g.dropped}
}

// noteDrop forgets what of a partition may go: its rows are gone, and those that come from now on are of another replica, which may be given the same entries again.
func (s *Store) noteDrop(p kafka.PartitionNumber) {
	s.deleting.Lock() // what was noted of the replica that is gone is deleted by now, or never
	defer s.deleting.Unlock()
	s.reclaimMu.Lock()
	defer s.reclaimMu.Unlock()
	s.garbage[p] = garbage{dropped: true}
}

// note remembers what a durable write lets go.
func (s *Store) note(w *partition.Write) {
	if w.Snapshot != nil || w.LogStart > 0 {
		g := garbage{logStart: w.LogStart}
		if w.Snapshot != nil {
			g.below = w.Snapshot.Index + 1
		}
		s.addGarbage(w.Partition, g)
	}
}

func (s *Store) reclaim(ctx context.Context) {
	defer s.running.Done()
	if s.o.ReclaimEvery < 0 {
		return
	}
	ticker := time.NewTicker(s.o.ReclaimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.room.hunger: // the disk is full
		}
		if err := s.Reclaim(ctx); err != nil && ctx.Err() == nil {
			level.Warn(s.o.Logger).Log("msg", "space could not be given back", "err", err)
		}
	}
}

// Reclaim deletes what may go and gives its space back. A range deletion alone gives nothing back; the compaction over what
// it covers costs little, because blob files that nothing refers to any more are dropped whole. What an error keeps it from is done by the next one.
func (s *Store) Reclaim(ctx context.Context) error {
	s.reclaiming.Lock()
	defer s.reclaiming.Unlock()
	if err := s.Err(); err != nil {
		return err
	}
	if err := s.deleteGarbage(); err != nil {
		return err
	}
	for len(s.deleted) > 0 {
		if err := s.log.Compact(ctx, s.deleted[0].start, s.deleted[0].end, false); err != nil {
			return err
		}
		s.deleted = s.deleted[1:]
	}
	return nil
}

// deleteGarbage deletes what may go.
func (s *Store) deleteGarbage() (err error) {
	s.deleting.Lock()
	defer s.deleting.Unlock()
	s.reclaimMu.Lock()
	all := s.garbage
	s.garbage = map[kafka.PartitionNumber]garbage{}
	s.reclaimMu.Unlock()
	defer func() {
		if err != nil {
			for p, g := range all {
				s.addGarbage(p, g)
			}
		}
	}()
	if len(all) == 0 {
		return nil
	}
	entries, rows := s.log.NewBatch(), s.state.NewBatch()
	defer entries.Close()
	defer rows.Close()
	var spans []span
	for _, p := range slices.Sorted(maps.Keys(all)) {
		g := all[p]
		below := span{key(entryKey, p), entryAt(p, g.below)}
		some := false
		if g.below > 0 {
			if some, err = s.any(below); err != nil {
				return err
			}
		}
		if some {
			if err := entries.DeleteRange(below.start, below.end, nil); err != nil {
				return err
			}
		}
		switch {
		case g.dropped:
			spans = span{key(entryKey, p), after(entryKey, p)}.merge(spans)
		case some:
			spans = below.merge(spans)
		}
		if err := s.deleteRows(rows, p, g.logStart); err != nil {
			return err
		}
	}
	if err := s.log.Apply(entries, pebble.NoSync); err != nil {
		return err
	}
	if err := s.state.Apply(rows, pebble.NoSync); err != nil {
		return err
	}
	s.deleted = append(s.deleted, spans...)
	return nil
}

// A span is a range of keys.
type span struct{ start, end []byte }

// merge adds the span to the list, or to the last of the list where they touch.
func (sp span) merge(list []span) []span {
	if n := len(list); n > 0 && slices.Compare(list[n-1].end, sp.start) >= 0 {
		list[n-1].end = sp.end
		return list
	}
	return append(list, sp)
}

// any tells whether a span holds a row.
func (s *Store) any(sp span) (bool, error) {
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: sp.start, UpperBound: sp.end})
	if err != nil {
		return false, err
	}
	defer it.Close()
	return it.First(), it.Error()
}

// deleteRows deletes the index rows below the last one that a read at the log start needs.
func (s *Store) deleteRows(b *pebble.Batch, p kafka.PartitionNumber, logStart kafka.Offset) error {
	if logStart <= 0 {
		return nil
	}
	for _, kind := range []byte{offsetKey, timeKey} {
		it, err := s.state.NewIter(&pebble.IterOptions{LowerBound: key(kind, p), UpperBound: key(kind, p, uint64(logStart)+1)})
		if err != nil {
			return err
		}
		if it.Last() {
			err = b.DeleteRange(key(kind, p), key(kind, p, number(it.Key(), 0)), nil)
		}
		if closing := it.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
	}
	return nil
}
