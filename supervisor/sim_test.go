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
	cmap "github.com/orcaman/concurrent-map"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/session"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

func TestMain(m *testing.M) {
	cmap.SHARD_COUNT = 1 // of each of the 1,024 maps that protoactor makes for a System: half of the simulation's time otherwise
	os.Exit(m.Run())
}

// TestSimulation runs a node's actors in one thread, over a simulated disk and network and in simulated time, from a seed. Idempotent producers write, five
// requests in flight; a consumer follows them, a group commits, topics come and go. Connections break, actors panic, and the node crashes at a random
// write or moment, with whatever of the unsynced writes the disk happens to keep. What was acknowledged is there in the end, once and in order, and nobody was shown
// what is not. Each seed runs twice and takes the same steps.
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

	clients   []*simClient
	producer  [simPartitions]*simProducer
	committer *simCommitter
	keeper    *simKeeper
	done      int // producers that are
	syncs     int // until the next crash at a write
}

// A simNode is one life of the node.
type simNode struct {
	system *actors.System
	tree   *builder
	ready  bool
}

const (
	simPartitions = 3
	simRecords    = 16 // of each partition
	simInFlight   = 5
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
	s.store.Together = func(waiting int) int { return 1 + s.chance.IntN(waiting) }
	s.boot()
	for p := range simPartitions {
		s.producer[p] = &simProducer{s: s, partition: int32(p)}
		s.client(s.producer[p].begin)
	}
	follower := &simReader{s: s, minBytes: 200}
	s.committer, s.keeper = &simCommitter{s: s}, &simKeeper{s: s, topics: map[string]simTopic{}}
	s.client(follower.begin)
	s.client(s.committer.begin)
	s.client(s.keeper.begin)
	s.crashLater()
	if !s.st.Run(func() bool { return s.done == simPartitions || t.Failed() }, simStepsMax) {
		t.Fatalf("SIM_SEED=%d: the producers are not done after %d steps", seed, s.result.steps)
	}
	s.crash() // once more, and then everything is looked at
	reader := &simReader{s: s, minBytes: 1}
	s.client(reader.begin)
	s.committer.check, s.keeper.check = true, true
	if !s.st.Run(func() bool { return reader.done && s.committer.done && s.keeper.done || t.Failed() }, simStepsMax) {
		t.Fatalf("SIM_SEED=%d: not all is there: records %v, offsets %v, topics %v", seed, reader.done, s.committer.done, s.keeper.done)
	}
	s.checkImage()
	s.st.Kill(s.node.system)
	s.result.trace = hash.Sum64()
	return s.result
}

// disk makes writes durable after a while, as one of the stepper's steps. The node may crash at any of them.
func (s *simulation) disk(sync func()) {
	node := s.node
	s.st.AfterFunc(time.Duration(s.chance.IntN(3000))*time.Microsecond, func() {
		if node != s.node && s.node != nil { // a disk does nothing for a node that has crashed
			return
		}
		if s.syncs--; s.syncs == 0 {
			s.crash()
			return
		}
		sync()
	})
}

// checkImage looks at what the metadata says: no partition number is given twice.
func (s *simulation) checkImage() {
	names := map[kafka.PartitionNumber]string{}
	for _, topic := range s.node.tree.router.View().Image.Topics() {
		for i, p := range topic.Partitions {
			name := fmt.Sprintf("%s-%d", topic.Name, i)
			if other, twice := names[p.Number]; twice {
				s.t.Errorf("SIM_SEED=%d: %s and %s have number %d both", s.seed, name, other, p.Number)
			}
			names[p.Number] = name
		}
	}
}

// boot starts the node on what the disk holds.
func (s *simulation) boot() {
	settings, err := config.Load(config.Sources{Set: []string{"listener.address=127.0.0.1:9092", "offsets.topic.num.partitions=2", "group.initial.rebalance.delay.ms=0", "log.retention.check.interval.ms=15"}})
	if err != nil {
		s.t.Fatal(err)
	}
	n := &simNode{}
	s.node = n
	incarnation := uint64(s.result.crashes + 1)
	n.system = actors.NewSystem(actors.Options{Address: "1", Incarnation: incarnation, Stepper: s.st, Rand: s.chance, Policies: policies, Fault: s.fault})
	n.tree, err = buildTree(n.system, treeOptions{
		Settings: settings, Store: s.store, StoreID: "store", ClusterID: "cluster", Replica: 1, NodeID: 1, Incarnation: incarnation, MachineSegmentBytes: 600, MachineSnapshotRecords: 8,
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
	s.syncs = 1 + s.chance.IntN(150)
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
	to, fro time.Time // when what was sent last arrives: nothing overtakes it
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
	c.s.st.AfterFunc(c.delay(&c.to), func() {
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

// delay is how long the network takes in one direction.
func (c *simClient) delay(arrives *time.Time) time.Duration {
	now := c.s.st.Now()
	at := now.Add(time.Duration(50+c.s.chance.IntN(500)) * time.Microsecond)
	if !at.After(*arrives) {
		at = arrives.Add(time.Nanosecond)
	}
	*arrives = at
	return at.Sub(now)
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
	x.c.s.st.AfterFunc(x.c.delay(&x.c.fro), func() {
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

func (x *simConn) Parked(*api.Request) {}

func (x *simConn) Close(string) {
	x.c.s.st.AfterFunc(x.c.delay(&x.c.fro), func() {
		if x.life == x.c.life {
			x.c.broken()
		}
	})
}
