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

// untilOn returns what runs a simulation until something holds.
func untilOn(t *testing.T, st *actors.Stepper) func(what string, holds func() bool) {
	return func(what string, holds func() bool) {
		t.Helper()
		if !st.Run(holds, 20_000) {
			t.Fatalf("never: %s", what)
		}
	}
}

// leading returns a simulation with the only replica of a partition, which leads.
func leading(t *testing.T) (*actors.Stepper, *replica) {
	t.Helper()
	st := actors.NewStepper(1, time.UnixMilli(1_000_000))
	system := actors.NewSystem(actors.Options{Address: "1", Stepper: st, Rand: st.Rand()})
	t.Cleanup(func() { st.Kill(system) })
	o := Options{
		System: system, Store: logstore.NewMemory(func(sync func()) { st.AfterFunc(time.Millisecond, sync) }), Broker: 1, Directory: actor.NewPID("1", "directory"), RetainEvery: time.Hour,
		Members: &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1}, Voters: []uint64{1}},
		Partition: partition.Options{
			Number: 5, Name: kafka.TopicPartition{Topic: "orders"}, RaftID: 1, Founding: []uint64{1}, Tails: partition.NewTails(1 << 20), ElectionTicks: 12, HeartbeatTicks: 2,
			Config: partition.Config{SegmentBytes: 1 << 30, SegmentMillis: 1 << 60, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour},
		},
	}
	r := &replica{o: o, shared: &o}
	if _, err := system.Spawn(nil, kind, "replica", func() actor.Actor { return r }); err != nil {
		t.Fatal(err)
	}
	untilOn(t, st)("it leads", func() bool { return r.leads })
	return st, r
}
