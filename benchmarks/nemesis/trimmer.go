package nemesis

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// trimmed are the partitions, the first ones, of which clients delete what is older than a second: a replica that was away for longer can't get what it has missed.
	trimmed     = 2
	trimEvery   = 200 * time.Millisecond
	trimWithin  = 2 * time.Second
	trimmedKeep = int64(producers * time.Second / produceEvery) // records
)

// settings are those of topics. What is deleted leaves the log segment by segment.
var settings = map[string]map[string]string{topic: {"segment.ms": "250"}}

// A trim is how much of a partition was deleted.
type trim struct {
	asked    int64 // to where, at most: what lies below may be gone
	answered int64 // to where, at least: what lies below is gone
}

// trim deletes the older part of a partition's records, over and over.
func (w *workload) trim(ctx context.Context, partition int32) {
	c, err := kgo.NewClient(append(clientOptions(w.cluster), kgo.RetryTimeout(trimWithin))...)
	if err != nil {
		w.history.violate(allAnswered, "no client: %v", err)
		return
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	every(ctx, trimEvery, func(context.Context) { // which is not as patient as a client whose request is on its way has to be
		before, ok := w.history.askTrim(partition)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, trimWithin)
		defer cancel()
		var offsets kadm.Offsets
		offsets.AddOffset(topic, partition, before, -1)
		answers, err := admin.DeleteRecords(ctx, offsets)
		if err != nil {
			return
		}
		answers.Each(func(a kadm.DeleteRecordsResponse) {
			if a.Err == nil {
				w.history.answerTrim(partition, before, a.LowWatermark)
			}
		})
	})
}

// askTrim returns where a partition is to begin, and notes that what lies below may be gone from now on; false where it is not worth it.
func (h *History) askTrim(partition int32) (before int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &h.trims[partition]
	if before = h.high[partition] - trimmedKeep; before <= t.asked {
		return 0, false
	}
	t.asked = before
	return before, true
}

// answerTrim notes that a partition begins where it was asked to. Nobody asks for two deletions at once.
func (h *History) answerTrim(partition int32, before, start int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trims[partition].answered = before
	if start != before {
		h.violated(startAsAsked, "partition %d: it begins at %d, and deletion was asked up to %d", partition, start, before)
	}
}

// Deleted returns how many records were deleted at least.
func (h *History) Deleted() (n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.trims {
		n += t.answered
	}
	return n
}
