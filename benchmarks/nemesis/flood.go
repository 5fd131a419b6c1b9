package nemesis

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"troupe/benchmarks/cluster"
)

// bulkTopic is for records that nobody reads.
const bulkTopic = "bulk"

const (
	floodBytes = 500_000
	floodEvery = 25 * time.Millisecond
)

// flood writes large records until the context ends, so that disks need space. What becomes of the records is nobody's business.
func flood(ctx context.Context, c *cluster.Cluster) error {
	client, err := kgo.NewClient(append(clientOptions(c), kgo.DefaultProduceTopic(bulkTopic), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(8), kgo.RecordRetries(3))...)
	if err != nil {
		return err
	}
	go func() {
		defer client.Close()
		value := make([]byte, floodBytes)
		source := rand.NewChaCha8([32]byte{})
		_, _ = source.Read(value) // it never fails
		every(ctx, floodEvery, func(context.Context) { client.TryProduce(ctx, &kgo.Record{Value: value}, nil) })
	}()
	return nil
}
