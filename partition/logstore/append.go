package logstore

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

const (
	groupsInFlight = 4
	groupBytesMax  = 8 << 20 // or a quarter of a memtable: well below half of one, beyond which Pebble treats a batch as a table of its own
)

// A request is a write, or the removal of a partition.
type request struct {
	write *partition.Write
	drop  kafka.PartitionNumber // 0: none
	done  func(error)
}

func (r *request) bytes() (n int) {
	if r.write == nil {
		return 0
	}
	for i := range r.write.Entries {
		n += len(r.write.Entries[i].Data) + 32
	}
	for _, c := range r.write.Chunks {
		n += len(c)
	}
	return n
}

// A group is what is synced together.
type group struct {
	batch    *pebble.Batch // nil where there is nothing to write
	sync     bool
	requests []request
	err      error
}

// queue holds the requests that the committer has not taken yet. Its bound is that of whoever waits for an answer.
type queue struct {
	mu      sync.Mutex
	filled  *sync.Cond
	waiting []request
	closed  bool
}

func (q *queue) init() { q.filled = sync.NewCond(&q.mu) }

func (q *queue) put(r request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	q.filled.Signal()
	return true
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Signal()
}

// take returns what waits, up to a group's size; nothing once the queue is closed and empty.
func (q *queue) take(bytesMax int) []request {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.filled.Wait()
	}
	bytes, n := 0, 0
	for n < len(q.waiting) && (n == 0 || bytes < bytesMax) {
		bytes += q.waiting[n].bytes()
		n++
	}
	out := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	return out
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0
}

// inFlight counts the groups that the second goroutine has not finished.
type inFlight struct {
	mu sync.Mutex
	n  int
}

func (f *inFlight) add(n int) (now int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n += n
	return f.n
}

// Append hands in a write; see partition.Store.
func (s *Store) Append(w *partition.Write) { s.enqueue(request{write: w, done: w.Done}) }

// Drop removes a partition; see partition.Store.
func (s *Store) Drop(p kafka.PartitionNumber, done func(error)) {
	s.enqueue(request{drop: p, done: done})
}

func (s *Store) enqueue(r request) {
	if !s.queue.put(r) && r.done != nil {
		r.done(ErrClosed)
	}
}

// commit turns what waits into groups and hands them to Pebble.
func (s *Store) commit() {
	defer s.running.Done()
	defer close(s.syncs)
	groupBytes := min(groupBytesMax, int(s.o.MemTableBytes/4))
	for {
		requests := s.queue.take(groupBytes)
		if len(requests) == 0 {
			return
		}
		g := s.group(requests)
		if s.flying.add(1) == 1 && s.queue.empty() {
			s.finish(g) // nobody to overlap with: one goroutine less to wake
			continue
		}
		s.syncs <- g
	}
}

func (s *Store) awaitSyncs() {
	defer s.running.Done()
	for g := range s.syncs {
		s.finish(g)
	}
}

// What an entry takes in a batch beside its data, and a batch beside its entries, at most.
const (
	entryOverhead = 64
	batchOverhead = 4 << 10
)

// group makes one batch of the requests and applies it. A store that is dead writes nothing more.
func (s *Store) group(requests []request) *group {
	g := &group{requests: requests, err: s.Err()}
	if g.err != nil {
		return g
	}
	bytes, size := 0, 0
	for i := range requests {
		bytes += requests[i].bytes()
		if w := requests[i].write; w != nil {
			size += len(w.Entries) * entryOverhead
		}
	}
	g.batch = s.log.NewBatchWithSize(bytes + size + batchOverhead) // a batch that grows copies what it holds
	if g.err = s.dropState(requests); g.err != nil {
		g.err = s.die(g.err)
		return g
	}
	for i := range requests {
		r := &requests[i]
		if r.write != nil {
			g.sync = g.sync || r.write.Sync
			g.err = s.encode(g.batch, r.write)
		} else {
			g.sync = true
			g.err = s.encodeDrop(g.batch, r.drop)
		}
		if g.err != nil {
			g.err = s.die(g.err)
			return g
		}
	}
	switch {
	case g.batch.Empty():
		g.batch.Close()
		g.batch, g.sync = nil, false
	case g.sync:
		g.err = s.log.ApplyNoSyncWait(g.batch, pebble.Sync)
	default:
		g.err = s.log.Apply(g.batch, pebble.NoSync)
	}
	if g.err != nil {
		g.err = s.die(g.err)
	}
	s.room.wrote(bytes)
	if s.o.OnGroup != nil {
		s.o.OnGroup(len(requests), bytes)
	}
	return g
}

