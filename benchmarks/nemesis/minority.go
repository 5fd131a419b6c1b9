package nemesis

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"troupe/benchmarks/cluster"
	"troupe/partition/record"
)

// pester is a client that reaches one node only, which can't reach a majority: whatever it writes there must not be acknowledged. It begins when that is so, and
// ends with the context, which must be over before it is not so any more. It returns how often it was refused.
func (w *workload) pester(ctx context.Context, n *cluster.Node) (refused int) {
	// Newer versions name topics by their ids.
	c, err := kgo.NewClient(kgo.SeedBrokers(n.Address), kgo.MaxVersions(kversion.V2_8_0()), kgo.DialTimeout(500*time.Millisecond))
	if err != nil {
		w.history.violate(noMinority, "no client: %v", err)
		return 0
	}
	defer c.Close()
	for i := 0; ctx.Err() == nil; i++ {
		q, err := single(int32(i % partitions))
		if err != nil {
			w.history.violate(noMinority, "no record: %v", err)
			return refused
		}
		answer, err := c.SeedBrokers()[0].Request(ctx, q)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // it may be frozen, or on its way up
			continue
		}
		for _, t := range answer.(*kmsg.ProduceResponse).Topics {
			for _, p := range t.Partitions {
				switch {
				case p.ErrorCode != 0:
					refused++
				case ctx.Err() == nil:
					w.history.violate(noMinority, "node %d, which reaches no majority, has acknowledged a record of %s/%d at offset %d", n.ID, t.Topic, p.Partition, p.BaseOffset)
				}
			}
		}
	}
	return refused
}

// single asks for one record to be stored on a majority.
func single(partition int32) (*kmsg.ProduceRequest, error) {
	var b record.Builder
	b.Add(record.Record{Timestamp: time.Now().UnixMilli(), Value: binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))})
	batch, err := b.Build()
	if err != nil {
		return nil, err
	}
	q := kmsg.NewPtrProduceRequest()
	q.Acks, q.TimeoutMillis = -1, 500
	q.Topics = []kmsg.ProduceRequestTopic{{Topic: minorityTopic, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: partition, Records: batch}}}}
	return q, nil
}
