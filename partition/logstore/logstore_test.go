package logstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	randv2 "math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore/logstoretest"
)

func small(fs vfs.FS) Options {
	return Options{Dir: "data", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, ReclaimEvery: -1}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Run("pebble", func(t *testing.T) {
		logstoretest.Conformance(t, func(t *testing.T) *logstoretest.Harness {
			var failing atomic.Bool
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if failing.Load() && op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") {
					return errors.New("injected")
				}
				return nil
			}))
			s := open(t, small(fs))
			t.Cleanup(func() {
				if s.Err() == nil {
					s.Close()
				}
			})
			return &logstoretest.Harness{
				Store:    s,
				Reclaim:  func() error { return s.Reclaim(context.Background()) },
				FailSync: func() { failing.Store(true) },
				Reopen: func() partition.Store {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t, small(fs))
					return s
				},
			}
		})
	})
	t.Run("memory", func(t *testing.T) {
		logstoretest.Conformance(t, func(t *testing.T) *logstoretest.Harness {
			m := newInline()
			return &logstoretest.Harness{Store: m, FailSync: func() { m.FailAfter = 1 }}
		})
	})
}

// inline is a Memory that syncs before Append returns to its caller, so that a test can wait for it.
type inline struct{ *Memory }

func newInline() inline {
	var due []func()
	m := inline{NewMemory(func(f func()) { due = append(due, f) })}
	return m
}

func (m inline) Append(w *partition.Write) { m.Memory.Append(w); m.sync() }
func (m inline) Drop(p kafka.PartitionNumber, done func(error)) {
	m.Memory.Drop(p, done)
	m.sync()
}

func TestCrashes(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	t.Run("pebble", func(t *testing.T) {
		for seed := range seeds / 3 {
			logstoretest.Crashes(t, uint64(seed), func(t *testing.T) *logstoretest.Crasher {
				return pebbleCrasher(t, vfs.NewCrashableMem())
			})
		}
	})
	t.Run("memory", func(t *testing.T) {
		for seed := range seeds {
			logstoretest.Crashes(t, uint64(seed), func(*testing.T) *logstoretest.Crasher {
				return memoryCrasher(NewMemory(func(func()) {}))
			})
		}
	})
}

func pebbleCrasher(t *testing.T, fs *vfs.MemFS) *logstoretest.Crasher {
	s := open(t, small(fs))
	return &logstoretest.Crasher{
		Store:  s,
		Settle: func() { _ = s.barrier() },
		Crash: func(r *randv2.Rand) (*logstoretest.Crasher, error) {
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: randv2.New(randv2.NewPCG(r.Uint64(), 1))})
			// What is reported after the picture was taken is not in it: the old store is let go of before its reports count.
			if err := s.Close(); err != nil {
				return nil, err
			}
			return pebbleCrasher(t, clone), nil
		},
	}
}

func memoryCrasher(m *Memory) *logstoretest.Crasher {
	return &logstoretest.Crasher{
		Store:  m,
		Settle: m.sync,
		Crash: func(r *randv2.Rand) (*logstoretest.Crasher, error) {
			return memoryCrasher(m.Crash(r, func(func()) {})), nil
		},
	}
}

// What we rely on of a function that Pebble calls experimental: the error of a failed sync is returned, and the batch is readable before.
func TestSyncWaitReturnsTheError(t *testing.T) {
	var failing atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind == errorfs.OpFileSyncData {
			return errors.New("injected")
		}
		return nil
	}))
	s := open(t, small(fs))
	failing.Store(true)
	b := s.log.NewBatch()
	if err := b.Set([]byte("k"), []byte("v"), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.log.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := b.SyncWait(); err == nil || !strings.Contains(err.Error(), "injected") {
		t.Errorf("SyncWait: %v", err)
	}
}

