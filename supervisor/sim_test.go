package supervisor

import (
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"io"
	mathrand "math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	cmap "github.com/orcaman/concurrent-map"

	"troupe/actors"
	"troupe/partition/kafka"
)

// entropy stands for the operating system's source, from which raft draws its election time-outs. A simulation replaces it by one of its own.
var entropy = &source{from: rand.Reader}

func TestMain(m *testing.M) {
	cmap.SHARD_COUNT = 1 // of each of the 1,024 maps that protoactor makes for a System: half of the simulation's time otherwise
	rand.Reader = entropy
	os.Exit(m.Run())
}

// A source is where random bytes come from.
type source struct {
	mu   sync.Mutex
	from io.Reader
}

// Read reads from whatever stands behind the source at the moment.
func (s *source) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from.Read(b)
}

func (s *source) replace(from io.Reader) (before io.Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.from = s.from, from
	return before
}

// TestSimulation runs a node's actors in one thread, over a simulated disk and network and in simulated time, from a seed. Idempotent producers write, five
// requests in flight; a consumer follows them, a group commits, topics come and go. Connections break, actors panic, and the node crashes at a random
// write or moment, with whatever of the unsynced writes the disk happens to keep. What was acknowledged is there in the end, once and in order, and nobody was shown
// what is not. Each seed runs twice and takes the same steps.
//
// SIM_SEEDS says how many seeds (200), and SIM_SEED runs a single one.
func TestSimulation(t *testing.T) {
	simulateSeeds(t, 200, simShape{
		nodes: 1, topics: []simSpec{{name: "orders", partitions: 3, minInSync: 1}}, records: 16, stepsMax: 200_000, twice: 1, panics: 3000,
	})
}

// A simShape is what is simulated.
type simShape struct {
	nodes    int
	topics   []simSpec
	records  int           // of each partition
	lasts    time.Duration // over which producers spread their records, and faults come
	stepsMax int
	twice    int // one seed of so many runs twice
	panics   int // one message of so many makes an actor panic
	moves    int // in one seed of so many partitions move from node to node; 0 for never
	severed  int // in one seed of so many, of those in which none move, a link is cut for long; 0 for never
	enough   int // seeds, for everything to happen that the simulation is for; 0 where nobody says
}

// replicas is how many a partition has at first, and how many nodes vote on the metadata.
func (s *simShape) replicas() int { return min(3, s.nodes) }

// A simSpec is a topic that producers write to.
type simSpec struct {
	name       string
	partitions int32
	minInSync  int
	trimmed    bool // its older records are deleted
}

func simulateSeeds(t *testing.T, seeds int, shape simShape) {
	if seed := os.Getenv("SIM_SEED"); seed != "" {
		n, err := strconv.ParseUint(seed, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s := simulate(t, n, shape, os.Getenv("SIM_LOG") != "", false)
		t.Logf("%v", &s)
		return
	}
	if n, err := strconv.Atoi(os.Getenv("SIM_SEEDS")); err == nil {
		seeds = n
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a third of the time otherwise
	var all simResult
	running := uint64(0)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("SIM_SEED=%d go test -count=1 -run '^%s$' ./supervisor  # SIM_LOG=1 and -v for what the nodes log", running, t.Name())
		}
	})
	for seed := range uint64(seeds) {
		running = seed
		again := seed%uint64(shape.twice) == 0
		one := simulate(t, seed, shape, false, again)
		if again && !t.Failed() {
			if two := simulate(t, seed, shape, false, true); one.trace != two.trace || one.steps != two.steps {
				t.Errorf("two runs differ: %d and %d steps", one.steps, two.steps)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
		all.add(&one)
	}
	t.Logf("%d seeds, %v", seeds, &all)
	trimmed := slices.ContainsFunc(shape.topics, func(topic simSpec) bool { return topic.trimmed })
	if shape.enough > 0 && seeds >= shape.enough && (all.wipes == 0 || all.ofMetadata == 0 || all.ofGroups == 0 || all.ofTopics == 0 && trimmed ||
		all.moves == 0 && shape.moves > 0 || all.severed == 0 && shape.severed > 0) {
		t.Error("not everything that the simulation is to go through has happened")
	}
}

// calmSeeds runs what happens to a cluster without other faults, from one seed after the other: SIM_SEEDS says how many (1), and SIM_SEED runs a single one.
func calmSeeds(t *testing.T, shape simShape, run func(t *testing.T, s *simulation)) {
	first, seeds := uint64(1), uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("SIM_SEED"), 10, 64); err == nil {
		first = n
	} else if n, err := strconv.ParseUint(os.Getenv("SIM_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	for seed := first; seed < first+seeds; seed++ {
		ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			defer entropy.replace(entropy.replace(mathrand.NewChaCha8([32]byte{byte(seed)})))
			s := newSimulation(t, seed, shape, os.Getenv("SIM_LOG") != "")
			s.calm = true
			run(t, s)
		})
		if !ok {
			return
		}
	}
}

type simResult struct {
	trace                   uint64
	steps, records, crashes int
	wipes, moves, severed   int
	// Snapshots that replicas were brought up to date with, since the log did not hold what they needed any more: of the metadata, of groups, and of what producers wrote.
	ofMetadata, ofGroups, ofTopics int
	calls                          int           // of nodes to nodes
	took                           time.Duration // in simulated time
}

func (r *simResult) add(one *simResult) {
	r.steps += one.steps
	r.records += one.records
	r.crashes += one.crashes
	r.wipes += one.wipes
	r.moves += one.moves
	r.severed += one.severed
	r.ofMetadata += one.ofMetadata
	r.ofGroups += one.ofGroups
	r.ofTopics += one.ofTopics
	r.took += one.took
}

