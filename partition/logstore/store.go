package logstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

var _ partition.Store = (*Store)(nil)

// Options is what a Store is opened with.
type Options struct {
	Dir string
	FS  vfs.FS // nil: the disk
	// NodeID is what the folder must belong to; one that no cluster has taken yet, such as an empty one, is made its. Zero takes whatever the folder says.
	NodeID kafka.BrokerID

	Logger log.Logger // nil: nothing is logged
	// OnDeath, where not nil, is called once, from any goroutine, when the store can't go on.
	OnDeath func(error)
	// OnSync and OnGroup, where not nil, are told of each sync and of each group of writes.
	OnSync  func(time.Duration)
	OnGroup func(writes, bytes int)

	CacheBytes    int64  // shared by both databases; 0: 64 MiB
	MemTableBytes uint64 // of the log database; 0: 32 MiB, less on a small disk
	// ReserveBytes is how much of the disk is kept free: with less the store is full, see WatchFull. 0: what suits the disk; negative: nothing.
	ReserveBytes int64
	ReclaimEvery time.Duration // 0: 10 s; negative: only when Reclaim is called
}

// A Store is an open data folder. Its methods may be called from any goroutine; see partition.Store.
type Store struct {
	o        Options
	lock     interface{ Close() error }
	log      *pebble.DB
	state    *pebble.DB
	room     *room
	identity Identity
	cancel   context.CancelFunc
	running  sync.WaitGroup

	queue  queue
	syncs  chan *group
	flying inFlight

	mu    sync.Mutex
	dead  error
	died  chan struct{}                             // closed when dead is set
	lasts map[kafka.PartitionNumber]consensus.Index // used by the committer; guarded for Load

	reclaiming sync.Mutex // held by one Reclaim at a time
	deleted    []span     // and still to be compacted
	deleting   sync.Mutex // held while garbage is deleted, and when a drop is noted
	reclaimMu  sync.Mutex
	garbage    map[kafka.PartitionNumber]garbage
}

// ErrClosed is what a closed store answers.
var ErrClosed = errors.New("the store is closed")

// Open opens a data folder, or makes one. It fails where another process uses the folder, where a newer version
// wrote it, and where it belongs to another node or cluster.
func Open(o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.ReclaimEvery == 0 {
		o.ReclaimEvery = 10 * time.Second
	}
	s := &Store{
		o: o, syncs: make(chan *group, groupsInFlight), lasts: map[kafka.PartitionNumber]consensus.Index{},
		garbage: map[kafka.PartitionNumber]garbage{}, died: make(chan struct{}),
	}
	s.room = newRoom(o) // on the file system as it is: making room must not wait for room
	s.o.FS = vfs.OnDiskFull(o.FS, s.diskFull)
	s.queue.init()
	opened := make(chan error, 1)
	go func() { opened <- s.open() }()
	select {
	case err := <-opened:
		if err != nil {
			s.closeFiles()
			return nil, fmt.Errorf("open data folder %s: %w", o.Dir, err)
		}
	case <-s.died: // Pebble would wait for ever
		return nil, fmt.Errorf("open data folder %s: %w", o.Dir, s.Err())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.running.Add(4)
	go s.commit()
	go s.awaitSyncs()
	go s.reclaim(ctx)
	go s.watchRoom(ctx)
	return s, nil
}

func (s *Store) open() error {
	if err := makeDir(s.o.FS, s.o.Dir); err != nil {
		return err
	}
	lock, err := s.o.FS.Lock(filepath.Join(s.o.Dir, "LOCK"))
	if err != nil {
		return fmt.Errorf("it is in use by another process (%w)", err)
	}
	s.lock = lock
	s.size()
	cache := pebble.NewCache(s.o.CacheBytes)
	defer cache.Unref() // the databases hold their own references
	if s.log, err = pebble.Open(filepath.Join(s.o.Dir, "log"), s.logOptions(cache)); err != nil {
		return err
	}
	if s.identity, err = s.identify(); err != nil {
		return err
	}
	if err := s.openState(cache); err != nil {
		return err
	}
	return syncDir(s.o.FS, s.o.Dir) // Pebble syncs its folders, not that they are in ours
}

// makeDir makes a folder and those above it that are missing, so that none of them is lost in a crash.
func makeDir(fs vfs.FS, dir string) error {
	var made []string
	for d := dir; ; d = fs.PathDir(d) {
		if _, err := fs.Stat(d); err == nil || d == fs.PathDir(d) {
			break
		}
		made = append(made, fs.PathDir(d))
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range made {
		if err := syncDir(fs, d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openState opens the cache database, anew where it is not that of this log.
func (s *Store) openState(cache *pebble.Cache) error {
	dir := filepath.Join(s.o.Dir, "state")
	for attempt := range 2 {
		db, err := pebble.Open(dir, s.stateOptions(cache))
		if err == nil {
			var same, empty bool
			if same, empty, err = s.owns(db); err == nil && (same || empty) {
				s.state = db
				return db.Set([]byte{metaKey}, []byte(s.identity.StoreID), pebble.NoSync)
			}
			if closing := db.Close(); err == nil {
				err = closing
			}
		}
		if attempt == 1 {
			return err
		}
		level.Warn(s.o.Logger).Log("msg", "the state cache does not belong to the log and is made anew", "dir", dir, "err", err)
		if err := s.o.FS.RemoveAll(dir); err != nil {
			return err
		}
	}
	return errors.New("the state cache can't be made")
}

func (s *Store) owns(db *pebble.DB) (same, empty bool, err error) {
	id, closer, err := db.Get([]byte{metaKey})
	if errors.Is(err, pebble.ErrNotFound) {
		return false, true, nil
	}
	if err != nil {
		return false, false, err
	}
	defer closer.Close()
	return string(id) == s.identity.StoreID, false, nil
}

// closeWithin is how long a dead store may take to close: some of Pebble's goroutines wait for a disk that will not come back.
const closeWithin = time.Second

// Close waits for what was handed in and closes the folder. Nothing may be called after it. A dead store is left as it is where it can't be closed.
func (s *Store) Close() error {
	s.queue.close()
	s.cancel()
	closed := make(chan error, 1)
	go func() {
		s.running.Wait()
		closed <- s.closeFiles()
	}()
	select {
	case err := <-closed:
		return err
	case <-s.died:
	}
	select {
	case err := <-closed:
		return err
	case <-time.After(closeWithin):
		return s.Err()
	}
}

// diskFull is called when a write finds no space, and keeps all writes waiting. With the ballast gone the write is tried once more. Where there is none the
// store dies: Pebble repeats some writes for ever, and ends the process at others, so none of them is to know.
func (s *Store) diskFull() {
	if s.room.release() {
		return
	}
	s.die(syscall.ENOSPC) //nolint:errcheck // everybody is told
	select {}
}

func (s *Store) closeFiles() error {
	var errs []error
	for _, db := range []*pebble.DB{s.state, s.log} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// die makes err the answer to everything from now on. It returns the first error that was given to it.
func (s *Store) die(err error) error {
	s.mu.Lock()
	first := s.dead == nil
	if first {
		s.dead = fmt.Errorf("the disk of the data folder failed: %w", err)
	}
	err = s.dead
	s.mu.Unlock()
	if first {
		close(s.died)
		level.Error(s.o.Logger).Log("msg", "the disk failed; the store takes no more", "dir", s.o.Dir, "err", err)
		if s.o.OnDeath != nil {
			s.o.OnDeath(err)
		}
	}
	return err
}

// Err returns why the store is dead, nil where it is not.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}
