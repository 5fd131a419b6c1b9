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

// simInFlight is how many batches a producer has under way.
const simInFlight = 5

// A simProducer writes the records of one partition, several batches in flight, each until it is acknowledged.
type simProducer struct {
	s         *simulation
	topic     simSpec
	partition int32
	id        int64
	known     bool
	next      int        // the first record that is in no batch yet
	batches   []simBatch // that are not acknowledged, in their order
	sent      int        // of them, over this connection
	failed    bool       // one that was sent was refused: those behind it are too, and all are sent again once that is known
	unheard   int
	heardAt   time.Time // when something was acknowledged last
}

type simBatch struct{ first, count int }

// String says how far the producer is.
func (p *simProducer) String() string {
	return fmt.Sprintf("%s-%d: known %v, next %d, open %v, sent %d, failed %v, unheard %d", p.topic.name, p.partition, p.known, p.next, p.batches, p.sent, p.failed, p.unheard)
}

// begin goes on where the producer is, over a connection that may be new.
func (p *simProducer) begin(c *simClient) {
	p.sent, p.unheard, p.failed = 0, 0, false
	if p.known {
		c.toLeader(p.topic.name, p.partition, p.fill)
		return
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 7, 1000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = p.topic.name, p.topic.partitions, int16(p.s.shape.replicas())
	inSync := strconv.Itoa(p.topic.minInSync)
	topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "min.insync.replicas", Value: &inSync}}
	if millis := "100"; p.topic.trimmed {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: "segment.ms", Value: &millis})
	}
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
			if p.next == p.s.shape.records {
				return
			}
			if !p.isDue() {
				if p.unheard == 0 {
					c.later(100*time.Millisecond, p.fill)
				}
				return
			}
			b := simBatch{p.next, 1 + p.s.chance.IntN(min(3, p.s.shape.records-p.next))}
			p.next += b.count
			p.batches = append(p.batches, b)
		}
		p.send(c, p.batches[p.sent])
		p.sent++
	}
}

// simBurst is how many records come together.
const simBurst = 16

// isDue tells whether it is time for the next record: they come in bursts, which are spread over the simulation.
func (p *simProducer) isDue() bool {
	return p.s.st.Now().Sub(p.s.began) >= p.dueAfter(p.next)
}

func (p *simProducer) dueAfter(record int) time.Duration {
	return p.s.shape.lasts * time.Duration(record/simBurst*simBurst) / time.Duration(p.s.shape.records)
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
	q.Topics = []kmsg.ProduceRequestTopic{{Topic: p.topic.name, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: p.partition, Records: bytes}}}}
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
	case err == nil && base != int64(batch.first):
		p.s.errorf("%s-%d: record %d is acknowledged at offset %d", p.topic.name, p.partition, batch.first, base)
	case err == nil && !head && p.failed: // those in front are in the log too, and are sent again with this one
	case err == nil && !head:
		p.s.errorf("%s-%d: the batch from %d on is acknowledged before the one in front of it", p.topic.name, p.partition, batch.first)
	case err == nil:
		p.batches, p.heardAt = p.batches[1:], p.s.st.Now()
		p.sent--
		p.s.result.records += batch.count
		if len(p.batches) == 0 && p.next == p.s.shape.records {
			p.s.done++
			return
		}
	case kerr.IsRetriable(err) || !head && err == kerr.OutOfOrderSequenceNumber:
		p.failed = true
	default:
		p.s.errorf("%s-%d: the batch from %d on: %v", p.topic.name, p.partition, batch.first, err)
	}
	switch {
	case !p.failed:
		p.fill(c)
	case p.unheard == 0:
		c.later(50*time.Millisecond, p.begin)
	}
}

// A simReader reads a partition from its start, and goes on from where it is when its connection breaks.
type simReader struct {
	s         *simulation
	topic     string
	partition int32
	minBytes  int32
	from      int // where the log began, when it was asked for that
	next      int
	high      int64
	done      bool
}

func (r *simReader) begin(c *simClient) { c.toLeader(r.topic, r.partition, r.fetch) }

