package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/benchmarks/cluster"
)

const (
	watchEvery  = 50 * time.Millisecond
	watchWithin = 400 * time.Millisecond
)

// every calls f at a pace until the context ends.
func every(ctx context.Context, period time.Duration, f func(ctx context.Context)) {
	pace := time.NewTicker(period)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		within, cancel := context.WithTimeout(ctx, watchWithin)
		f(within)
		cancel()
	}
}

// watchLeaders asks a node, over and over, who leads. A node that does not answer is left alone.
func (w *workload) watchLeaders(ctx context.Context, n *cluster.Node) {
	every(ctx, watchEvery, func(ctx context.Context) {
		all, _, err := n.Partitions(ctx)
		if err != nil {
			return
		}
		for _, p := range all {
			w.history.lead(p.Topic, p.Partition, p.Epoch, p.Leader, n.ID)
		}
	})
}

// watchHighWatermark asks for a partition's high watermark, over and over, one question after the other. It asks all nodes: most of them refuse.
func (w *workload) watchHighWatermark(ctx context.Context, p int32) {
	last := 0
	every(ctx, watchEvery, func(ctx context.Context) {
		for i := range w.cluster.Nodes {
			n := w.cluster.Nodes[(last+i)%len(w.cluster.Nodes)]
			high, err := n.HighWatermark(ctx, topic, p)
			if err == nil {
				w.history.reach(p, high, n.ID)
				last += i
				return
			}
			var refused *kerr.Error
			if !errors.As(err, &refused) {
				last += i + 1 // it does not answer: another one is asked first next time
				return
			}
		}
	})
}
