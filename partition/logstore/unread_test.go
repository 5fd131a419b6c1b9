package logstore

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore/logstoretest"
)

// stored returns a disk that holds 20 batches of a partition, in tables.
func stored(t *testing.T) *vfs.MemFS {
	fs := vfs.NewMem()
	s := open(t, small(fs))
	h := &logstoretest.Harness{Store: s}
	for i := range 20 {
		h.Write(t, &partition.Write{Partition: 1, Sync: true, Hard: &consensus.HardState{Term: 1}, Entries: []consensus.Entry{{
			Index: consensus.Index(i + 1), Term: 1, Kind: consensus.Batch, Data: logstoretest.Batch(t, kafka.Offset(i), 1, 10_000),
		}}})
	}
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return fs
}

// A disk that fails a read is found out by that, whatever it is that reads, and ends the store. One that has too many open files has not failed.
func TestFailedReadIsTheEnd(t *testing.T) {
	reads := map[string]func(s *Store) error{
		"a fetch":           func(s *Store) error { _, err := s.Read(1, 0, 20, 1<<20, true, nil); return err },
		"a follower's read": func(s *Store) error { _, err := s.Entries(1, 1, 20, 1<<20); return err },
		"a load":            func(s *Store) error { _, err := s.Load(1); return err },
		"a list":            func(s *Store) error { _, err := s.Partitions(); return err },
	}
	for name, read := range reads {
		for _, failure := range []struct {
			err  error
			dies bool
		}{{syscall.EIO, true}, {syscall.EMFILE, false}} {
			t.Run(fmt.Sprint(name, " ", failure.err), func(t *testing.T) {
				var failing atomic.Bool
				fs := errorfs.Wrap(stored(t), errorfs.InjectorFunc(func(op errorfs.Op) error {
					if failing.Load() && (op.Kind == errorfs.OpFileReadAt || op.Kind == errorfs.OpFileRead || op.Kind == errorfs.OpOpen) {
						return failure.err
					}
					return nil
				}))
				o, died := small(fs), make(chan error, 1)
				o.OnDeath = func(err error) { died <- err }
				s := open(t, o)
				defer s.Close()
				failing.Store(true)
				if err := read(s); !errors.Is(err, failure.err) {
					t.Errorf("it is answered with %v", err)
				}
				failing.Store(false)
				select {
				case err := <-died:
					if strings.Contains(err.Error(), "in the background") {
						return // Pebble itself read at that moment, and does not stop trying
					}
					if !failure.dies || !strings.Contains(err.Error(), failure.err.Error()) {
						t.Errorf("it died of %v", err)
					}
				default:
					if failure.dies {
						t.Error("the store goes on")
					}
				}
			})
		}
	}
}

// Data that is damaged on a disk that works is an error for who reads it, each time. Everything else goes on.
func TestDamagedDataIsNotTheEnd(t *testing.T) {
	fs := stored(t)
	names, err := fs.List("data/log")
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".blob") {
			continue
		}
		f, err := fs.OpenReadWrite("data/log/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("XXXX"), 5000); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		damaged++
	}
	if damaged == 0 {
		t.Fatalf("there is nothing to damage: %v", names)
	}
	o := small(fs)
	o.OnDeath = func(err error) { t.Errorf("it died of %v", err) }
	s := open(t, o)
	defer s.Close()
	for range 2 {
		if _, err := s.Read(1, 0, 20, 1<<20, true, nil); !pebble.IsCorruptionError(err) {
			t.Errorf("damaged data is read with %v", err)
		}
	}
	h := &logstoretest.Harness{Store: s}
	h.Write(t, &partition.Write{Partition: 2, Sync: true, Entries: []consensus.Entry{{Index: 1, Term: 1, Kind: consensus.Batch, Data: logstoretest.Batch(t, 0, 1, 100)}}})
}
