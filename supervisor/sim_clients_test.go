package supervisor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// later goes on with a connection after a while, unless it has ended by then.
func (c *simClient) later(most time.Duration, f func(*simClient)) {
	life := c.life
	c.s.st.AfterFunc(1+time.Duration(c.s.chance.Int64N(int64(most))), func() {
		if life == c.life {
			f(c)
		}
	})
}

// A simProducer writes the records of one partition, several batches in flight, each until it is acknowledged.
type simProducer struct {
	s         *simulation
	partition int32
	id        int64
	known     bool
	next      int        // the first record that is in no batch yet
	batches   []simBatch // that are not acknowledged, in their order
	sent      int        // of them, over this connection
	failed    bool       // one that was sent was refused: those behind it are too, and all are sent again once that is known
	unheard   int
}

type simBatch struct{ first, count int }

// begin goes on where the producer is, over a connection that may be new.
func (p *simProducer) begin(c *simClient) {
	p.sent, p.unheard, p.failed = 0, 0, false
	if p.known {
		p.fill(c)
		return
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 7, 1000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", simPartitions, 1
	create.Topics = append(create.Topics, topic)
	c.send(create, func(a kmsg.Response) {
		if code := a.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode; code != 0 && code != kerr.TopicAlreadyExists.Code {
			c.later(50*time.Millisecond, p.begin)
			return
		}
		q := kmsg.NewPtrInitProducerIDRequest()
		q.Version = 4
		c.send(q, func(a kmsg.Response) {
			if got := a.(*kmsg.InitProducerIDResponse); got.ErrorCode == 0 {
				p.known, p.id = true, got.ProducerID
			}
			c.later(50*time.Millisecond, p.begin)
		})
	})
}

// fill sends as much as may be in flight.
func (p *simProducer) fill(c *simClient) {
	for p.unheard < simInFlight && !p.failed {
		if p.sent == len(p.batches) {
			if p.next == simRecords {
				return
			}
			b := simBatch{p.next, 1 + p.s.chance.IntN(min(3, simRecords-p.next))}
			p.next += b.count
			p.batches = append(p.batches, b)
		}
		p.send(c, p.batches[p.sent])
		p.sent++
	}
}

func (p *simProducer) send(c *simClient, batch simBatch) {
	b := record.Builder{Producer: &record.Producer{ID: kafka.ProducerID(p.id), Sequence: kafka.Sequence(batch.first)}}
	for i := range batch.count {
		b.Add(record.Record{Timestamp: p.s.st.Now().UnixMilli(), Value: fmt.Append(nil, batch.first+i)})
	}
	bytes, err := b.Build()
	if err != nil {
		p.s.t.Fatal(err)
	}
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks, q.TimeoutMillis = 9, -1, 1000
	q.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: p.partition, Records: bytes}}}}
	p.unheard++
	c.send(q, func(a kmsg.Response) {
		p.unheard--
		got := a.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		p.heard(c, batch, kerr.ErrorForCode(got.ErrorCode), got.BaseOffset)
	})
}

// heard takes an answer. Those of a connection come in the order of its requests.
func (p *simProducer) heard(c *simClient, batch simBatch, err error, base int64) {
	head := len(p.batches) > 0 && p.batches[0] == batch
	switch {
	case err == nil && !head:
		p.s.t.Errorf("SIM_SEED=%d: partition %d: the batch from %d on is acknowledged before the one in front of it", p.s.seed, p.partition, batch.first)
	case err == nil:
		if base != int64(batch.first) {
			p.s.t.Errorf("SIM_SEED=%d: partition %d: record %d is acknowledged at offset %d", p.s.seed, p.partition, batch.first, base)
		}
		p.batches = p.batches[1:]
		p.sent--
		p.s.result.records += batch.count
		if len(p.batches) == 0 && p.next == simRecords {
			p.s.done++
			return
		}
	case kerr.IsRetriable(err) || !head && err == kerr.OutOfOrderSequenceNumber:
		p.failed = true
	default:
		p.s.t.Errorf("SIM_SEED=%d: partition %d: the batch from %d on: %v", p.s.seed, p.partition, batch.first, err)
	}
	switch {
	case !p.failed:
		p.fill(c)
	case p.unheard == 0:
		c.later(50*time.Millisecond, p.begin)
	}
}

// A simReader reads all partitions from their start, and goes on from where it is when its connection breaks.
type simReader struct {
	s        *simulation
	minBytes int32
	next     [simPartitions]int
	high     [simPartitions]int64
	done     bool
}

func (r *simReader) begin(c *simClient) {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.MaxBytes, q.MaxWaitMillis, q.MinBytes, q.SessionEpoch = 11, 1<<20, 20, r.minBytes, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "orders"
	for p := range simPartitions {
		x := kmsg.NewFetchRequestTopicPartition()
		x.Partition, x.FetchOffset, x.PartitionMaxBytes, x.CurrentLeaderEpoch = int32(p), int64(r.next[p]), 1<<20, -1
		topic.Partitions = append(topic.Partitions, x)
	}
	q.Topics = append(q.Topics, topic)
	c.send(q, func(a kmsg.Response) {
		for _, t := range a.(*kmsg.FetchResponse).Topics {
			for _, p := range t.Partitions {
				r.read(p)
			}
		}
		r.done = true
		for _, n := range r.next {
			r.done = r.done && n == simRecords
		}
		if !r.done {
			c.later(20*time.Millisecond, r.begin)
		}
	})
}

