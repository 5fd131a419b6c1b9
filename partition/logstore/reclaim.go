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
	dropped  bool            // all of it; its rows are deleted already
}

func (s *Store) addGarbage(p kafka.PartitionNumber, g garbage) {
	s.reclaimMu.Lock()
	defer s.reclaimMu.Unlock()
	old := s.garbage[p]
	s.garbage[p] = garbage{max(old.below, g.below), max(old.logStart, g.logStart), old.dropped || g.dropped}
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
// it covers costs little, because blob files that nothing refers to any more are dropped whole.
func (s *Store) Reclaim(ctx context.Context) error {
	s.reclaimMu.Lock()
	all := s.garbage
	s.garbage = map[kafka.PartitionNumber]garbage{}
	s.reclaimMu.Unlock()
	if len(all) == 0 || s.Err() != nil {
		return s.Err()
	}
	entries, rows := s.log.NewBatch(), s.state.NewBatch()
	defer entries.Close()
	defer rows.Close()
	var spans []span
	for _, p := range slices.Sorted(maps.Keys(all)) {
		g := all[p]
		sp := span{key(entryKey, p), entryAt(p, g.below)}
		if g.dropped {
			sp.end = after(entryKey, p)
		}
		if g.dropped || g.below > 0 {
			if some, err := s.any(sp); err != nil {
				return err
			} else if some || g.dropped {
				if err := entries.DeleteRange(sp.start, sp.end, nil); err != nil {
					return err
				}
				spans = sp.merge(spans)
			}
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
	for _, sp := range spans {
		if err := s.log.Compact(ctx, sp.start, sp.end, false); err != nil {
			return err
		}
	}
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
