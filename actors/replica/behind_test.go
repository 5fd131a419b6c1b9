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
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// What stands behind a batch that was refused is appended only where the log has what it follows. A producer that is not known may not begin with it.
func TestWhatStandsBehindARefusedBatch(t *testing.T) {
	st := actors.NewStepper(1, time.UnixMilli(1_000_000))
	system := actors.NewSystem(actors.Options{Address: "1", Stepper: st, Rand: st.Rand()})
	defer st.Kill(system)
	o := Options{
		System: system, Store: logstore.NewMemory(func(sync func()) { st.AfterFunc(time.Millisecond, sync) }), Broker: 1, Directory: actor.NewPID("1", "directory"), RetainEvery: time.Hour,
		Members: &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1}, Voters: []uint64{1}},
		Partition: partition.Options{
			Number: 5, Name: kafka.TopicPartition{Topic: "orders"}, RaftID: 1, Founding: []uint64{1}, Tails: partition.NewTails(1 << 20), ElectionTicks: 12, HeartbeatTicks: 2,
			Config: partition.Config{SegmentBytes: 1 << 30, SegmentMillis: 1 << 60, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour},
		},
	}
	r := &replica{o: o, shared: &o}
	pid, err := system.Spawn(nil, kind, "replica", func() actor.Actor { return r })
	if err != nil {
		t.Fatal(err)
	}
	var heard *messages.Reply
	client, err := system.Spawn(nil, actors.Kind{Name: "client"}, "client", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Reply); ok {
				heard = m
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	until := untilOn(t, st)
	until("it leads", func() bool { return r.leads })
	for _, c := range []struct {
		sequence kafka.Sequence
		behind   bool
		err      error
	}{
		{1, true, kerr.NotLeaderForPartition},
		{0, false, nil},
		{2, true, kerr.NotLeaderForPartition}, // not OUT_OF_ORDER_SEQUENCE_NUMBER, from which not all clients recover: what is in front comes again
		{1, true, nil},
		{1, true, nil}, // it is there
		{2, true, nil},
	} {
		w := record.Builder{Producer: &record.Producer{ID: 7, Sequence: c.sequence}}
		w.Add(record.Record{Timestamp: 1})
		b, err := w.Build()
		if err != nil {
			t.Fatal(err)
		}
		heard = nil
		system.Root().Send(pid, &messages.Produce{Batch: b, Acks: kafka.AcksAll, Behind: c.behind, Reply: messages.ReplyTo{PID: client, Slot: 1}})
		until("an answer", func() bool { return heard != nil })
		if !errors.Is(heard.Err, c.err) {
			t.Errorf("sequence %d, behind a refused batch %v: %v, want %v", c.sequence, c.behind, heard.Err, c.err)
		}
		if produced, _ := heard.Value.(*messages.Produced); heard.Err == nil && produced.BaseOffset != kafka.Offset(c.sequence) {
			t.Errorf("sequence %d is at offset %d", c.sequence, produced.BaseOffset)
		}
	}
}
