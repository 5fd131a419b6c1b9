package partition

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

var (
	seeds = flag.Int("seeds", 30, "how many random histories TestRandomHistories runs")
	only  = flag.Uint64("seed", 0, "the only one to run")
)

// Random histories of a partition with three voters and a fourth replica: messages are lost, repeated and overtake each other, replicas are cut off, crash with a part of what they
// wrote, their disks become full, and they are replaced. Whatever happens: an epoch has one leader; what was acknowledged stays where it was acknowledged; the logs are the same up to what is applied,
// and so are the states; and a producer that repeats what was not answered is in the log once.
//
//	go test ./partition -run TestRandomHistories -seed 17
func TestRandomHistories(t *testing.T) {
	for seed := uint64(1); seed <= uint64(*seeds); seed++ {
		if *only != 0 && seed != 1 {
			return
		}
		if *only != 0 {
			seed = *only
		}
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			seedElections(t, seed)
			newHistory(t, seed).run(6000)
		})
		if *only != 0 {
			return
		}
	}
}

type history struct {
	*cluster
	t *testing.T
	r *rand.Rand

	log       []consensus.Entry          // what is applied anywhere, by index less one
	states    map[consensus.Index]string // after each entry
	leaders   map[kafka.LeaderEpoch]uint64
	newest    kafka.LeaderEpoch // in which anybody has served
	seen      kafka.Offset      // the highest high watermark that a client may have seen in it, or before
	producers []*client
	guests    [2]record.Producer
	acked     []ack
	installed int // snapshots
}

// A client is an idempotent producer that sends a batch again until it has an answer.
type client struct {
	id     kafka.ProducerID
	seq    kafka.Sequence
	count  int
	acks   kafka.Acks
	at     uint64 // where it has sent it; 0 where it is not on its way
	ticket Ticket
}

type ack struct {
	producer kafka.ProducerID
	seq      kafka.Sequence
	base     kafka.Offset
}

// firstGuest is the id of the first producer that is no client.
const firstGuest kafka.ProducerID = 100

func newHistory(t *testing.T, seed uint64) *history {
	s := &history{
		cluster: newCluster(t, 3, 4), t: t, r: rand.New(rand.NewPCG(seed, 1)),
		states: map[consensus.Index]string{}, leaders: map[kafka.LeaderEpoch]uint64{},
	}
	for i := range 3 {
		s.producers = append(s.producers, &client{id: kafka.ProducerID(i + 1), count: 1, acks: kafka.AcksAll})
	}
	for i := range s.guests {
		s.guests[i].ID = firstGuest + kafka.ProducerID(i)
	}
	for _, h := range s.nodes {
		h.o.Config.SegmentBytes = 2000
		h.o.Config.MinInsyncReplicas = 1 + s.r.IntN(3)
		h.p.Configure(h.o.Config)
	}
	return s
}

func (s *history) run(steps int) {
	for range steps {
		s.step()
	}
	s.settleAll()
}

func (s *history) some() *harness { return s.nodes[s.r.IntN(len(s.nodes))] }

func (s *history) step() {
	h := s.some()
	switch n := s.r.IntN(1000); {
	case n < 550:
		s.deliverOne()
	case n < 800:
		s.syncSome(h)
	case n < 840:
		s.report()
		for _, h := range s.nodes {
			s.tick(h)
		}
	case n < 970:
		if leader := s.leaders[s.newest]; leader != 0 && s.r.IntN(4) > 0 {
			h = s.node(leader)
		}
		if s.r.IntN(4) == 0 {
			s.visit(h)
			return
		}
		s.produce(s.producers[s.r.IntN(len(s.producers))], h)
	default:
		s.trouble(h)
	}
}