func (r *simReader) read(p kmsg.FetchResponseTopicPartition) {
	if p.ErrorCode == 0 {
		if p.HighWatermark < r.high[p.Partition] {
			r.s.t.Errorf("SIM_SEED=%d: the high watermark of partition %d goes back from %d to %d", r.s.seed, p.Partition, r.high[p.Partition], p.HighWatermark)
		}
		r.high[p.Partition] = p.HighWatermark
	}
	for b, err := range record.Batches(p.RecordBatches) {
		if err != nil {
			r.s.t.Fatal(err)
		}
		for got, err := range b.Records(1 << 20) {
			if err != nil {
				r.s.t.Fatal(err)
			}
			if want := strconv.Itoa(r.next[p.Partition]); string(got.Value) != want || int64(got.Offset) != int64(r.next[p.Partition]) {
				r.s.t.Fatalf("SIM_SEED=%d: partition %d has %s at offset %d, want %s", r.s.seed, p.Partition, got.Value, got.Offset, want)
			}
			r.next[p.Partition]++
		}
	}
}

// A simCommitter commits one offset after the other, as a group without members, and in the end asks which is there.
type simCommitter struct {
	s                  *simulation
	sent, acknowledged int64
	check, done        bool
}

func (k *simCommitter) begin(c *simClient) {
	if k.check {
		k.fetch(c)
		return
	}
	k.sent++
	at := k.sent
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Version, q.Group, q.Generation = 8, "readers", -1
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = at
	q.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	c.send(q, func(a kmsg.Response) {
		if a.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode != 0 {
			c.send(findGroup("readers"), func(kmsg.Response) { c.later(20*time.Millisecond, k.begin) }) // whose first makes __consumer_offsets
			return
		}
		k.acknowledged = at
		c.later(20*time.Millisecond, k.begin)
	})
}

func findGroup(group string) kmsg.Request {
	q := kmsg.NewPtrFindCoordinatorRequest()
	q.Version, q.CoordinatorKeys = 4, []string{group}
	return q
}

func (k *simCommitter) fetch(c *simClient) {
	if k.acknowledged == 0 {
		k.done = true // there may be no __consumer_offsets
		return
	}
	q := kmsg.NewPtrOffsetFetchRequest()
	q.Version, q.Group = 7, "readers"
	q.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	c.send(q, func(a kmsg.Response) {
		got := a.(*kmsg.OffsetFetchResponse)
		if got.ErrorCode != 0 || got.Topics[0].Partitions[0].ErrorCode != 0 {
			c.later(20*time.Millisecond, k.begin)
			return
		}
		if at := got.Topics[0].Partitions[0].Offset; at < k.acknowledged || at > k.sent {
			k.s.t.Errorf("SIM_SEED=%d: the group is at %d; %d was acknowledged, %d was sent", k.s.seed, at, k.acknowledged, k.sent)
		}
		k.done = true
	})
}

// A simKeeper makes topics and deletes them, and in the end looks which are there.
type simKeeper struct {
	s           *simulation
	made        int
	topics      map[string]simTopic
	check, done bool
}

// A simTopic is what is known of a topic.
type simTopic struct{ exists, certain bool }

func (k *simKeeper) begin(c *simClient) {
	switch {
	case k.check:
		k.look(c)
	case k.s.chance.IntN(3) == 0 && len(k.topics) > 0:
		names := slices.Sorted(maps.Keys(k.topics))
		k.delete(c, names[k.s.chance.IntN(len(names))])
	default:
		k.made++
		k.create(c, fmt.Sprint("topic-", k.made))
	}
}

func (k *simKeeper) create(c *simClient, name string) {
	k.topics[name] = simTopic{exists: true}
	q := kmsg.NewPtrCreateTopicsRequest()
	q.Version, q.TimeoutMillis = 7, 1000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, 1
	q.Topics = append(q.Topics, t)
	c.send(q, func(a kmsg.Response) {
		if a.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode == 0 {
			k.topics[name] = simTopic{true, true}
		}
		c.later(40*time.Millisecond, k.begin)
	})
}

func (k *simKeeper) delete(c *simClient, name string) {
	was := k.topics[name]
	k.topics[name] = simTopic{}
	q := kmsg.NewPtrDeleteTopicsRequest()
	q.Version, q.TimeoutMillis, q.TopicNames = 5, 1000, []string{name}
	c.send(q, func(a kmsg.Response) {
		switch a.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode {
		case 0:
			k.topics[name] = simTopic{false, true}
		case kerr.UnknownTopicOrPartition.Code:
			if was.exists && was.certain {
				k.s.t.Errorf("SIM_SEED=%d: topic %s was made, and is not there", k.s.seed, name)
			}
		}
		c.later(40*time.Millisecond, k.begin)
	})
}

func (k *simKeeper) look(c *simClient) {
	q := kmsg.NewPtrMetadataRequest()
	q.Version, q.Topics = 9, nil
	c.send(q, func(a kmsg.Response) {
		there := map[string]bool{}
		for _, t := range a.(*kmsg.MetadataResponse).Topics {
			there[*t.Topic] = true
		}
		for _, name := range slices.Sorted(maps.Keys(k.topics)) {
			if t := k.topics[name]; t.certain && t.exists != there[name] {
				k.s.t.Errorf("SIM_SEED=%d: topic %s: %v was acknowledged, it is there: %v", k.s.seed, name, t, there[name])
			}
		}
		k.done = true
	})
}
