package partition

import (
	"sort"
	"sync/atomic"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Tails is what all partitions of a node share: how many bytes of recent batches they keep in memory together, so that
// consumers who are up to date read no disk. It is safe for use by all of them at once.
type Tails struct {
	limit int64
	used  atomic.Int64
}

// NewTails returns a budget of so many bytes.
func NewTails(limitBytes int64) *Tails { return &Tails{limit: limitBytes} }

// Used returns the number of bytes that are kept now.
func (t *Tails) Used() int64 { return t.used.Load() }

// A replica keeps so much at most, and at least tailBytesMin while the node is over its budget. A follower is read by few, the consumers of its rack (KIP-392),
// and a node follows twice as many partitions as it leads.
const (
	leaderTailBytesMax   = 16 << 20
	followerTailBytesMax = 4 << 20
	tailBytesMin         = 64 << 10
)

// A tail is the newest committed batches of a partition, without a gap.
type tail struct {
	budget  *Tails
	batches []record.Batch
	indexes []consensus.Index
	bytes   int64
}

// add appends a batch, and drops the oldest ones beyond bytesMax.
func (t *tail) add(index consensus.Index, b record.Batch, bytesMax int64) {
	t.batches = append(t.batches, b)
	t.indexes = append(t.indexes, index)
	t.bytes += int64(len(b))
	t.budget.used.Add(int64(len(b)))
	for len(t.batches) > 1 && (t.bytes > bytesMax || t.bytes > tailBytesMin && t.budget.used.Load() > t.budget.limit) {
		t.drop(1)
	}
}

// Release gives back what the partition has of the node's memory for recent batches, however it has ended. Nothing of it is to be used any more.
func (p *Partition) Release() { p.tail.drop(len(p.tail.batches)) }

// drop lets go of the n oldest batches.
func (t *tail) drop(n int) {
	for _, b := range t.batches[:n] {
		t.bytes -= int64(len(b))
		t.budget.used.Add(-int64(len(b)))
	}
	clear(t.batches[:n])
	t.batches, t.indexes = t.batches[n:], t.indexes[n:]
	if len(t.batches) == 0 {
		t.batches, t.indexes = nil, nil
	}
}

// read returns the batches from the one that holds offset o on, up to maxBytes but at least one; ok is false where the
// tail begins after o.
func (t *tail) read(o kafka.Offset, maxBytes int) (batches []record.Batch, ok bool) {
	if len(t.batches) == 0 || t.batches[0].BaseOffset() > o {
		return nil, false
	}
	from := sort.Search(len(t.batches), func(i int) bool { return t.batches[i].BaseOffset() > o }) - 1
	size, to := 0, from
	for to < len(t.batches) && (to == from || size+len(t.batches[to]) <= maxBytes) {
		size += len(t.batches[to])
		to++
	}
	return append([]record.Batch(nil), t.batches[from:to]...), true
}