// String says what has happened.
func (r *simResult) String() string {
	return fmt.Sprintf("%d records, %d crashes, %d wiped disks, %d reassignments, %d links cut for long, snapshots that others were sent: %d of the metadata, %d of groups, %d of topics, %d steps, %v",
		r.records, r.crashes, r.wipes, r.moves, r.severed, r.ofMetadata, r.ofGroups, r.ofTopics, r.steps, r.took.Round(time.Second))
}

// A simulation is one run.
type simulation struct {
	t      *testing.T
	shape  simShape
	st     *actors.Stepper
	chance *mathrand.Rand
	logger log.Logger
	nodes  []*simNode
	net    *simNet
	began  time.Time
	pause  time.Duration // between two faults, at most
	calm   bool          // no more faults
	result simResult
	checks simChecks
	panics map[string]int // by the actor's id: too many would take it out of service

	clients   []*simClient
	producers []*simProducer
	followers []*simReader
	committer *simCommitter
	keeper    *simKeeper
	mover     *simMover
	trimmers  []*simTrimmer
	severed   *simSevered // nil while no link is cut for long, nor about to be
	done      int         // producers that are
}

// simulate runs a seed.
func simulate(t *testing.T, seed uint64, shape simShape, logged, traced bool) simResult {
	var bytes [32]byte
	bytes[0] = byte(seed)
	defer entropy.replace(entropy.replace(mathrand.NewChaCha8(bytes)))
	s := newSimulation(t, seed, shape, logged)
	hash := fnv.New64a()
	if traced {
		s.st.Trace = func(event string) { hash.Write([]byte(event)) }
	}
	s.boot()
	s.pause = 200*time.Millisecond + s.upTo(4*time.Second)
	s.work()
	s.trouble()
	if shape.nodes > 1 { // a record that all nodes must have is not written while there is trouble all the time
		s.until("its time is over", func() bool { return s.st.Now().Sub(s.began) >= shape.lasts })
		s.endTrouble()
	}
	s.until("the producers are done", func() bool { return s.done == len(s.producers) })
	if shape.nodes == 1 {
		s.endTrouble()
	}
	s.look()
	for _, n := range s.nodes {
		s.st.Kill(n.system)
	}
	s.result.trace, s.result.took = hash.Sum64(), s.st.Now().Sub(s.began)
	return s.result
}

func newSimulation(t *testing.T, seed uint64, shape simShape, logged bool) *simulation {
	s := &simulation{t: t, shape: shape, st: actors.NewStepper(seed, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), panics: map[string]int{}}
	s.chance, s.began, s.logger = s.st.Rand(), s.st.Now(), log.NewNopLogger()
	s.net, s.checks = newSimNet(s), newSimChecks(s)
	if logged {
		s.logger = log.With(log.NewLogfmtLogger(testWriter{t}), "at", log.Valuer(func() any { return s.st.Now().Sub(s.began) }))
	}
	return s
}

// boot starts all nodes, with empty disks.
func (s *simulation) boot() {
	for id := range s.shape.nodes {
		n := &simNode{s: s, id: kafka.BrokerID(id + 1)}
		n.format()
		s.nodes = append(s.nodes, n)
		n.boot()
	}
}

// until takes steps until the condition holds.
func (s *simulation) until(what string, holds func() bool) {
	held := s.st.Run(func() bool { s.result.steps++; return s.t.Failed() || holds() }, s.shape.stepsMax)
	if !held {
		s.errorf("after %d steps it is not so that %s; %v", s.result.steps, what, s.producers)
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// work has clients begin.
func (s *simulation) work() {
	for _, topic := range s.shape.topics {
		for p := range topic.partitions {
			s.producers = append(s.producers, &simProducer{s: s, topic: topic, partition: p})
			s.followers = append(s.followers, &simReader{s: s, topic: topic.name, partition: p, minBytes: 200})
			if topic.trimmed {
				s.trimmers = append(s.trimmers, &simTrimmer{s: s, topic: topic.name, partition: p})
			}
		}
	}
	for _, p := range s.producers {
		s.client(p.begin)
	}
	s.committer, s.keeper = &simCommitter{s: s}, &simKeeper{s: s, topics: map[string]simTopic{}}
	for _, f := range s.followers {
		s.client(f.begin)
	}
	s.client(s.committer.begin)
	s.client(s.keeper.begin)
	for _, x := range s.trimmers {
		s.client(x.begin)
	}
	if s.shape.moves > 0 && s.chance.IntN(s.shape.moves) == 0 {
		s.mover = &simMover{s: s}
		s.client(s.mover.begin)
	} else if s.shape.severed > 0 && s.chance.IntN(s.shape.severed) == 0 {
		s.severLater()
	}
}

// look looks at everything in the end.
func (s *simulation) look() {
	s.checks.eventually()
	var readers []*simReader
	for _, f := range s.followers {
		r := &simReader{s: s, topic: f.topic, partition: f.partition, minBytes: 1, high: f.high}
		readers = append(readers, r)
		s.client(r.begin)
	}
	s.committer.check, s.keeper.check = true, true
	s.until("all acknowledged records are there", func() bool {
		for _, r := range readers {
			if !r.done {
				return false
			}
		}
		return true
	})
	s.until("the groups' offsets are there", func() bool { return s.committer.done })
	s.until("the topics are there", func() bool { return s.keeper.done })
	s.checks.end()
}

func (s *simulation) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("at %v: %s", s.st.Now().Sub(s.began), fmt.Sprintf(format, args...))
}

// testWriter logs lines.
type testWriter struct{ t *testing.T }

// Write logs a line.
func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}
