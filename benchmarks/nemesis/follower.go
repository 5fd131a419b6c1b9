package nemesis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A follower reads the topic from its start on while faults go on, so that after each of them it is known whether what was acknowledged by then is there.
type follower struct {
	mu     sync.Mutex
	trails []*trail // by partition
}

func newFollower() *follower {
	f := &follower{}
	for p := range int32(partitions) {
		f.trails = append(f.trails, newTrail(p))
	}
	return f
}

// follow reads until the context ends.
func (w *workload) follow(ctx context.Context) error {
	c, err := kgo.NewClient(append(clientOptions(w.cluster), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500*time.Millisecond))...)
	if err != nil {
		return err
	}
	w.follower = newFollower()
	w.watching.Go(func() {
		defer c.Close()
		for ctx.Err() == nil {
			c.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				if id, ok := w.identify(r); ok {
					w.follower.find(w.history, Read{id, r.Offset})
				}
			})
		}
	})
	return nil
}

func (f *follower) find(h *History, r Read) {
	h.mu.Lock()
	deleted := h.trims[r.Partition].asked
	h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trails[r.Partition].find(h, r, deleted)
}

// readBack waits until everything is read that clients were told of so far, and holds it against what they were told.
func (f *follower) readBack(ctx context.Context, h *History) error {
	ends, acks := h.told()
	for {
		behind := f.behind(ends)
		if behind == "" {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", behind, context.Cause(ctx))
		case <-time.After(lookEvery):
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, n := range acks {
		f.trails[p].compare(h, n)
	}
	return nil
}

// behind says of which partition not all has been read up to its end.
func (f *follower) behind(ends []int64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, end := range ends {
		if t := f.trails[p]; t.end < end {
			return fmt.Sprintf("partition %d is read up to %d only, and ends at %d", p, t.end, end)
		}
	}
	return ""
}

// compared returns how many acknowledgements were held against what was read.
func (f *follower) compared() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.trails {
		n += t.compared
	}
	return n
}
