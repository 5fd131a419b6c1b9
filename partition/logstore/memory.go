package logstore

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

var _ partition.Store = (*Memory)(nil)

// Memory is the in-memory twin of Store, for the simulator: it passes the same suite. Writes become durable when the function that
// NewMemory was given runs what it was handed. It is used by one goroutine at a time.
type Memory struct {
	run     func(sync func())
	durable map[kafka.PartitionNumber]*rows
	pending []request
	// cache is what Update noted, in the order in which it came; folded is what a crash can't take any more.
	cache  []*partition.Update
	folded map[kafka.PartitionNumber]*cached
	view   map[kafka.PartitionNumber]*cached
	dead   error
	// Together, where not nil, says how many of the writes that wait are synced at once, at least one; the others are synced later.
	Together func(waiting int) int
	// FailAfter, where above zero, makes the store die at that many further syncs.
	FailAfter int
}

// rows are what a partition has in the log database.
type rows struct {
	hard     partition.HardStateOf
	snapshot partition.Snapshot
	chunks   [][]byte
	entries  []consensus.Entry // contiguous
}

// cached is what a partition has in the state database.
type cached struct {
	checkpoint []byte
	blocks     map[kafka.Offset]consensus.Index
	times      map[kafka.Offset]map[int64]kafka.Offset
}

func newCached() *cached {
	return &cached{blocks: map[kafka.Offset]consensus.Index{}, times: map[kafka.Offset]map[int64]kafka.Offset{}}
}

// NewMemory returns an empty store. It hands run a function for each group of writes that is to be synced; the writes become
// durable, and are reported, when run calls it, which must not be before Append has returned.
func NewMemory(run func(sync func())) *Memory {
	return &Memory{run: run, durable: map[kafka.PartitionNumber]*rows{}, folded: map[kafka.PartitionNumber]*cached{}, view: map[kafka.PartitionNumber]*cached{}}
}

// updatesKept is how many updates a crash may take.
const updatesKept = 64

// Append hands in a write; see partition.Store.
func (m *Memory) Append(w *partition.Write) { m.enqueue(request{write: w, done: w.Done}) }

// Drop removes a partition; see partition.Store.
func (m *Memory) Drop(p kafka.PartitionNumber, done func(error)) {
	m.enqueue(request{drop: p, done: done})
}

func (m *Memory) enqueue(r request) {
	m.pending = append(m.pending, r)
	if len(m.pending) == 1 {
		m.run(m.sync)
	}
}

// sync makes durable what has come together, or a part of it, and reports it.
func (m *Memory) sync() {
	n := len(m.pending)
	if n == 0 {
		return
	}
	if m.Together != nil && n > 1 {
		n = m.Together(n)
	}
	requests := m.pending[:n:n]
	if m.pending = m.pending[n:]; len(m.pending) > 0 {
		defer m.run(m.sync)
	}
	if m.FailAfter > 0 && m.dead == nil {
		if m.FailAfter--; m.FailAfter == 0 {
			m.dead = errors.New("the disk of the data folder failed: simulated disk error")
		}
	}
	for _, r := range requests {
		if m.dead == nil {
			m.apply(r)
		}
		if r.done != nil {
			r.done(m.dead)
		}
	}
}

// syncAll makes everything durable that was handed in.
func (m *Memory) syncAll() {
	for len(m.pending) > 0 {
		m.sync()
	}
}

func (m *Memory) apply(r request) {
	if r.write == nil {
		delete(m.durable, r.drop)
		delete(m.folded, r.drop)
		delete(m.view, r.drop)
		m.cache = slices.DeleteFunc(m.cache, func(u *partition.Update) bool { return u.Partition == r.drop })
		return
	}
	w := r.write
	d := m.durable[w.Partition]
	if d == nil {
		d = &rows{}
		m.durable[w.Partition] = d
	}
	if w.Snapshot != nil {
		d.snapshot, d.chunks = *w.Snapshot, w.Chunks
		n := sort.Search(len(d.entries), func(i int) bool { return d.entries[i].Index > w.Snapshot.Index })
		if w.Reset {
			n = len(d.entries)
		}
		d.entries = slices.Clone(d.entries[n:])
	}
	if w.Hard != nil {
		d.hard = partition.HardStateOf{HardState: *w.Hard, Known: true}
	}
	if len(w.Entries) > 0 {
		n := sort.Search(len(d.entries), func(i int) bool { return d.entries[i].Index >= w.Entries[0].Index })
		d.entries = append(slices.Clip(d.entries[:n]), w.Entries...)
	}
}

// Crash returns the store as a crash at this moment may leave it: what was synced, of what was not a random part of its beginning, and of what
// Update noted likewise. The old store is not used any more.
func (m *Memory) Crash(r *rand.Rand, run func(sync func())) *Memory {
	out := NewMemory(run)
	out.Together = m.Together
	for p, d := range m.durable {
		c := *d
		c.entries, c.chunks = slices.Clone(d.entries), slices.Clone(d.chunks)
		out.durable[p] = &c
	}
	for p, c := range m.folded {
		out.folded[p] = c.clone()
		out.view[p] = c.clone()
	}
	keep := r.IntN(len(m.cache) + 1)
	for _, u := range m.cache[:keep] {
		out.Update(u)
	}
	if m.dead == nil && len(m.pending) > 0 { // what was noted of a partition goes for good before its log does
		for _, request := range m.pending[:r.IntN(len(m.pending)+1)] {
			out.apply(request)
		}
	}
	return out
}

