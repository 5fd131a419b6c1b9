package supervisor

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/session"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// TestSimulation runs a node's actors in one thread, over a simulated disk and network and in simulated time, from a seed. Idempotent producers write;
// connections break, actors panic, and the node crashes at a random step, with whatever of the unsynced writes the disk
// happens to keep. In the end every acknowledged record is there, once and in order. Each seed runs twice and takes the same steps.
//
// SIM_SEEDS says how many seeds (200), and SIM_SEED runs a single one.
func TestSimulation(t *testing.T) {
	if seed := os.Getenv("SIM_SEED"); seed != "" {
		n, err := strconv.ParseUint(seed, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		simulate(t, n)
		return
	}
	seeds := 200
	if n, err := strconv.Atoi(os.Getenv("SIM_SEEDS")); err == nil {
		seeds = n
	}
	records, crashes := 0, 0
	for seed := range uint64(seeds) {
		one, two := simulate(t, seed), simulate(t, seed)
		if one.trace != two.trace || one.steps != two.steps {
			t.Fatalf("SIM_SEED=%d: two runs differ: %d and %d steps", seed, one.steps, two.steps)
		}
		if t.Failed() {
			t.Fatalf("SIM_SEED=%d", seed)
		}
		records += one.records
		crashes += one.crashes
	}
	t.Logf("%d seeds, %d records, %d crashes", seeds, records, crashes)
}

type simResult struct {
	trace                   uint64
	steps, records, crashes int
}

// A simulation is one run.
type simulation struct {
	t      *testing.T
	seed   uint64
	st     *actors.Stepper
	chance *rand.Rand
	store  *logstore.Memory
	node   *simNode
	result simResult

	clients  []*simClient
	producer [simPartitions]*simProducer
	done     int
}

// A simNode is one life of the node.
type simNode struct {
	system *actors.System
	tree   *builder
	ready  bool
}

const (
	simPartitions = 3
	simRecords    = 12 // of each partition
	simStepsMax   = 200_000
)

func simulate(t *testing.T, seed uint64) simResult {
	s := &simulation{t: t, seed: seed, st: actors.NewStepper(seed, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	s.chance = s.st.Rand()
	hash := fnv.New64a()
	s.st.Trace = func(event string) {
		hash.Write([]byte(event))
		s.result.steps++
	}
	s.store = logstore.NewMemory(s.disk)
	s.boot()
	for p := range simPartitions {
		s.producer[p] = &simProducer{s: s, partition: int32(p)}
		s.client(s.producer[p].begin)
	}
	s.crashLater()
	if !s.st.Run(func() bool { return s.done == simPartitions || t.Failed() }, simStepsMax) {
		t.Fatalf("SIM_SEED=%d: the producers are not done after %d steps", seed, s.result.steps)
	}
	s.crash() // once more, and then everything is read
	reader := &simReader{s: s}
	s.client(reader.begin)
	if !s.st.Run(func() bool { return reader.done == simPartitions || t.Failed() }, simStepsMax) {
		t.Fatalf("SIM_SEED=%d: the reader is not done", seed)
	}
	s.st.Kill(s.node.system)
	s.result.trace = hash.Sum64()
	return s.result
}

// disk makes writes durable after a while, as one of the stepper's steps.
func (s *simulation) disk(sync func()) {
	node := s.node
	s.st.AfterFunc(time.Duration(s.chance.IntN(3000))*time.Microsecond, func() {
		if node == s.node || s.node == nil { // a disk does nothing for a node that has crashed
			sync()
		}
	})
}

// boot starts the node on what the disk holds.
func (s *simulation) boot() {
	settings, err := config.Load(config.Sources{Set: []string{"listener.address=127.0.0.1:9092"}})
	if err != nil {
		s.t.Fatal(err)
	}
	n := &simNode{}
	s.node = n
	n.system = actors.NewSystem(actors.Options{Incarnation: uint64(s.result.crashes + 1), Stepper: s.st, Rand: s.chance, Policies: policies, Fault: s.fault})
	n.tree, err = buildTree(n.system, treeOptions{
		Settings: settings, Store: s.store, StoreID: "store", ClusterID: "cluster", NodeID: 1,
		Ready:  func(*session.Listener) { n.ready = true },
		Failed: func(err error) { s.t.Errorf("SIM_SEED=%d: the node failed: %v", s.seed, err) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// fault has an actor panic now and then.
func (s *simulation) fault(kind, _ string, _ any) {
	if kind != "node" && kind != "partitions" && s.node.ready && s.chance.IntN(3000) == 0 {
		panic("the simulation's")
	}
}

func (s *simulation) crashLater() {
	s.st.AfterFunc(time.Duration(5+s.chance.IntN(80))*time.Millisecond, func() {
		s.crash()
		if s.result.crashes < 3 {
			s.crashLater()
		}
	})
}

// crash ends the node at once, and starts another on what the disk has kept.
func (s *simulation) crash() {
	s.result.crashes++
	s.st.Kill(s.node.system)
	s.store = s.store.Crash(s.chance, s.disk)
	s.boot()
	for _, c := range s.clients {
		c.broken()
	}
}

// A simClient is a client's connection, over a network that takes its time and breaks.
type simClient struct {
	s       *simulation
	life    int // of the connection
	pid     *actor.PID
	node    *simNode
	last    uint32
	waiting map[uint32]simCall
	resume  func(*simClient)
}

type simCall struct {
	q    kmsg.Request
	done func(kmsg.Response)
}

// client opens a connection; begin is called whenever there is a new one.
func (s *simulation) client(begin func(*simClient)) {
	c := &simClient{s: s, resume: begin}
	s.clients = append(s.clients, c)
	c.connect()
}

func (c *simClient) connect() {
	c.life++
	life := c.life
	c.waiting = map[uint32]simCall{}
	c.pid = nil
	if !c.s.node.ready {
		c.s.st.AfterFunc(10*time.Millisecond, func() {
			if c.life == life {
				c.connect()
			}
		})
		return
	}
	c.node = c.s.node
	var err error
	c.pid, err = session.Spawn(nil, c.node.tree.env, fmt.Sprint("client-", c.s.count()), &simConn{c, life})
	if err != nil {
		c.s.t.Fatal(err)
	}
	c.resume(c)
}

// count numbers connections, so that their names are the same in each run.
func (s *simulation) count() int {
	n := 0
	for _, c := range s.clients {
		n += c.life
	}
	return n
}

// broken has the client connect again.
func (c *simClient) broken() {
	c.life++
	life := c.life
	c.s.st.AfterFunc(time.Duration(1+c.s.chance.IntN(20))*time.Millisecond, func() {
		if c.life == life {
			c.connect()
		}
	})
}

func (c *simClient) send(q kmsg.Request, done func(kmsg.Response)) {
	c.last++
	c.waiting[c.last] = simCall{q, done}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("sim")).AppendRequest(nil, q, int32(c.last))[4:]
	life, node := c.life, c.node
	c.s.st.AfterFunc(c.delay(), func() {
		if life != c.life || node != c.s.node {
			return
		}
		if c.s.chance.IntN(100) == 0 {
			node.system.Root().Send(c.pid, &session.Closed{})
			c.broken()
			return
		}
		r, err := node.tree.env.NewDecoder().Decode(frame, c.s.st.Now())
		if err != nil {
			c.s.t.Fatal(err)
		}
		node.system.Root().Send(c.pid, &session.Arrived{Request: r})
	})
}

func (c *simClient) delay() time.Duration {
	return time.Duration(50+c.s.chance.IntN(500)) * time.Microsecond
}

// simConn is the session's end of a connection.
type simConn struct {
	c    *simClient
	life int
}

func (x *simConn) Send(r *api.Request, pieces [][]byte) {
	var frame []byte
	for _, p := range pieces {
		frame = append(frame, p...)
	}
	x.c.s.st.AfterFunc(x.c.delay(), func() {
		if x.life != x.c.life {
			return
		}
		id := binary.BigEndian.Uint32(frame)
		call := x.c.waiting[id]
		delete(x.c.waiting, id)
		response := call.q.ResponseKind()
		body := frame[4:]
		if response.IsFlexible() {
			body = body[1:]
		}
		if err := response.ReadFrom(body); err != nil {
			x.c.s.t.Fatal(err)
		}
		call.done(response)
	})
}

func (x *simConn) Close(string) {
	x.c.s.st.AfterFunc(x.c.delay(), func() {
		if x.life == x.c.life {
			x.c.broken()
		}
	})
}

// A simProducer writes the records of one partition, one batch after the other, each until it is acknowledged.
type simProducer struct {
	s         *simulation
	partition int32
	id        int64
	known     bool
	sequence  int32
	next      int // the first record that is not acknowledged
	batch     int // how many are in the batch that is being sent
}

func (p *simProducer) again(c *simClient) {
	life := c.life
	p.s.st.AfterFunc(time.Duration(1+p.s.chance.IntN(50))*time.Millisecond, func() {
		if life == c.life {
			p.begin(c)
		}
	})
}

// begin goes on where the producer is, over a connection that may be new.
func (p *simProducer) begin(c *simClient) {
	switch {
	case p.next == simRecords:
	case !p.known:
		p.initialize(c)
	default:
		p.send(c)
	}
}

func (p *simProducer) initialize(c *simClient) {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 7, 1000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", simPartitions, 1
	create.Topics = append(create.Topics, topic)
	c.send(create, func(a kmsg.Response) {
		if code := a.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode; code != 0 && code != kerr.TopicAlreadyExists.Code {
			p.again(c)
			return
		}
		q := kmsg.NewPtrInitProducerIDRequest()
		q.Version = 4
		c.send(q, func(a kmsg.Response) {
			if got := a.(*kmsg.InitProducerIDResponse); got.ErrorCode == 0 {
				p.known, p.id = true, got.ProducerID
			}
			p.again(c)
		})
	})
}

func (p *simProducer) send(c *simClient) {
	if p.batch == 0 {
		p.batch = 1 + p.s.chance.IntN(min(3, simRecords-p.next))
	}
	b := record.Builder{Producer: &record.Producer{ID: kafka.ProducerID(p.id), Sequence: kafka.Sequence(p.sequence)}}
	for i := range p.batch {
		b.Add(record.Record{Timestamp: p.s.st.Now().UnixMilli(), Value: fmt.Append(nil, p.next+i)})
	}
	bytes, err := b.Build()
	if err != nil {
		p.s.t.Fatal(err)
	}
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks, q.TimeoutMillis = 9, -1, 1000
	q.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: p.partition, Records: bytes}}}}
	c.send(q, func(a kmsg.Response) {
		got := a.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		switch err := kerr.ErrorForCode(got.ErrorCode); {
		case err == nil:
			if got.BaseOffset != int64(p.next) {
				p.s.t.Errorf("SIM_SEED=%d: partition %d: record %d is acknowledged at offset %d", p.s.seed, p.partition, p.next, got.BaseOffset)
			}
			p.next += p.batch
			p.sequence += int32(p.batch)
			p.s.result.records += p.batch
			p.batch = 0
			if p.next == simRecords {
				p.s.done++
				return
			}
			p.begin(c)
		case kerr.IsRetriable(err):
			p.again(c)
		default:
			p.s.t.Errorf("SIM_SEED=%d: partition %d: %v", p.s.seed, p.partition, err)
		}
	})
}

// A simReader reads all partitions from their start.
type simReader struct {
	s    *simulation
	next [simPartitions]int
	done int
}

func (r *simReader) begin(c *simClient) {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.MaxBytes, q.MaxWaitMillis, q.MinBytes, q.SessionEpoch = 11, 1<<20, 100, 1, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "orders"
	for p := range simPartitions {
		x := kmsg.NewFetchRequestTopicPartition()
		x.Partition, x.FetchOffset, x.PartitionMaxBytes, x.CurrentLeaderEpoch = int32(p), int64(r.next[p]), 1<<20, -1
		topic.Partitions = append(topic.Partitions, x)
	}
	q.Topics = append(q.Topics, topic)
	c.send(q, func(a kmsg.Response) {
		r.done = 0
		for _, t := range a.(*kmsg.FetchResponse).Topics {
			for _, p := range t.Partitions {
				r.read(p)
			}
		}
		for _, n := range r.next {
			if n == simRecords {
				r.done++
			}
		}
		if life := c.life; r.done < simPartitions {
			r.s.st.AfterFunc(10*time.Millisecond, func() {
				if c.life == life {
					r.begin(c)
				}
			})
		}
	})
}

func (r *simReader) read(p kmsg.FetchResponseTopicPartition) {
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
