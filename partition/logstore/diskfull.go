package logstore

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// What is written and kept free is measured in units: a memtable of the log, and a table. A unit is 32 MiB; on a disk below 2 GiB it is a 64th of that, 1 MiB at least.
const (
	unitMax       = 32 << 20
	unitMin       = 1 << 20
	unitsOfADisk  = 64
	ballastUnits  = 4 // the memtables that may be full: what Pebble writes when it opens, and cannot put off
	reserveUnits  = 8 // those, the write-ahead logs that begin meanwhile, and compactions
	reserveMax    = 1 << 30
	reserveOfDisk = 20 // the reserve is a 20th of a large disk, up to reserveMax
)

// lookEvery is how often the disk is looked at, whatever is written.
const lookEvery = time.Second

// ballastFile is the ballast's name in the data folder.
const ballastFile = "BALLAST"

// room is the free space of the disk. The store is full when less is free than the reserve, and has room again with a quarter more. Without records to write, Pebble
// can go on with the reserve, and retention can give space back.
//
// Part of the disk is set aside beside the reserve, in a file, the ballast: for a start on a disk that others have filled, and for the write that finds no space
// in spite of the reserve. It is made when there is room for it and the reserve too, and deleted before the databases are opened.
type room struct {
	fs     vfs.FS
	dir    string
	logger log.Logger
	unit   int64
	poke   chan struct{} // asks for a look
	hunger chan struct{} // asks for what can be given back

	written int64 // by the committer, since it last asked for a look

	mu      sync.Mutex
	watched bool // the file system tells how much is free, and there is a reserve
	reserve int64
	ballast int64 // how large it should be; 0 where it can't be made
	held    bool  // it is there
	free    int64 // as last seen, less what the ballast still needs
	full    bool
	told    bool // what everybody was told about full
	tell    func(full bool)
}

func newRoom(o Options) *room {
	return &room{fs: o.FS, dir: o.Dir, logger: o.Logger, reserve: o.ReserveBytes, unit: unitMax, poke: make(chan struct{}, 1), hunger: make(chan struct{}, 1)}
}

// size looks at the disk before the databases are opened, and makes all the room that there is for that.
func (s *Store) size() {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	u, err := r.fs.GetDiskUsage(r.dir)
	if err == nil && u.TotalBytes > 0 {
		disk := int64(u.TotalBytes)
		r.unit = min(unitMax, max(unitMin, disk/unitsOfADisk))
		r.watched, r.ballast = r.reserve >= 0, ballastUnits*r.unit
		if r.reserve == 0 {
			r.reserve = max(reserveUnits*r.unit, min(reserveMax, disk/reserveOfDisk))
		}
	}
	if s.o.MemTableBytes == 0 {
		s.o.MemTableBytes = uint64(r.unit)
	}
	_ = r.fs.Remove(r.path()) // of an earlier process; most often there is one
	if r.watched {
		r.measure()
		r.full = r.free < r.reserve
		r.told = r.full
		if r.full {
			r.log()
		}
	}
}

func (r *room) path() string { return filepath.Join(r.dir, ballastFile) }

// measure finds out how much is free. It is called with the lock.
func (r *room) measure() {
	u, err := r.fs.GetDiskUsage(r.dir)
	if err != nil {
		return // what was so a moment ago
	}
	r.free = int64(u.AvailBytes)
	if !r.held {
		r.free -= r.ballast
	}
}

// look follows what is free by now.
func (r *room) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.watched {
		return
	}
	r.measure()
	enough := r.reserve + r.reserve/4
	if !r.held && r.ballast > 0 && r.free >= enough {
		r.setAside()
	}
	switch {
	case !r.full && r.free < r.reserve:
		r.full = true
	case r.full && r.free >= enough:
		r.full = false
	}
}

// setAside makes the ballast. A file system that can't promise space gets none.
func (r *room) setAside() {
	f, err := r.fs.Create(r.path(), vfs.WriteCategoryUnspecified)
	if err == nil {
		err = f.Preallocate(0, r.ballast)
		if closing := f.Close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		level.Warn(r.logger).Log("msg", "no ballast can be set aside: a start on a full disk may need room first", "file", r.path(), "bytes", r.ballast, "err", err)
		_ = r.fs.Remove(r.path())
		r.free += r.ballast
		r.ballast = 0
		return
	}
	r.held = true
}

// release gives the ballast to a write that has found no space; false where there is none. The store is full from then on.
func (r *room) release() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held {
		return false
	}
	r.held = false
	err := r.fs.Remove(r.path())
	level.Warn(r.logger).Log("msg", "a write has found no space: the ballast makes some", "file", r.path(), "bytes", r.ballast, "err", err)
	r.free, r.full = 0, true
	wake(r.poke)
	return err == nil
}

func wake(asleep chan struct{}) {
	select {
	case asleep <- struct{}{}:
	default: // somebody has asked already
	}
}

// wrote has the disk looked at after so much was written that the next second may be too late.
func (r *room) wrote(bytes int) {
	if r.written += int64(bytes); r.written >= r.unit/4 {
		r.written = 0
		wake(r.poke)
	}
}

// watchRoom looks at the disk until the store is closed.
func (s *Store) watchRoom(ctx context.Context) {
	defer s.running.Done()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		s.room.look()
		if s.room.announce() {
			wake(s.room.hunger)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.room.poke:
		}
	}
}

// announce tells who wants to know that the store has become full, or has room again. It returns whether it is full.
func (r *room) announce() bool {
	r.mu.Lock()
	full, changed, tell := r.full, r.full != r.told, r.tell
	r.told = full
	if changed {
		r.log()
	}
	r.mu.Unlock()
	if changed && tell != nil {
		tell(full)
	}
	return full
}

func (r *room) log() {
	if r.full {
		level.Warn(r.logger).Log("msg", "the disk is full: no records are taken until there is room; reads, and deletions, go on", "dir", r.dir, "free_bytes", r.free,
			"reserve_bytes", r.reserve, "needed_bytes", r.reserve+r.reserve/4)
		return
	}
	level.Info(r.logger).Log("msg", "the disk has room again: records are taken", "dir", r.dir, "free_bytes", r.free)
}

// WatchFull tells whether the store is full: less of its disk is free than the reserve. It still writes whatever it is handed, as long as there is space; who hands it records is to
// stop until there is room. Tell is called, one call after the other and from any goroutine, whenever that changes.
func (s *Store) WatchFull(tell func(full bool)) (full bool) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell = tell
	return r.told
}

// Disk tells how much of the disk is free, beside the ballast, and whether the store is full; -1 where the file system does not say.
func (s *Store) Disk() (freeBytes int64, full bool) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	u, err := r.fs.GetDiskUsage(r.dir)
	if err != nil {
		return -1, r.full
	}
	return int64(u.AvailBytes), r.full
}