func (c *cached) clone() *cached {
	out := newCached()
	out.checkpoint, out.blocks = c.checkpoint, maps.Clone(c.blocks)
	for s, times := range c.times {
		out.times[s] = maps.Clone(times)
	}
	return out
}

// Update notes what can be computed again; see partition.Store.
func (m *Memory) Update(u *partition.Update) {
	if m.dead != nil {
		return
	}
	m.cache = append(m.cache, u)
	fold(m.view, u)
	if len(m.cache) > updatesKept {
		fold(m.folded, m.cache[0])
		m.cache = slices.Clone(m.cache[1:])
	}
}

func fold(into map[kafka.PartitionNumber]*cached, u *partition.Update) {
	c := into[u.Partition]
	if c == nil {
		c = newCached()
		into[u.Partition] = c
	}
	for _, b := range u.Blocks {
		c.blocks[b.Offset] = b.Index
	}
	for _, t := range u.Times {
		if c.times[t.Segment] == nil {
			c.times[t.Segment] = map[int64]kafka.Offset{}
		}
		c.times[t.Segment][t.Timestamp] = t.Offset
	}
	if u.Checkpoint != nil {
		c.checkpoint = u.Checkpoint
	}
}

// Load returns what is stored of a partition; see partition.Store.
func (m *Memory) Load(p kafka.PartitionNumber) (*partition.Stored, error) {
	m.syncAll()
	if m.dead != nil {
		return nil, m.dead
	}
	out := &partition.Stored{}
	if c := m.view[p]; c != nil {
		out.Checkpoint = c.checkpoint
	}
	d := m.durable[p]
	if d == nil {
		return out, nil
	}
	out.Hard, out.Snapshot = d.hard, d.snapshot
	out.Last, out.LastTerm = d.snapshot.Index, d.snapshot.Term
	if n := len(d.entries); n > 0 {
		out.Last, out.LastTerm = d.entries[n-1].Index, d.entries[n-1].Term
	}
	return out, nil
}

// Entries returns entries of a partition; see partition.Store.
func (m *Memory) Entries(p kafka.PartitionNumber, lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error) {
	d := m.durable[p]
	if lo >= hi {
		return nil, nil
	}
	if d == nil || len(d.entries) == 0 || lo < d.entries[0].Index || lo > d.entries[len(d.entries)-1].Index {
		return nil, fmt.Errorf("entry %d of partition %d: %w", lo, p, partition.ErrCompacted)
	}
	var out []consensus.Entry
	bytes := 0
	for _, e := range d.entries[lo-d.entries[0].Index:] {
		if bytes += len(e.Data); e.Index >= hi || len(out) > 0 && bytes > maxBytes {
			break
		}
		out = append(out, e)
	}
	return out, nil
}

// Read appends record batches to dst; see partition.Store.
func (m *Memory) Read(p kafka.PartitionNumber, from, to kafka.Offset, maxBytes int, atLeastOne bool, dst []byte) ([]byte, error) {
	d := m.durable[p]
	if d == nil {
		return dst, nil
	}
	size := 0
	for _, e := range d.entries {
		if e.Kind != consensus.Batch {
			continue
		}
		b := record.Batch(e.Data)
		if b.NextOffset() <= from {
			continue
		}
		if b.BaseOffset() >= to || size+len(b) > maxBytes && (size > 0 || !atLeastOne) {
			break
		}
		size += len(b)
		dst = append(dst, b...)
	}
	return dst, nil
}

// SeekTimestamp looks into the rows of a segment; see partition.Store.
func (m *Memory) SeekTimestamp(p kafka.PartitionNumber, segment kafka.Offset, ts int64) (kafka.Offset, bool, error) {
	c := m.view[p]
	if c == nil {
		return 0, false, nil
	}
	times := c.times[segment]
	for _, t := range slices.Sorted(maps.Keys(times)) {
		if t >= ts {
			return times[t], true, nil
		}
	}
	return 0, false, nil
}

// Chunks hands out the machine's rows that belong to the snapshot; see partition.Store.
func (m *Memory) Chunks(p kafka.PartitionNumber, yield func([]byte) error) error {
	if d := m.durable[p]; d != nil {
		for _, c := range d.chunks {
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// Chunk returns one of the machine's chunks of rows; see partition.Store.
func (m *Memory) Chunk(p kafka.PartitionNumber, n int) (of partition.Snapshot, chunk []byte, err error) {
	d := m.durable[p]
	if d == nil {
		return of, nil, m.dead
	}
	if n < len(d.chunks) {
		chunk = d.chunks[n]
	}
	return d.snapshot, chunk, m.dead
}

// Partitions lists the partitions that have a hard state.
func (m *Memory) Partitions() ([]kafka.PartitionNumber, error) {
	m.syncAll()
	var out []kafka.PartitionNumber
	for p, d := range m.durable {
		if d.hard.Known {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out, m.dead
}
