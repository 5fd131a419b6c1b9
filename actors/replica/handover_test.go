package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// A puppet is the follower of a replica of two, on node 2. It says yes to everything, but keeps to itself that it has entries while it is slow.
type puppet struct {
	system *actors.System
	to     *actor.PID
	slow   bool
	has    uint64   // up to which entry
	asked  []string // what it was asked for
}

// SendUserMessage takes a message of the leader.
func (p *puppet) SendUserMessage(_ *actor.PID, message any) {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message
	}
	step, ok := message.(*messages.Step)
	if !ok {
		return
	}
	m := step.Message
	p.asked = append(p.asked, m.GetType().String())
	switch m.GetType() {
	case pb.MsgPreVote:
		p.answer(pb.MsgPreVoteResp, m.GetTerm(), 0)
	case pb.MsgVote:
		p.answer(pb.MsgVoteResp, m.GetTerm(), 0)
	case pb.MsgHeartbeat:
		p.answer(pb.MsgHeartbeatResp, m.GetTerm(), 0)
	case pb.MsgApp:
		p.has = m.GetIndex() + uint64(len(m.GetEntries()))
		if !p.slow {
			p.answer(pb.MsgAppResp, m.GetTerm(), p.has)
		}
	}
}

func (p *puppet) answer(kind pb.MessageType, term, index uint64) {
	p.system.Root().Send(p.to, &messages.Step{Partition: 5, From: 2, Message: &pb.Message{
		Type: kind.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: &term, Index: &index,
	}})
}

// SendSystemMessage does nothing.
func (p *puppet) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing.
func (p *puppet) Stop(*actor.PID) {}

// A replica whose node is about to end gives leadership away as soon as a follower can take over, though none could when it was asked to.
func TestHandOverIsTriedAgain(t *testing.T) {
	st := actors.NewStepper(1, time.UnixMilli(1_000_000))
	system := actors.NewSystem(actors.Options{Address: "1", Incarnation: 1, Stepper: st, Rand: st.Rand()})
	follower := &puppet{system: system}
	system.Actors().ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) { return follower, pid.Address == "2" })
	leads := false
	other, err := system.Spawn(nil, actors.Kind{Name: "other"}, "other", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Led); ok {
				leads = m.Leader.Replica != nil
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	follower.to, err = Spawn(nil, Options{
		System: system, Store: logstore.NewMemory(func(sync func()) { st.AfterFunc(time.Millisecond, sync) }), Broker: 1, Directory: other, RetainEvery: time.Hour, TickEvery: 50 * time.Millisecond,
		Members: &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 2: 2}}, Live: []kafka.BrokerID{2},
		Partition: partition.Options{
			Number: 5, Name: kafka.TopicPartition{Topic: "orders"}, RaftID: 1, Founding: []uint64{1, 2}, Tails: partition.NewTails(1 << 20), ElectionTicks: 12, HeartbeatTicks: 2,
			Config: partition.Config{SegmentBytes: 1 << 30, SegmentMillis: 1 << 60, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour, ReplicaLagTimeMax: time.Hour},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	until := untilOn(t, st)
	pass := func(d time.Duration) {
		t.Helper()
		end := st.Now().Add(d)
		until("time passes", func() bool { return st.Now().After(end) })
	}
	isToLead := func() bool { return slices.Contains(follower.asked, "MsgTimeoutNow") }
	until("it leads", func() bool { return leads })
	follower.slow = true
	system.Root().Send(follower.to, &messages.Produce{Batch: batchOf(t, 0), Acks: kafka.AcksAll, Reply: messages.ReplyTo{PID: other}})
	system.Root().Send(follower.to, &messages.HandOver{})
	pass(3 * time.Second)
	if isToLead() || !leads {
		t.Fatalf("the follower does not have everything; it was asked %v", follower.asked)
	}
	follower.slow = false
	pass(2 * handOverPause)
	if !isToLead() {
		t.Error("the follower has everything, and is not asked to lead")
	}
}