func (s *history) trouble(h *harness) {
	if h.p == nil {
		if s.r.IntN(3) == 0 {
			s.restart(h)
		}
		return
	}
	switch s.r.IntN(15) {
	case 10, 11, 12, 13:
		if to := h.p.HighWatermark(); to > 0 {
			h.p.DeleteRecords(max(0, to-kafka.Offset(s.r.IntN(20))), 0)
		}
	case 0:
		h.p.Transfer(uint64(1 + s.r.IntN(4)))
	case 1:
		s.crash(h)
		return
	case 2:
		s.cuts[[2]uint64{h.o.RaftID, s.some().o.RaftID}] = true
	case 3:
		for _, other := range s.nodes {
			s.cuts[[2]uint64{h.o.RaftID, other.o.RaftID}], s.cuts[[2]uint64{other.o.RaftID, h.o.RaftID}] = true, true
		}
	case 4, 5:
		clear(s.cuts)
	case 6:
		h.p.ForgetLeader()
		h.p.Campaign()
	case 7:
		h.p.Unreachable(uint64(1 + s.r.IntN(4)))
		h.p.SetLive(s.up())
	case 8:
		s.want(s.r.Perm(4)[:1+2*s.r.IntN(2)])
	case 9:
		if s.r.IntN(2) == 0 {
			h.p.Wake()
		}
		h.p.Checkpoint()
		h.p.Retain(h.now)
	case 14:
		s.fill()
	}
	s.take(h)
}

// fill makes some disks full, and gives others room again. Not everybody hears of it.
func (s *history) fill() {
	var full []uint64
	for id := range s.nodes {
		if s.r.IntN(3) == 0 {
			full = append(full, uint64(id+1))
		}
	}
	for _, h := range s.nodes {
		if h.p != nil && s.r.IntN(4) > 0 {
			h.p.SetFull(full)
			s.take(h)
		}
	}
}

func (s *history) want(voters []int) {
	var ids []uint64
	for _, n := range voters {
		ids = append(ids, uint64(n+1))
	}
	for _, h := range s.nodes {
		if h.p != nil {
			h.p.Want(ids, nil)
			s.take(h)
		}
	}
}

func (s *history) tick(h *harness) {
	if h.p == nil {
		return
	}
	h.now = h.now.Add(100 * time.Millisecond)
	h.p.Tick(h.now)
	s.take(h)
}

