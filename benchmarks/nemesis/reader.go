package nemesis

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readAll reads the topic with a fresh client, from its start to where acknowledged records and high watermarks said that it ends.
func (w *workload) readAll(ctx context.Context) (reads [][]Read, err error) {
	c, err := kgo.NewClient(append(clientOptions(w.cluster), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	left := w.history.ends()
	reads = make([][]Read, partitions)
	for {
		done := true
		for p, r := range reads {
			done = done && (left[p] == 0 || len(r) > 0 && r[len(r)-1].Offset >= left[p]-1)
		}
		if done {
			return reads, nil
		}
		f := c.PollFetches(ctx)
		if ctx.Err() != nil {
			return reads, fmt.Errorf("partitions should end at %v: %w", left, context.Cause(ctx))
		}
		f.EachRecord(func(r *kgo.Record) {
			if id, ok := w.identify(r); ok {
				reads[r.Partition] = append(reads[r.Partition], Read{id, r.Offset})
			}
		})
	}
}

// ends are where the partitions end at least, as far as clients were told.
func (h *History) ends() []int64 {
	ends, _ := h.told()
	return ends
}

// told is where the partitions end at least, as far as clients were told, and how much was acknowledged in each by then.
func (h *History) told() (ends []int64, acks []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ends = append(ends, h.high...)
	for p := range h.acks {
		for _, a := range h.acks[p] {
			ends[p] = max(ends[p], a.Offset+1)
		}
		acks = append(acks, len(h.acks[p]))
	}
	return ends, acks
}

// identify reads a record's identity; false where nobody has written it there.
func (w *workload) identify(r *kgo.Record) (id ID, ok bool) {
	id, ok = identity(r.Value)
	if !ok || id.Partition != r.Partition {
		w.history.violate(sameRecords, "partition %d has %q at offset %d, which nobody wrote there", r.Partition, r.Value, r.Offset)
		return id, false
	}
	return id, true
}

// identity reads the identity in a record's value; false where there is none.
func identity(value []byte) (id ID, ok bool) {
	_, err := fmt.Sscanf(string(value), "%d %d %d ", &id.Producer, &id.Partition, &id.Number)
	return id, err == nil && id.Producer >= 0 && id.Producer < producers && id.Partition >= 0 && id.Partition < partitions
}
