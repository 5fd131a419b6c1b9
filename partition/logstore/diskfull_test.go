package logstore

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/logstore/logstoretest"
)

// A testDisk is a disk whose free space a test decides. While it is dry, writes of Pebble's find no space as long as the ballast is there.
type testDisk struct {
	vfs.FS
	mem  *vfs.MemFS
	free atomic.Int64
	dry  atomic.Bool
}

const testDiskBytes = 1 << 30 // a unit is 16 MiB, the ballast 64 MiB and the reserve 128 MiB

func newTestDisk(free int64) *testDisk {
	d := &testDisk{mem: vfs.NewMem()}
	d.free.Store(free)
	d.FS = errorfs.Wrap(d.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		pebbles := strings.HasPrefix(op.Path, "data/log/") || strings.HasPrefix(op.Path, "data/state/")
		if pebbles && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose && d.dry.Load() && d.holdsBallast() {
			return syscall.ENOSPC
		}
		return nil
	}))
	return d
}

func (d *testDisk) holdsBallast() bool {
	_, err := d.mem.Stat("data/" + ballastFile)
	return err == nil
}

// GetDiskUsage tells what the test says, less the ballast.
func (d *testDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free := d.free.Load()
	if d.holdsBallast() {
		free -= ballastUnits * testDiskBytes / unitsOfADisk
	}
	return vfs.DiskUsage{TotalBytes: testDiskBytes, AvailBytes: uint64(max(0, free))}, nil
}

// watch returns what the store tells about itself.
func watch(s *Store) (now bool, news chan bool) {
	news = make(chan bool, 16)
	return s.WatchFull(func(full bool) { news <- full }), news
}

func expect(t *testing.T, news chan bool, want bool) {
	t.Helper()
	select {
	case full := <-news:
		if full != want {
			t.Fatalf("the store says that it is full: %v", full)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("the store does not say that it is full: %v", want)
	}
}

// The store is full below the reserve, and has room again with a quarter more than that.
func TestReserve(t *testing.T) {
	d := newTestDisk(512 << 20)
	s := open(t, small(d))
	defer s.Close()
	full, news := watch(s)
	if full {
		t.Fatal("the store is full from the start")
	}
	look := func(free int64) (full bool) {
		t.Helper()
		d.free.Store(free << 20)
		s.room.look()
		s.room.announce()
		_, full = s.Disk()
		return full
	}
	if look(512); !d.holdsBallast() {
		t.Error("there is no ballast")
	}
	if look(64+128) || look(64+160) {
		t.Error("the store is full with all of its reserve")
	}
	if !look(64 + 127) {
		t.Error("the store is not full without its reserve")
	}
	expect(t, news, true)
	if !look(64+128) || !look(64+159) {
		t.Error("the store has room again too soon")
	}
	if look(64 + 160) {
		t.Error("the store is full for ever")
	}
	expect(t, news, false)
	if len(news) > 0 {
		t.Error("it says more than that")
	}
}

// A reserve can be chosen, and done without.
func TestReserveOfOnesOwn(t *testing.T) {
	for _, c := range []struct {
		reserve, free int64
		full          bool
	}{{0, 191, true}, {0, 192, false}, {10, 73, true}, {10, 74, false}, {-1, 0, false}} {
		o := small(newTestDisk(c.free << 20))
		if o.ReserveBytes = c.reserve; c.reserve > 0 {
			o.ReserveBytes <<= 20
		}
		s := open(t, o)
		if full, _ := watch(s); full != c.full {
			t.Errorf("reserve %d, free %d: full %v", c.reserve, c.free, full)
		}
		s.Close()
	}
}

// A write that finds no space has that of the ballast, and the store is full; when there is room again the ballast is made again.
func TestBallastForAWrite(t *testing.T) {
	d := newTestDisk(512 << 20)
	o := small(d)
	o.OnDeath = func(err error) { t.Errorf("the store has died: %v", err) }
	s := open(t, o)
	defer s.Close()
	_, news := watch(s)
	s.room.look()
	d.free.Store(0)
	d.dry.Store(true)
	h := &logstoretest.Harness{Store: s}
	for i := range 40 { // until Pebble needs another file
		h.Write(t, &partition.Write{Partition: 1, Sync: true, Entries: []consensus.Entry{{Index: consensus.Index(i + 1), Term: 1, Kind: consensus.Command, Data: make([]byte, 100<<10)}}})
	}
	expect(t, news, true)
	if d.holdsBallast() {
		t.Error("the ballast is still there")
	}
	d.dry.Store(false)
	d.free.Store(512 << 20)
	expect(t, news, false)
	if !d.holdsBallast() {
		t.Error("the ballast is not made again")
	}
}

// A store is opened on a full disk, and says that it is full.
func TestStartOnAFullDisk(t *testing.T) {
	d := newTestDisk(512 << 20)
	s := open(t, small(d))
	h := &logstoretest.Harness{Store: s}
	h.Write(t, &partition.Write{Partition: 1, Sync: true, Entries: []consensus.Entry{{Index: 1, Term: 1, Kind: consensus.Command, Data: make([]byte, 1000)}}})
	s.room.look()
	if err := s.Close(); err != nil || !d.holdsBallast() {
		t.Fatal(err, d.holdsBallast())
	}
	d.free.Store(0)
	d.dry.Store(true)
	s = open(t, small(d))
	defer s.Close()
	if full, _ := watch(s); !full {
		t.Error("the store does not say that it is full")
	}
	if held, err := s.Load(1); err != nil || held.Last != 1 {
		t.Errorf("after the start it holds %+v, %v", held, err)
	}
}

// What is kept free suits the disk.
func TestSizes(t *testing.T) {
	for _, c := range []struct{ disk, unit, reserve int64 }{
		{32 << 20, 1 << 20, 8 << 20},
		{128 << 20, 2 << 20, 16 << 20},
		{1 << 30, 16 << 20, 128 << 20},
		{4 << 30, 32 << 20, 256 << 20},
		{16 << 30, 32 << 20, 16 << 30 / 20},
		{1 << 40, 32 << 20, 1 << 30},
	} {
		fs := vfs.NewMem()
		fs.TestingSetDiskUsage(vfs.DiskUsage{TotalBytes: uint64(c.disk), AvailBytes: uint64(c.disk)})
		s := &Store{o: Options{FS: fs}, room: newRoom(Options{FS: fs})}
		if s.size(); s.room.unit != c.unit || s.room.reserve != c.reserve || s.o.MemTableBytes != uint64(c.unit) {
			t.Errorf("disk %d: unit %d, reserve %d, memtable %d", c.disk, s.room.unit, s.room.reserve, s.o.MemTableBytes)
		}
	}
}
