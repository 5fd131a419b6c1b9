package replica

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// batchOf is a batch of one record.
func batchOf(t *testing.T, base kafka.Offset) record.Batch {
	t.Helper()
	w := record.Builder{}
	w.Add(record.Record{Timestamp: 1})
	b, err := w.Build()
	if err != nil {
		t.Fatal(err)
	}
	b.Stamp(base, 1)
	return b
}

// A replica of three goes on alone within its actor: it answers from then on, has what its log held, and is not disturbed by what was under way before. When it panics it
// comes back as one that is alone.
func TestGoingOnAlone(t *testing.T) {
	for seed := range uint64(20) {
		goOnAlone(t, seed)
	}
}

func goOnAlone(t *testing.T, seed uint64) {
	st := actors.NewStepper(seed, time.UnixMilli(1_000_000))
	fail := false
	system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: st, Rand: st.Rand(), Fault: func(kind, _ string, m any) {
		if _, ok := m.(*messages.Produce); ok && kind == "partition" && fail {
			fail = false
			panic("a test wants it so")
		}
	}})
	store := logstore.NewMemory(func(sync func()) { st.AfterFunc(time.Millisecond, sync) })
	store.Append(&partition.Write{
		Partition: 5, Hard: &consensus.HardState{Term: 1, Commit: 1}, Sync: true, Done: func(error) {}, Entries: []consensus.Entry{
			{Index: 1, Term: 1, Kind: consensus.Empty}, {Index: 2, Term: 1, Kind: consensus.Batch, Data: batchOf(t, 0)}, {Index: 3, Term: 1, Kind: consensus.Batch, Data: batchOf(t, 1)},
		},
	})
	replies, slot := map[uint64]*messages.Reply{}, uint64(0)
	var led *messages.Led
	restarted, tails := 0, partition.NewTails(1<<20)
	spawn := func(name string, f func(actor.Context)) *actor.PID {
		pid, err := system.Spawn(nil, actors.Kind{Name: name}, name, func() actor.Actor { return actor.ReceiveFunc(f) })
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	client := spawn("client", func(ctx actor.Context) {
		if m, ok := ctx.Message().(*messages.Reply); ok {
			replies[m.Slot] = m
		}
	})
	directory := spawn("directory", func(ctx actor.Context) {
		if m, ok := ctx.Message().(*messages.Led); ok {
			led = m
		}
	})
	var pid *actor.PID
	spawn("parent", func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			var err error
			pid, err = Spawn(ctx, Options{
				System: system, Store: store, Broker: 2, Directory: directory, RetainEvery: time.Hour, TickEvery: 50 * time.Millisecond,
				Members: &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 2: 2, 3: 3}, Voters: []uint64{2}}, Live: []kafka.BrokerID{1},
				Partition: partition.Options{
					Number: 5, Name: kafka.TopicPartition{Topic: "orders"}, RaftID: 2, Founding: []uint64{1, 2, 3}, Tails: tails, ElectionTicks: 12, HeartbeatTicks: 2,
					Config: partition.Config{SegmentBytes: 1 << 30, SegmentMillis: 1 << 60, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour},
				},
			})
			if err != nil {
				t.Error(err)
			}
		case *messages.Restarted:
			restarted++
		}
	})
	until := untilOn(t, st)
	send := func(message func(messages.ReplyTo) any) uint64 {
		slot++
		system.Root().Send(pid, message(messages.ReplyTo{PID: client, Slot: slot}))
		return slot
	}
	answer := func(slot uint64) *messages.Reply {
		t.Helper()
		until("an answer", func() bool { return replies[slot] != nil })
		return replies[slot]
	}
	survey := func() *messages.Reply {
		t.Helper()
		return answer(send(func(to messages.ReplyTo) any { return &messages.SurveyReplica{Reply: to} }))
	}
	produce := func(to messages.ReplyTo) any {
		return &messages.Produce{Batch: batchOf(t, 0), Acks: kafka.AcksAll, Reply: to}
	}
	goOn := func(there ...uint64) func(messages.ReplyTo) any {
		return func(to messages.ReplyTo) any { return &messages.RecoverReplica{There: there, Reply: to} }
	}
	until("the replica is there", func() bool { return pid != nil })
	after := func(d time.Duration) {
		t.Helper()
		end := st.Now().Add(d)
		until("time passes", func() bool { return st.Now().After(end) })
	}
	after(time.Second) // it is loaded
	if s := survey().Value.(*messages.Surveyed); s.Leader != 0 || s.HighWatermark != 0 || s.LogEnd != 2 || s.Last != 3 {
		t.Errorf("it says of itself %+v", *s)
	}
	if a := answer(send(goOn(3))); !errors.Is(a.Err, kerr.ElectionNotNeeded) {
		t.Errorf("with two of three there it answers %v, %v", a.Value, a.Err)
	}
	after(5 * time.Second) // it has asked for votes
	parked := send(produce)
	recovered, meanwhile, again := send(goOn()), send(produce), send(goOn())
	s, ok := answer(recovered).Value.(*messages.Surveyed)
	if !ok || s.HighWatermark != 2 || s.LogEnd != 2 || len(s.Voters) != 1 {
		t.Fatalf("it went on: %+v, %v", answer(recovered).Value, answer(recovered).Err)
	}
	for name, slot := range map[string]uint64{"what came before": parked, "what came while it was loaded": meanwhile, "another recovery": again} {
		if answer(slot).Err == nil {
			t.Errorf("%s is answered with %v", name, answer(slot).Value)
		}
	}
	until("it leads", func() bool { return led != nil && led.Leader.Replica != nil })
	if led.Leader.Epoch < consensus.RecoveredTerms {
		t.Errorf("it leads in epoch %d", led.Leader.Epoch)
	}
	if a := answer(send(produce)); a.Err != nil || a.Value.(*messages.Produced).BaseOffset != 2 {
		t.Fatalf("it appends: %+v, %v", a.Value, a.Err)
	}
	if a := answer(send(goOn())); !errors.Is(a.Err, kerr.ElectionNotNeeded) {
		t.Errorf("where it leads it answers %v, %v", a.Value, a.Err)
	}
	if restarted != 1 {
		t.Errorf("its parent has heard %d times that it lacks what it was told", restarted)
	}

	fail, led = true, nil
	if a := answer(send(produce)); a.Err == nil {
		t.Error("a record at which it panicked is acknowledged")
	}
	until("it leads again", func() bool { return led != nil && led.Leader.Replica != nil })
	if a := answer(send(produce)); a.Err != nil || a.Value.(*messages.Produced).BaseOffset != 3 {
		t.Errorf("after a panic it appends: %+v, %v", a.Value, a.Err)
	}
	system.Root().Stop(pid)
	until("it gives its memory back", func() bool { return tails.Used() == 0 })
}

