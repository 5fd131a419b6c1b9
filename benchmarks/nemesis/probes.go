package nemesis

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The topics of the probes.
const (
	freshTopic   = "fresh"
	defaultTopic = "default"
)

const (
	freshEvery  = 200 * time.Millisecond
	freshWithin = time.Second
)

// probes are clients that are only there to be measured: one that connects anew for each record, and one with all the defaults of its library.
type probes struct {
	fresh, defaults *beats // by partition
}

// startProbes starts them.
func (w *workload) startProbes(ctx context.Context) error {
	w.probes = &probes{fresh: newBeats(partitions), defaults: newBeats(partitions)}
	c, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Addresses()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RecordRetries(1<<30))
	if err != nil {
		return err
	}
	w.watching.Go(func() {
		defer c.Close()
		every(ctx, 2*produceEvery, func(context.Context) {
			for p := range int32(partitions) {
				c.TryProduce(ctx, &kgo.Record{Topic: defaultTopic, Partition: p, Value: make([]byte, recordBytes)}, func(r *kgo.Record, err error) {
					if err == nil {
						w.probes.defaults.note(r.Partition)
					}
				})
			}
		})
	})
	w.watching.Go(func() {
		first := 0
		every(ctx, freshEvery, func(context.Context) {
			first++ // each partition is asked for by way of each node
			for p := range int32(partitions) {
				w.watching.Go(func() { w.connectAnew(ctx, p, first) })
			}
		})
	})
	return nil
}

// answeredSince tells whether everybody has had an answer since then, in every partition, but for the client with the defaults, whose patience with a frozen node is its own.
func (w *workload) answeredSince(then time.Time) bool {
	return w.history.beats.since(then) && w.probes.fresh.since(then)
}

// connectAnew writes one record with a client that has no connection yet, and asks one of the nodes first.
func (w *workload) connectAnew(ctx context.Context, partition int32, first int) {
	ctx, cancel := context.WithTimeout(ctx, freshWithin)
	defer cancel()
	all := w.cluster.Addresses()
	first %= len(all)
	c, err := kgo.NewClient(kgo.SeedBrokers(append(all[first:], all[:first]...)...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	if err != nil {
		return
	}
	defer c.Close()
	if c.ProduceSync(ctx, &kgo.Record{Topic: freshTopic, Partition: partition, Value: make([]byte, recordBytes)}).FirstErr() == nil {
		w.probes.fresh.note(partition)
	}
}
