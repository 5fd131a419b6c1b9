package logstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/go-kit/log/level"
)

// logOptions are those under which each byte is written about twice: to the write-ahead log and to a blob file. Pebble's defaults
// write it five times. Producers compress; we don't.
func (s *Store) logOptions(cache *pebble.Cache) *pebble.Options {
	o := s.commonOptions(cache)
	o.MemTableSize = s.o.MemTableBytes
	o.MemTableStopWritesThreshold = 4
	o.L0CompactionThreshold = 8
	o.L0CompactionFileThreshold = 1000
	o.L0StopWritesThreshold = 1000
	o.LBaseMaxBytes = 1 << 30
	o.FlushSplitBytes = 1 << 30
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = s.room.unit
	}
	o.CompactionConcurrencyRange = func() (int, int) { return 1, 2 }
	o.BytesPerSync = 16 << 20
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: 256, MaxBlobReferenceDepth: 1 << 20, RewriteMinimumAge: 5 * time.Minute, TargetGarbageRatio: 0.4,
		}
	}
	return o
}

// stateOptions are for small rows that may be lost.
func (s *Store) stateOptions(cache *pebble.Cache) *pebble.Options {
	o := s.commonOptions(cache)
	o.MemTableSize = uint64(min(4<<20, s.room.unit))
	return o
}

func (s *Store) commonOptions(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		FS:                 s.o.FS,
		Cache:              cache,
		FormatMajorVersion: pebble.FormatValueSeparation, // the default would write no blobs, without a word
		Logger:             pebbleLogger{s},
		MaxOpenFiles:       20_000,
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	o.EventListener = &pebble.EventListener{
		BackgroundError: s.backgroundFailed,
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			level.Warn(s.o.Logger).Log("msg", "the store can't write as fast as it is asked to", "reason", i.Reason)
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			level.Error(s.o.Logger).Log("msg", "the store holds damaged data", "file", i.Path, "err", i.Details)
		},
	}
	return o
}

// backgroundFailed ends the store when a flush or a compaction has failed, which Pebble repeats for ever and without a pause: what the disk holds then is as
// unknown as after a failed sync. Damaged data that was found is an error for who reads it.
func (s *Store) backgroundFailed(err error) {
	level.Error(s.o.Logger).Log("msg", "background work of the store failed", "err", err)
	if !errors.Is(err, context.Canceled) && !pebble.IsCorruptionError(err) {
		s.die(fmt.Errorf("in the background: %w", err)) //nolint:errcheck // everybody is told
	}
}

// pebbleLogger lets Pebble's errors through. What Pebble calls fatal ends the store instead of the process: whoever opened it decides what
// that means. Fatalf must not return, so its goroutine stays there.
type pebbleLogger struct{ s *Store }

func (pebbleLogger) Infof(string, ...any) {}
func (l pebbleLogger) Errorf(format string, args ...any) {
	level.Error(l.s.o.Logger).Log("msg", fmt.Sprintf(format, args...), "from", "pebble")
}
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.die(fmt.Errorf(format, args...)) //nolint:errcheck // it is the same error
	select {}
}