// A flush that fails is a write that fails, though no one waits for it: Pebble would repeat it for ever and stall the writers without a word.
func TestFailedFlushIsTheEnd(t *testing.T) {
	var failing atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind == errorfs.OpFileWrite && !strings.HasSuffix(op.Path, ".log") {
			return errors.New("injected")
		}
		return nil
	}))
	died := make(chan error, 1)
	o := small(fs)
	o.OnDeath = func(err error) { died <- err }
	s := open(t, o)
	failing.Store(true)
	deadline := time.After(20 * time.Second)
	for i := 0; ; i++ {
		s.Append(&partition.Write{Partition: 1, Sync: true, Entries: []consensus.Entry{{
			Index: consensus.Index(i + 1), Term: 1, Kind: consensus.Batch, Data: logstoretest.Batch(t, kafka.Offset(i*16), 16, 64<<10)}}})
		select {
		case err := <-died:
			if !strings.Contains(err.Error(), "injected") {
				t.Errorf("it died of %v", err)
			}
			return
		case <-deadline:
			t.Fatal("the store goes on")
		case <-time.After(time.Millisecond):
		}
	}
}

// Whatever file it is that can't be written any more for want of space: the store dies of it, says why, and can be closed.
func TestDiskFull(t *testing.T) {
	in := func(dir, suffix string) func(path string) bool {
		return func(path string) bool {
			return strings.HasPrefix(path, "data/"+dir+"/") && (strings.HasSuffix(path, suffix) || strings.Contains(path, suffix+"-"))
		}
	}
	for name, hit := range map[string]func(path string) bool{
		"tables of the log": in("log", ".sst"), "blobs of the log": in("log", ".blob"), "write-ahead log of the log": in("log", ".log"), "manifest of the log": in("log", "MANIFEST"),
		"tables of the state": in("state", ".sst"), "write-ahead log of the state": in("state", ".log"),
	} {
		t.Run(name, func(t *testing.T) {
			var full atomic.Bool
			o := small(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && hit(op.Path) {
					return syscall.ENOSPC
				}
				return nil
			})))
			died := make(chan error, 1)
			o.OnDeath = func(err error) { died <- err }
			s := open(t, o)
			full.Store(true)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() { // a replica, which may wait for ever
				data := make([]byte, 32<<10)
				for i := consensus.Index(1); ; i++ {
					select {
					case <-stop:
						close(stopped)
						return
					default:
					}
					done := make(chan error, 1)
					s.Append(&partition.Write{Partition: 1, Sync: true, Done: func(err error) { done <- err }, Entries: []consensus.Entry{{Index: i, Term: 1, Kind: consensus.Command, Data: data}}})
					s.Update(&partition.Update{Partition: 1, Checkpoint: data})
					<-done
				}
			}()
			select {
			case err := <-died:
				if !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("it died of %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("the store goes on")
			}
			close(stop)
			if err := s.Close(); err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
		})
	}
}

