package supervisor

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// A replica that can't be started is out of service, so that the node does not wait for its leader.
func TestReplicaThatCannotStart(t *testing.T) {
	st := actors.NewStepper(1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: st, Rand: st.Rand(), Policies: policies})
	settings, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{
		o:      treeOptions{Settings: settings, Store: logstore.NewMemory(func(sync func()) { sync() }), NodeID: 1},
		system: system, router: messages.NewRouter(), tails: partition.NewTails(tailBytes),
	}
	led := map[kafka.PartitionNumber]messages.Leader{}
	spawn := func(name string, receive actor.ReceiveFunc) *actor.PID {
		pid, err := system.Spawn(nil, actors.Kind{Name: name}, name, func() actor.Actor { return receive })
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	b.directory = spawn("directory", func(ctx actor.Context) {
		if m, ok := ctx.Message().(*messages.Led); ok {
			led[m.Number] = m.Leader
		}
	})
	spawn("partitions", func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); ok {
			p := &partitions{b: b, running: map[kafka.PartitionNumber]*running{}}
			o := b.replica(partition.Options{Number: 5, Name: kafka.TopicPartition{Topic: "orders"}, Config: b.machineConfig(), RaftID: 1, Founding: []uint64{1}})
			if _, err := system.Spawn(ctx, actors.Kind{Name: "squatter"}, "orders-0:5", func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) }); err != nil {
				t.Error(err)
			}
			p.start(ctx, 5, o, &messages.Members{})
		}
	})
	if !st.Run(func() bool { return led[5].OutOfService }, 1000) {
		t.Errorf("the directory was told of %+v", led)
	}
	st.Kill(system)
}
