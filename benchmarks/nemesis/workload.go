package nemesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"troupe/benchmarks/cluster"
)

// The topics: that of the workload, and one that only clients of minorities write to.
const (
	topic         = "nemesis"
	minorityTopic = "minority"
	group         = "followers"
)

const (
	partitions = 6
	producers  = 2
	consumers  = 2
	// Each producer writes a record to each partition every produceEvery, which is how exactly gaps are known, unless waitingMax wait there for their answers.
	produceEvery = 10 * time.Millisecond
	waitingMax   = 300
	recordBytes  = 200
)

// A workload is the clients of a run.
type workload struct {
	cluster  *cluster.Cluster
	history  *History
	clients  []*kgo.Client // of the producers
	probes   *probes       // nil where there are none
	follower *follower     // nil where there are probes

	producing sync.WaitGroup
	watching  sync.WaitGroup
	stop      []context.CancelFunc // producers first, then all others
}

// clientOptions are those of a client that is not patient with a node that does not answer, and never gives up, not even where a node ends before it has answered the first request
// of a connection, which the library takes for a missing password.
func clientOptions(c *cluster.Cluster) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(c.Addresses()...), kgo.DialTimeout(500 * time.Millisecond), kgo.RequestTimeoutOverhead(500 * time.Millisecond),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.RequestRetries(1 << 30), kgo.RetryTimeout(time.Hour), kgo.AlwaysRetryEOF(),
	}
}

// start starts everybody: those who delete records and who reads them back, or the probes.
func (w *workload) start(ctx context.Context, probe bool) error {
	writing, stopWriting := context.WithCancel(ctx)
	watching, stopWatching := context.WithCancel(ctx)
	w.stop = []context.CancelFunc{stopWriting, stopWatching}
	for i := range producers {
		c, err := kgo.NewClient(append(clientOptions(w.cluster), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProduceRequestTimeout(500*time.Millisecond), kgo.ProducerLinger(0),
			kgo.RecordRetries(1<<30), kgo.UnknownTopicRetries(-1),
			kgo.StopProducerOnDataLossDetected(), kgo.MaxBufferedRecords(2*partitions*waitingMax))...)
		if err != nil {
			return err
		}
		w.clients = append(w.clients, c)
		w.producing.Go(func() { w.produce(writing, c, i) })
	}
	for i := range consumers { // which don't wait at their end for a last commit to be answered
		c, err := kgo.NewClient(append(clientOptions(w.cluster), kgo.WithContext(watching), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.InstanceID(fmt.Sprint("follower-", i)), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond), kgo.AutoCommitInterval(500*time.Millisecond),
			kgo.FetchMaxWait(500*time.Millisecond))...)
		if err != nil {
			return err
		}
		w.watching.Go(func() { w.consume(watching, c) })
	}
	w.producing.Go(func() { w.keepTopics(writing) })
	for p := range int32(partitions) {
		w.watching.Go(func() { w.watchHighWatermark(watching, p) })
	}
	for _, n := range w.cluster.Nodes {
		w.watching.Go(func() { w.watchLeaders(watching, n) })
	}
	if probe {
		return w.startProbes(watching)
	}
	for p := range int32(trimmed) {
		w.producing.Go(func() { w.trim(writing, p) })
	}
	return w.follow(watching)
}

// end ends the producers, waits for all answers, and for the consumers to have read everything, and ends the others.
func (w *workload) end(ctx context.Context) error {
	defer func() {
		for _, stop := range w.stop {
			stop()
		}
		w.producing.Wait()
		w.watching.Wait()
		for _, c := range w.clients {
			c.Close()
		}
	}()
	w.stop[0]()
	w.producing.Wait()
	for i, c := range w.clients {
		if err := c.Flush(ctx); err != nil {
			_, waiting := w.history.Acks()
			return fmt.Errorf("producer %d: %d records have no answer: %w", i, waiting, err)
		}
	}
	return w.history.awaitConsumed(ctx)
}

// produce writes to all partitions, at a pace.
func (w *workload) produce(ctx context.Context, c *kgo.Client, producer int) {
	var waiting [partitions]atomic.Int64
	var next [partitions]int
	pace := time.NewTicker(produceEvery)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		for p := range int32(partitions) {
			if waiting[p].Load() >= waitingMax {
				continue
			}
			id := ID{producer, p, next[p]}
			next[p]++
			waiting[p].Add(1)
			w.history.send(id)
			c.Produce(context.Background(), &kgo.Record{Topic: topic, Partition: p, Value: value(id)}, func(r *kgo.Record, err error) {
				waiting[p].Add(-1)
				if errors.Is(err, kgo.ErrClientClosed) {
					return // that it has no answer in the end is known
				}
				if err != nil {
					w.history.violate(noneGivenUp, "%v: %v", id, err)
					return
				}
				w.history.acknowledge(id, r.Offset)
			})
		}
	}
}

// value is what a record with that identity holds.
func value(id ID) []byte {
	v := fmt.Appendf(nil, "%d %d %d ", id.Producer, id.Partition, id.Number)
	return append(v, bytes.Repeat([]byte{'.'}, max(0, recordBytes-len(v)))...)
}

// consume reads as a member of the group.
func (w *workload) consume(ctx context.Context, c *kgo.Client) {
	defer c.Close()
	for ctx.Err() == nil {
		f := c.PollFetches(ctx)
		f.EachError(func(_ string, p int32, err error) {
			var lost *kgo.ErrDataLoss
			if errors.As(err, &lost) {
				w.history.violate(nothingLost, "a consumer of partition %d: %v", p, err)
			}
		})
		f.EachRecord(func(r *kgo.Record) {
			if id, ok := w.identify(r); ok {
				w.history.consume(id, r.Offset)
			}
		})
	}
}

// awaitConsumed waits until what is acknowledged is consumed.
func (h *History) awaitConsumed(ctx context.Context) error {
	for {
		missing := h.unconsumed()
		if missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the group does not read %s, which is acknowledged: %w", missing, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// unconsumed names an acknowledged record that no consumer has seen, and that was there to be seen.
func (h *History) unconsumed() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p, acks := range h.acks {
		for _, a := range acks {
			if a.Offset < h.trims[p].asked {
				continue // it may have been deleted before anybody came to read it
			}
			if id, ok := h.consumed[p][a.Offset]; !ok {
				return fmt.Sprintf("%v at offset %d", a.ID, a.Offset)
			} else if id != a.ID {
				h.violated(nothingLost, "partition %d: %v was acknowledged at offset %d, and %v is there", p, a.ID, a.Offset, id)
			}
		}
	}
	return ""
}