// Damage in the midst of what was synced is an error, not an early end: also in the first write-ahead log of a folder.
func TestDamagedLogIsAnError(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := open(t, small(mem))
	h := &logstoretest.Harness{Store: s}
	for i := range 100 {
		h.Write(t, &partition.Write{Partition: 1, Sync: true, Entries: []consensus.Entry{{Index: consensus.Index(i + 1), Term: 1, Kind: consensus.Command, Data: make([]byte, 1000)}}})
	}
	clone := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := clone.List("data/log")
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, name := range names {
		f, err := clone.OpenReadWrite("data/log/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := f.Stat(); err == nil && strings.HasSuffix(name, ".log") && info.Size() > 50_000 {
			damaged++
			if _, err := f.WriteAt([]byte("XXXX"), 10_000); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if damaged == 0 {
		t.Fatal("nothing was damaged")
	}
	if s, err = Open(small(clone)); err != nil {
		return
	}
	defer s.Close()
	if got, err := s.Load(1); err == nil {
		t.Errorf("of 100 entries %d are there, and nobody says so", got.Last)
	}
}

// Writes of a partition are reported in the order in which they were handed in.
func TestReportsKeepTheOrder(t *testing.T) {
	s := open(t, small(vfs.NewMem()))
	defer s.Close()
	const n = 20_000
	var newest atomic.Int64
	var done sync.WaitGroup
	done.Add(n)
	room := make(chan struct{}, 6)
	for i := range int64(n) {
		room <- struct{}{}
		s.Append(&partition.Write{Partition: 1, Sync: true, Done: func(error) {
			runtime.Gosched()
			if before := newest.Swap(i); before > i {
				t.Errorf("write %d is reported after write %d", i, before)
			}
			<-room
			done.Done()
		}, Entries: []consensus.Entry{{Index: consensus.Index(i + 1), Term: 1, Kind: consensus.Command, Data: []byte("0123456789")}}})
	}
	done.Wait()
}

func TestIdentity(t *testing.T) {
	fs := vfs.NewMem()
	o := small(fs)
	o.NodeID = 3
	s := open(t, o)
	id := s.Identity()
	if id.NodeID != 3 || id.ClusterID != "" || id.Replica != 0 || len(id.StoreID) != 22 {
		t.Errorf("%+v", id)
	}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second process opens the folder: %v", err)
	}
	for _, j := range []struct {
		cluster string
		replica uint64
		want    string
	}{{"abc", 0, ""}, {"xyz", 0, "cluster abc and can't join cluster xyz"}, {"abc", 7, ""}, {"abc", 8, "replica 7 of the metadata and can't hold replica 8"}} {
		if err := s.Join(j.cluster, j.replica); j.want == "" && err != nil || j.want != "" && (err == nil || !strings.Contains(err.Error(), j.want)) {
			t.Errorf("join %s with replica %d: %v, want %q", j.cluster, j.replica, err, j.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		node kafka.BrokerID
		want string
	}{{4, "node 3, and this is node 4"}, {3, ""}, {0, ""}} {
		o.NodeID = c.node
		s, err := Open(o)
		if c.want == "" && (err != nil || s.Identity() != Identity{Format, id.StoreID, "abc", 3, 7}) {
			t.Errorf("reopened: %v", err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if err == nil {
			s.Close()
		}
	}
	s = open(t, o)
	if err := s.log.Set([]byte{metaKey}, []byte(`{"format":99}`), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("a newer format: %v", err)
	}
}

// A folder that no cluster has taken becomes another node's, which is told so where its id was taken, as if it were empty; one that a cluster has taken does not.
func TestNodeIDOfAFolderWithoutReplica(t *testing.T) {
	o := small(vfs.NewMem())
	stores := map[string]bool{}
	for _, c := range []struct {
		node    kafka.BrokerID
		cluster string // that it joins
		replica uint64
		want    string
	}{{2, "", 0, ""}, {4, "abc", 0, ""}, {5, "xyz", 7, ""}, {6, "", 0, "node 5, and this is node 6"}} {
		o.NodeID = c.node
		s, err := Open(o)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("node %d: %v, want %q", c.node, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if id := s.Identity(); (id != Identity{Format, id.StoreID, "", c.node, 0}) || stores[id.StoreID] {
			t.Errorf("node %d: %+v", c.node, id)
		}
		stores[s.Identity().StoreID] = true
		if c.cluster != "" {
			if err := s.Join(c.cluster, c.replica); err != nil {
				t.Error(err)
			}
		}
		s.Close()
	}
	o.NodeID = 5
	s := open(t, o)
	if id := s.Identity(); id.NodeID != 5 || id.ClusterID != "xyz" || id.Replica != 7 || !stores[id.StoreID] {
		t.Errorf("%+v", id)
	}
	s.Close()
}

// A folder of format 1 is read, and refused by what reads format 1 only from then on.
func TestFolderOfFormat1(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, small(fs))
	h := &logstoretest.Harness{Store: s}
	h.Write(t, &partition.Write{Partition: 1, Sync: true, Hard: &consensus.HardState{Term: 4}})
	of1 := []byte(`{"format":1,"store":"s","cluster":"c","node":3}`)
	if err := s.log.Set([]byte{metaKey}, of1, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := s.log.Set(key('C', 1), []byte("\x00\x00\x00\x00\x00\x00\x00\x07\x08\x01"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.Close()
		s = open(t, small(fs))
		if id := s.Identity(); (id != Identity{Format, "s", "c", 3, 1}) { // a cluster of that format was one node
			t.Errorf("%+v", id)
		}
		row, err := get(s.log, []byte{metaKey}, 0)
		if err != nil || !strings.Contains(string(row), fmt.Sprintf(`"format":%d`, Format)) {
			t.Errorf("the identity's row is %s, %v", row, err)
		}
		if got, err := s.Load(1); err != nil || got.Hard.Term != 4 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if err := s.log.Set([]byte{metaKey}, of1, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	s.Close()
	o := small(fs)
	o.NodeID = 4
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "node 3") {
		t.Errorf("another node opens it: %v", err)
	}
}

// A cache that belongs to another log is thrown away, and with it what it says.
func TestForeignStateIsThrownAway(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, small(fs))
	s.Update(&partition.Update{Partition: 1, Checkpoint: []byte("old")})
	if err := s.state.Set([]byte{metaKey}, []byte("somebody else"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, small(fs))
	defer s.Close()
	if got, err := s.Load(1); err != nil || got.Checkpoint != nil {
		t.Errorf("%q, %v", got.Checkpoint, err)
	}
}

// Space comes back: on disk, what retention lets go is gone after Reclaim.
func TestReclaimGivesSpaceBack(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, MemTableBytes: 1 << 20, CacheBytes: 1 << 20, ReclaimEvery: -1}
	s := open(t, o)
	defer s.Close()
	h := &logstoretest.Harness{Store: s}
	for i := range 40 {
		h.Write(t, &partition.Write{Partition: 1, Entries: []consensus.Entry{{
			Index: consensus.Index(i + 1), Term: 1, Kind: consensus.Batch, Data: logstoretest.Batch(t, kafka.Offset(i*16), 16, 64<<10)}}})
	}
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	before := s.log.Metrics().DiskSpaceUsage()
	h.Write(t, &partition.Write{Partition: 1, Snapshot: &partition.Snapshot{Index: 38, Term: 1}, LogStart: 38 * 16})
	if err := s.Reclaim(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Files that nothing refers to any more are deleted in the background.
	for deadline := time.Now().Add(20 * time.Second); s.log.Metrics().DiskSpaceUsage() > before/3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are used, %d before\n%s", s.log.Metrics().DiskSpaceUsage(), before, s.log.Metrics())
		}
	}
	if got, err := h.Read(1, 38*16, 40*16, 8<<20, true, nil); err != nil || len(got) < 2<<20 {
		t.Errorf("what is left has %d bytes, %v", len(got), err)
	}
}

func TestDamagedRowIsAnError(t *testing.T) {
	s := open(t, small(vfs.NewMem()))
	defer s.Close()
	row := binary.BigEndian.AppendUint64(nil, 1)
	row = append(row, byte(consensus.Batch))
	if err := s.log.Set(entryAt(5, 1), append(row, make([]byte, 100)...), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(5, 0, 10, 1000, true, nil); err == nil || !strings.Contains(err.Error(), "entry 1 of partition 5") {
		t.Errorf("%v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ partitions, size int }{{1, 1 << 10}, {6, 64 << 10}, {100, 1 << 10}} {
		b.Run(fmt.Sprintf("%d partitions of %d B", c.partitions, c.size), func(b *testing.B) {
			s := open(b, Options{Dir: b.TempDir()})
			defer s.Close()
			data := make([]byte, c.size)
			next := make([]consensus.Index, c.partitions)
			tokens := make(chan struct{}, 2*c.partitions)
			b.SetBytes(int64(c.size))
			for i := range b.N {
				tokens <- struct{}{}
				n := i % c.partitions
				next[n]++
				s.Append(&partition.Write{
					Partition: kafka.PartitionNumber(n + 1), Sync: true, Entries: []consensus.Entry{{Index: next[n], Term: 1, Kind: consensus.Batch, Data: data}},
					Done: func(err error) {
						if err != nil {
							b.Error(err)
						}
						<-tokens
					},
				})
			}
			_ = s.barrier()
		})
	}
}