// A replica that was given up takes no part any more, from when it hears of it on: whether that is while it runs, or when it is made of what such a replica has left. The one
// that went on, and what comes after that, are not touched.
func TestGivenUpReplica(t *testing.T) {
	const since = 50_001
	for _, test := range []struct {
		name    string
		raftID  uint64
		term    consensus.Term // of what the store holds
		givenUp bool
	}{
		{"it was given up", 2, 1, true},
		{"what a replica has left that was given up", 4, 1, true},
		{"the one that went on", 1, 1, false},
		{"what is of after it", 4, since, false},
		{"nothing yet", 4, 0, false},
	} {
		for _, while := range []string{"it runs", "it is loaded"} {
			t.Run(test.name+" while "+while, func(t *testing.T) {
				st := actors.NewStepper(1, time.UnixMilli(1_000_000))
				system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: st, Rand: st.Rand()})
				store := logstore.NewMemory(func(sync func()) { st.AfterFunc(time.Millisecond, sync) })
				if test.term > 0 {
					store.Append(&partition.Write{
						Partition: 5, Hard: &consensus.HardState{Term: test.term, Commit: 1}, Sync: true, Done: func(error) {},
						Entries: []consensus.Entry{{Index: 1, Term: test.term, Kind: consensus.Empty}},
					})
				}
				var answer *messages.Reply
				var said *messages.GivenUp
				var pid *actor.PID
				members := &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 4: 2, 5: 3}, Survivor: 1, Since: since}
				before := members
				if while == "it runs" {
					before = &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 2: 2, 3: 3}}
				}
				if _, err := system.Spawn(nil, actors.Kind{Name: "parent"}, "parent", func() actor.Actor {
					return actor.ReceiveFunc(func(ctx actor.Context) {
						switch m := ctx.Message().(type) {
						case *actor.Started:
							var err error
							if pid, err = Spawn(ctx, Options{
								System: system, Store: store, Broker: 2, Directory: ctx.Self(), RetainEvery: time.Hour, TickEvery: 50 * time.Millisecond, Members: before, Live: []kafka.BrokerID{3},
								Partition: partition.Options{
									Number: 5, Name: kafka.TopicPartition{Topic: "orders"}, RaftID: test.raftID, Founding: []uint64{1, 2, 3}, Tails: partition.NewTails(1 << 20),
									ElectionTicks: 12, HeartbeatTicks: 2,
								},
							}); err != nil {
								t.Error(err)
							}
						case *messages.Reply:
							answer = m
						case *messages.GivenUp:
							said = m
						}
					})
				}); err != nil {
					t.Fatal(err)
				}
				parent := system.Actors().NewLocalPID(actors.TopName("parent", 1))
				until := func(holds func() bool) {
					t.Helper()
					if !st.Run(holds, 20_000) {
						t.Fatal("never")
					}
				}
				after := func(d time.Duration) {
					t.Helper()
					passed := false
					st.AfterFunc(d, func() { passed = true })
					until(func() bool { return passed })
				}
				after(2 * time.Second)
				system.Root().Send(pid, members)
				after(2 * time.Second)
				system.Root().Send(pid, &messages.SurveyReplica{Reply: messages.ReplyTo{PID: parent}})
				until(func() bool { return answer != nil })
				if gone := errors.Is(answer.Err, kerr.ReplicaNotAvailable); gone != test.givenUp || !gone && answer.Err != nil {
					t.Errorf("it answers %v, %v", answer.Value, answer.Err)
				}
				if (said != nil) != test.givenUp || said != nil && (said.Number != 5 || !said.Replica.Equal(pid)) {
					t.Errorf("its parent has heard %+v", said)
				}
				if stored, err := store.Load(5); err != nil || test.givenUp && stored.Hard.Term != test.term {
					t.Errorf("its term is %d, %v", stored.Hard.Term, err)
				}
				system.Root().Stop(pid)
				after(time.Second)
			})
		}
	}
}