func (r *simReader) fetch(c *simClient) {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.MaxBytes, q.MaxWaitMillis, q.MinBytes, q.SessionEpoch = 11, 1<<20, 20, r.minBytes, -1
	x := kmsg.NewFetchRequestTopicPartition()
	x.Partition, x.FetchOffset, x.PartitionMaxBytes, x.CurrentLeaderEpoch = r.partition, int64(r.next), 1<<20, -1
	q.Topics = append(q.Topics, kmsg.FetchRequestTopic{Topic: r.topic, Partitions: []kmsg.FetchRequestTopicPartition{x}})
	pause := 20 * time.Millisecond
	if r.s.shape.lasts > 0 {
		pause = 200 * time.Millisecond
	}
	c.send(q, func(a kmsg.Response) {
		got := a.(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if got.ErrorCode == kerr.OffsetOutOfRange.Code {
			if x := r.s.trimmer(r.topic, r.partition); x != nil && int64(r.next) < x.asked {
				r.skip(c)
				return
			}
		}
		if got.ErrorCode != 0 {
			if !kerr.IsRetriable(kerr.ErrorForCode(got.ErrorCode)) {
				r.s.errorf("%s-%d can't be read from offset %d: %v", r.topic, r.partition, r.next, kerr.ErrorForCode(got.ErrorCode))
			}
			c.later(pause, r.begin)
			return
		}
		r.read(got)
		if r.done = r.next == r.s.shape.records; !r.done {
			c.later(pause, r.fetch)
		}
	})
}

func (r *simReader) read(p kmsg.FetchResponseTopicPartition) {
	if p.HighWatermark < r.high {
		r.s.errorf("the high watermark of %s-%d goes back from %d to %d", r.topic, r.partition, r.high, p.HighWatermark)
	}
	r.high = p.HighWatermark
	for b, err := range record.Batches(p.RecordBatches) {
		if err != nil {
			r.s.t.Fatal(err)
		}
		for got, err := range b.Records(1 << 20) {
			if err != nil {
				r.s.t.Fatal(err)
			}
			if int(got.Offset) < r.from {
				continue // the log begins in the middle of a batch
			}
			if want := strconv.Itoa(r.next); string(got.Value) != want || int64(got.Offset) != int64(r.next) {
				r.s.errorf("%s-%d has %s at offset %d, want %s", r.topic, r.partition, got.Value, got.Offset, want)
			}
			r.next++
		}
	}
}

// A simCommitter commits one offset after the other, as groups without members, each of which comes once and then not again. In the end it asks which are there.
type simCommitter struct {
	s           *simulation
	groups      []simGroup
	check, done bool
	checked     int // groups
}

// A simGroup is what was committed as one group.
type simGroup struct{ sent, acknowledged int64 }

// simGroupCommits is how often a group commits.
const simGroupCommits = 4

func (k *simCommitter) begin(c *simClient) {
	if k.check {
		k.end(c)
		return
	}
	if n := len(k.groups); n == 0 || k.groups[n-1].sent == simGroupCommits {
		k.groups = append(k.groups, simGroup{})
	}
	c.toCoordinator(k.name(len(k.groups)-1), k.commit)
}

func (k *simCommitter) name(group int) string { return fmt.Sprint("readers-", group) }

func (k *simCommitter) commit(c *simClient) {
	last := len(k.groups) - 1
	g := &k.groups[last]
	if k.check || g.sent == simGroupCommits {
		k.begin(c)
		return
	}
	g.sent++
	at := g.sent
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Version, q.Group, q.Generation = 8, k.name(last), -1
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = at
	q.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: k.s.shape.topics[0].name, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	c.send(q, func(a kmsg.Response) {
		if a.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode != 0 {
			c.later(k.pause(), k.begin)
			return
		}
		k.groups[last].acknowledged = at
		c.later(k.pause(), k.commit)
	})
}

func (k *simCommitter) pause() time.Duration {
	if k.s.shape.lasts > 0 {
		return 200 * time.Millisecond
	}
	return 20 * time.Millisecond
}

// end looks at what is there of every group of which anything was ever acknowledged: of others there may be nothing.
func (k *simCommitter) end(c *simClient) {
	for k.checked < len(k.groups) && k.groups[k.checked].acknowledged == 0 {
		k.checked++
	}
	if k.done = k.checked == len(k.groups); !k.done {
		c.toCoordinator(k.name(k.checked), k.fetch)
	}
}

func (k *simCommitter) fetch(c *simClient) {
	q := kmsg.NewPtrOffsetFetchRequest()
	q.Version, q.Group = 7, k.name(k.checked)
	q.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: k.s.shape.topics[0].name, Partitions: []int32{0}}}
	c.send(q, func(a kmsg.Response) {
		got := a.(*kmsg.OffsetFetchResponse)
		if got.ErrorCode != 0 || got.Topics[0].Partitions[0].ErrorCode != 0 {
			c.later(20*time.Millisecond, k.begin)
			return
		}
		g := k.groups[k.checked]
		if at := got.Topics[0].Partitions[0].Offset; at < g.acknowledged || at > g.sent {
			k.s.errorf("group %s is at %d; %d was acknowledged, %d was sent", q.Group, at, g.acknowledged, g.sent)
		}
		k.checked++
		k.end(c)
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
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, -1
	q.Topics = append(q.Topics, t)
	c.send(q, func(a kmsg.Response) {
		if a.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode == 0 {
			k.topics[name] = simTopic{true, true}
		}
		c.later(k.pause(), k.begin)
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
				k.s.errorf("topic %s was made, and is not there", name)
			}
		}
		c.later(k.pause(), k.begin)
	})
}

func (k *simKeeper) pause() time.Duration {
	if k.s.shape.lasts > 0 {
		return 6 * time.Second
	}
	return 40 * time.Millisecond
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
				k.s.errorf("topic %s: %v was acknowledged, it is there: %v", name, t, there[name])
			}
		}
		k.done = true
	})
}
