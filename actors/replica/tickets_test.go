package replica

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// Fetches that wait for clients of a node end with the node: nobody would withdraw them. Those of others go on.
func TestFetchesOfDeadNodes(t *testing.T) {
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
	until := untilOn(t, st)
	until("it leads", func() bool { return r.leads })
	for slot, node := range []string{"1", "2", "3", "2"} {
		to := messages.ReplyTo{PID: actor.NewPID(node, "session"), Slot: uint64(slot)}
		system.Root().Send(pid, &messages.Fetch{LeaderEpoch: kafka.NoEpoch, LastFetchedEpoch: kafka.NoEpoch, MaxBytes: 1, Wait: true, Reply: to})
	}
	until("all wait", func() bool { return len(r.tickets.waiting) == 4 })
	system.Root().Send(pid, &messages.NodeDown{Node: 2})
	until("two wait", func() bool { return len(r.tickets.waiting) == 2 && len(r.tickets.open) == 2 })
	for key := range r.tickets.waiting {
		if key.address == "2" {
			t.Error("a fetch of a node that is dead waits")
		}
	}
	system.Root().Send(pid, &messages.Produce{Batch: batchOf(t, 0), Acks: kafka.AcksNone})
	until("the others are answered", func() bool { return len(r.tickets.open) == 0 })
}