// deliverOne delivers, loses or repeats one of the messages that wait, mostly the oldest.
func (s *history) deliverOne() {
	if len(s.queue) == 0 {
		return
	}
	i := 0
	if s.r.IntN(4) == 0 {
		i = s.r.IntN(len(s.queue))
	}
	m := s.queue[i]
	fate := s.r.IntN(100)
	if fate >= 3 { // else it will come again
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	if fate >= 92 {
		if m.GetType() == pb.MsgSnap {
			s.lost = append(s.lost, m)
		}
		return
	}
	s.deliver1(m)
}

func (s *history) deliver1(m *pb.Message) {
	s.give(proto.Clone(m).(*pb.Message))
	for _, id := range []uint64{m.GetTo(), m.GetFrom()} {
		if h := s.node(id); h.p != nil {
			s.take(h)
		}
	}
}

// syncSome makes the oldest of a replica's writes durable.
func (s *history) syncSome(h *harness) {
	if h.p == nil || len(h.waiting) == 0 {
		return
	}
	n := 1 + s.r.IntN(len(h.waiting))
	writes := h.waiting[:n]
	h.waiting = h.waiting[n:]
	for _, w := range writes {
		h.write(w)
		h.p.Written(w)
	}
	s.take(h)
}

// crash leaves a beginning of what a replica has written.
func (s *history) crash(h *harness) {
	if h.p == nil {
		return
	}
	for _, w := range h.waiting[:s.r.IntN(len(h.waiting)+1)] {
		h.write(w)
	}
	h.p, h.waiting = nil, nil
	switch s.r.IntN(4) { // what can be computed again may be of long before
	case 0:
		h.stored.Checkpoint = nil
	case 1:
		h.stored.Checkpoint = h.older
	}
	for _, c := range s.producers {
		if c.at == h.o.RaftID {
			c.at = 0
		}
	}
}

func (s *history) restart(h *harness) {
	h.said = nil
	h.start()
	if h.p == nil {
		s.t.Fatalf("replica %d: %v", h.o.RaftID, h.said)
	}
	h.p.SetLive(s.up())
	s.take(h)
}

func (s *history) produce(c *client, h *harness) {
	if c.at != 0 {
		if s.r.IntN(10) > 0 {
			return
		}
		c.at = 0 // it has waited too long
	}
	if h.p == nil {
		return
	}
	b := record.Builder{Producer: &record.Producer{ID: c.id, Sequence: c.seq}}
	for i := range c.count {
		b.Add(record.Record{Timestamp: h.now.UnixMilli(), Value: fmt.Appendf(nil, "%d/%d", c.id, int(c.seq)+i)})
	}
	h.ticket++
	c.at, c.ticket = h.o.RaftID, h.ticket
	h.p.Append(h.now, build(s.t, &b), c.acks, h.ticket)
	s.take(h)
}

// visit has a producer append that does not care what becomes of it, or be forgotten.
func (s *history) visit(h *harness) {
	if h.p == nil {
		return
	}
	g := &s.guests[s.r.IntN(len(s.guests))]
	switch s.r.IntN(8) {
	case 0:
		_ = h.p.propose(consensus.Command, command(forgetProducer, int64(g.ID)))
	case 1:
		g.Epoch, g.Sequence = g.Epoch+1, 0
		fallthrough
	default:
		b := record.Builder{Producer: &record.Producer{ID: g.ID, Epoch: g.Epoch, Sequence: g.Sequence}}
		b.Add(record.Record{Timestamp: h.now.UnixMilli(), Value: []byte("guest")})
		h.p.Append(h.now, build(s.t, &b), kafka.AcksNone, 0)
		g.Sequence++
	}
	s.take(h)
}

// take takes the effects of a replica's turn and looks at everything that they show.
func (s *history) take(h *harness) {
	e := h.ready()
	if e.Stopped != nil {
		s.t.Fatalf("replica %d stopped: %v", h.o.RaftID, e.Stopped)
	}
	if e.Installed {
		s.installed++
	}
	if h.reset {
		h.reset, h.behind = false, consensus.Index(len(s.log)) // until then its state is not that of others
	}
	s.checkLog(h)
	if l := e.Leadership; l != nil && l.Leader == h.o.RaftID {
		if was := s.leaders[l.Epoch]; was != 0 && was != l.Leader {
			s.t.Fatalf("epoch %d is led by %d and by %d", l.Epoch, was, l.Leader)
		}
		s.leaders[l.Epoch] = l.Leader
	}
	if h.p.serving && h.p.Epoch() >= s.newest {
		s.newest = h.p.Epoch()
		if high := h.p.HighWatermark(); high < s.seen {
			s.t.Fatalf("replica %d leads epoch %d with high watermark %d; clients have seen %d", h.o.RaftID, s.newest, high, s.seen)
		}
		s.seen = h.p.HighWatermark()
	}
	for _, r := range e.Replies {
		for _, c := range s.producers {
			if c.at == h.o.RaftID && c.ticket == r.Ticket {
				s.answered(c, r)
			}
		}
	}
}

func (s *history) answered(c *client, r Reply) {
	c.at = 0
	switch kafka.Code(r.Err) {
	case 0:
		s.acked = append(s.acked, ack{c.id, c.seq, r.Response.(*Produced).BaseOffset})
		c.seq, c.count = c.seq.Add(int32(c.count)), 1+s.r.IntN(3)
	case kerr.NotLeaderForPartition.Code, kerr.NotEnoughReplicas.Code, kerr.NotEnoughReplicasAfterAppend.Code, kerr.KafkaStorageError.Code:
	default:
		s.t.Fatalf("producer %d, sequence %d: %v", c.id, c.seq, r.Err)
	}
}

// checkLog compares what a replica has applied with what others have.
func (s *history) checkLog(h *harness) {
	applied := h.p.state.applied
	if int(applied) > len(h.entries) {
		s.t.Fatalf("replica %d has applied entry %d, and %d are on its disk", h.o.RaftID, applied, len(h.entries))
	}
	for i := h.checked; i < int(applied); i++ {
		if i == len(s.log) {
			s.log = append(s.log, h.entries[i])
		} else if !sameOrGone(s.log[i], h.entries[i]) {
			s.t.Fatalf("entry %d of replica %d is not the one that others have applied", i+1, h.o.RaftID)
		}
	}
	h.checked = int(applied)
	if applied < h.behind {
		return
	}
	state := string(h.encoded())
	if was, ok := s.states[applied]; ok && was != state {
		s.t.Fatalf("after entry %d replica %d has another state than others had", applied, h.o.RaftID)
	}
	s.states[applied] = state
}

// settleAll ends all trouble: within some time everything is replicated everywhere, and every producer has its answer.
func (s *history) settleAll() {
	clear(s.cuts)
	s.want([]int{0, 1, 2, 3})
	for _, h := range s.nodes {
		if h.p == nil {
			s.restart(h)
		}
	}
	for _, h := range s.nodes {
		h.p.SetLive(s.up())
		h.p.SetFull(nil)
		h.p.Want([]uint64{1, 2, 3, 4}, nil)
	}
	for range 300 {
		s.report()
		for _, h := range s.nodes {
			s.tick(h)
		}
		for range 50 {
			for _, h := range s.nodes {
				s.syncSome(h)
			}
			for _, m := range s.drain() {
				s.deliver1(m)
			}
		}
		if s.settled() {
			s.check()
			s.sleepAll()
			return
		}
		for _, h := range s.nodes {
			for _, c := range s.producers {
				if h.p.serving && (c.at == 0 || c.at != h.o.RaftID) {
					c.at = 0
					s.produce(c, h)
				}
			}
		}
	}
	for _, h := range s.nodes {
		s.t.Logf("replica %d: epoch %d, leader %d, serving %v, applied %d of %d, configuration %+v", h.o.RaftID, h.p.Epoch(), h.p.replica.Leader(), h.p.serving,
			h.p.state.applied, len(h.entries), h.p.state.configuration)
	}
	s.t.Fatal("the replicas don't come together")
}

// sleepAll finds that all replicas fall asleep, and say nothing any more.
func (s *history) sleepAll() {
	for round := range 100 {
		for _, h := range s.nodes {
			s.tick(h)
			s.syncSome(h)
		}
		messages := s.drain()
		for _, m := range messages {
			s.deliver1(m)
		}
		if asleep := !slices.ContainsFunc(s.nodes, func(h *harness) bool { return !h.p.IsAsleep() }); asleep && len(messages) == 0 {
			return
		} else if round == 99 {
			s.t.Errorf("not all sleep: %v", s.drain())
		}
	}
}

func (s *history) drain() []*pb.Message {
	queue := s.queue
	s.queue = nil
	return queue
}

func (s *history) settled() bool {
	if len(s.acked) < 3 || len(s.nodes[0].p.state.configuration.All()) != 4 {
		return false
	}
	for _, h := range s.nodes {
		if h.p.state.applied != s.nodes[0].p.state.applied || int(h.p.state.applied) != len(s.log) || len(h.entries) != len(s.log) {
			return false
		}
	}
	return !slices.ContainsFunc(s.producers, func(c *client) bool { return c.at != 0 })
}

// check reads the common log.
func (s *history) check() {
	type key struct {
		producer kafka.ProducerID
		seq      kafka.Sequence
	}
	at := map[key]kafka.Offset{}
	for _, e := range s.log {
		if e.Kind != consensus.Batch {
			continue
		}
		b := record.Batch(e.Data)
		if b.ProducerID() >= firstGuest {
			continue
		}
		k := key{b.ProducerID(), b.BaseSequence()}
		if was, ok := at[k]; ok {
			s.t.Errorf("sequence %d of producer %d is at %d and at %d", k.seq, k.producer, was, b.BaseOffset())
		}
		at[k] = b.BaseOffset()
	}
	for _, a := range s.acked {
		if got, ok := at[key{a.producer, a.seq}]; !ok || got != a.base {
			s.t.Errorf("sequence %d of producer %d was acknowledged at %d and is at %d (%v)", a.seq, a.producer, a.base, got, ok)
		}
	}
	s.t.Logf("%d entries, %d epochs, %d acknowledgements, %d snapshots", len(s.log), len(s.leaders), len(s.acked), s.installed)
}