// finish waits until a group is durable and reports it.
func (s *Store) finish(g *group) {
	if g.err == nil && g.sync {
		began := time.Now()
		if err := g.batch.SyncWait(); err != nil {
			g.err = s.die(err)
		}
		if s.o.OnSync != nil {
			s.o.OnSync(time.Since(began))
		}
	}
	if g.err == nil {
		g.err = s.Err() // an earlier group failed: what this one says it wrote may hang in the air
	}
	if g.err == nil && g.batch != nil {
		g.batch.Close()
	}
	defer s.flying.add(-1) // after the reports: the next group could be reported before them
	for _, r := range g.requests {
		switch {
		case g.err != nil:
		case r.write != nil:
			s.note(r.write)
		default:
			s.noteDrop(r.drop)
		}
		if r.done != nil {
			r.done(g.err)
		}
	}
}

// encode adds a write to a batch.
func (s *Store) encode(b *pebble.Batch, w *partition.Write) error {
	p := w.Partition
	if w.Snapshot != nil {
		if err := s.encodeSnapshot(b, w); err != nil {
			return err
		}
	}
	if h := w.Hard; h != nil {
		row := make([]byte, 0, 24)
		row = binary.BigEndian.AppendUint64(row, uint64(h.Term))
		row = binary.BigEndian.AppendUint64(row, h.Vote)
		row = binary.BigEndian.AppendUint64(row, uint64(h.Commit))
		if err := b.Set(key(hardKey, p), row, nil); err != nil {
			return err
		}
	}
	if len(w.Entries) == 0 {
		return nil
	}
	for i := range w.Entries {
		if err := encodeEntry(b, p, &w.Entries[i]); err != nil {
			return err
		}
	}
	return s.encodeTruncation(b, p, w.Entries[len(w.Entries)-1].Index)
}

// encodeEntry copies an entry once: into the batch.
func encodeEntry(b *pebble.Batch, p kafka.PartitionNumber, e *consensus.Entry) error {
	k := entryAt(p, e.Index)
	op := b.SetDeferred(len(k), entryHeader+len(e.Data))
	copy(op.Key, k)
	binary.BigEndian.PutUint64(op.Value, uint64(e.Term))
	op.Value[entryHeader-1] = byte(e.Kind)
	copy(op.Value[entryHeader:], e.Data)
	return op.Finish()
}

// encodeTruncation deletes what the log held above its new last entry.
func (s *Store) encodeTruncation(b *pebble.Batch, p kafka.PartitionNumber, last consensus.Index) error {
	old, err := s.last(p)
	if err != nil {
		return err
	}
	for i := last + 1; i <= old; i++ {
		if err := b.Delete(entryAt(p, i), nil); err != nil {
			return err
		}
	}
	s.setLast(p, last)
	return nil
}

func (s *Store) setLast(p kafka.PartitionNumber, last consensus.Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasts[p] = last
}

// last returns the index of the newest entry that was handed to Pebble, 0 where there is none.
func (s *Store) last(p kafka.PartitionNumber) (consensus.Index, error) {
	s.mu.Lock()
	last, ok := s.lasts[p]
	s.mu.Unlock()
	if ok {
		return last, nil
	}
	last, _, err := s.lastOnDisk(p)
	if err == nil {
		s.setLast(p, last)
	}
	return last, err
}

// encodeSnapshot replaces the snapshot and the rows that belong to it; the entries that it stands for go later, unless
// the whole log is reset.
func (s *Store) encodeSnapshot(b *pebble.Batch, w *partition.Write) error {
	p := w.Partition
	row := binary.BigEndian.AppendUint64(nil, uint64(w.Snapshot.Index))
	row = binary.BigEndian.AppendUint64(row, uint64(w.Snapshot.Term))
	if err := b.Set(key(snapshotKey, p), append(row, w.Snapshot.State...), nil); err != nil {
		return err
	}
	if err := b.DeleteRange(key(chunkKey, p), after(chunkKey, p), nil); err != nil {
		return err
	}
	for i, chunk := range w.Chunks {
		if err := b.Set(key(chunkKey, p, uint64(i)), chunk, nil); err != nil {
			return err
		}
	}
	if w.Reset {
		s.setLast(p, w.Snapshot.Index)
		return b.DeleteRange(key(entryKey, p), after(entryKey, p), nil)
	}
	return nil
}

// dropState removes what was noted of partitions that are to be dropped, for good, before their logs go: after a crash a later replica of such a partition would take it for what
// was noted of its own log.
func (s *Store) dropState(requests []request) error {
	var b *pebble.Batch
	for i := range requests {
		if requests[i].write != nil {
			continue
		}
		if b == nil {
			b = s.state.NewBatch()
		}
		for _, kind := range []byte{checkpointKey, offsetKey, timeKey} {
			if err := b.DeleteRange(key(kind, requests[i].drop), after(kind, requests[i].drop), nil); err != nil {
				return err
			}
		}
	}
	if b == nil {
		return nil
	}
	return b.Commit(pebble.Sync)
}

func (s *Store) encodeDrop(b *pebble.Batch, p kafka.PartitionNumber) error {
	for _, kind := range []byte{hardKey, snapshotKey, chunkKey, entryKey} {
		if err := b.DeleteRange(key(kind, p), after(kind, p), nil); err != nil {
			return err
		}
	}
	s.setLast(p, 0)
	return nil
}
