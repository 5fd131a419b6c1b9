package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A balanceBench is the actor of node 1, over a view that the test makes, and replicas and a controller that the test plays.
type balanceBench struct {
	t      *testing.T
	st     *actors.Stepper
	b      *builder
	pid    *actor.PID
	player *actor.PID
	told   []*messages.Coordinate
	moved  []time.Duration // when leaders were asked to hand over
	over   bool
}

func newBalanceBench(t *testing.T, view *messages.View, set ...string) *balanceBench {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	bench := &balanceBench{t: t, st: actors.NewStepper(1, began)}
	system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: bench.st, Rand: bench.st.Rand()})
	settings, err := config.Load(config.Sources{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	bench.b = &builder{o: treeOptions{Settings: settings, NodeID: 1}, system: system, router: messages.NewRouter()}
	bench.player, err = system.Spawn(nil, actors.Kind{Name: "player"}, "player", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *messages.Coordinate:
				bench.told = append(bench.told, m)
			case *messages.Transfer:
				bench.moved = append(bench.moved, system.Now().Sub(began))
			case string:
				bench.over = true
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	bench.set(view)
	if bench.pid, err = system.Spawn(nil, actors.Kind{Name: "balance"}, "balance", func() actor.Actor { return &balance{b: bench.b} }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bench.st.Kill(system) })
	return bench
}

// set has the view say, beside what it says, that this node leads the metadata.
func (b *balanceBench) set(view *messages.View) {
	b.b.router.Set(view.With(time.Time{}, messages.Led{
		Number: kafka.MetadataPartition, Leader: messages.Leader{Broker: 1, Epoch: 1, Replica: b.player, Coordinator: b.player},
	}))
}

func (b *balanceBench) send(message any) {
	b.b.system.Root().Send(b.pid, message)
	b.pass(0)
}

func (b *balanceBench) pass(d time.Duration) {
	b.over = false
	b.b.system.After(d, b.player, "over")
	b.st.Run(func() bool { return b.over }, 10_000)
}

// The controller is told of what is done once, and again where its answer is lost.
func TestReassignmentsAreReported(t *testing.T) {
	moving := viewOf(t, movingRow)
	b := newBalanceBench(t, ledBy(moving, 7, 2, []uint64{1, 2}, nil))
	check := func(what string, want int) {
		t.Helper()
		if len(b.told) != want {
			t.Fatalf("%s: told %d times, want %d", what, len(b.told), want)
		}
	}
	b.send(&viewChanged{})
	check("nothing is done", 0)
	b.set(ledBy(moving, 7, 2, []uint64{2, 3}, nil))
	b.send(&viewChanged{})
	check("done", 1)
	if got := fmt.Sprint(b.told[0].Body.(*metadata.ReassignmentsDone).Reached); got != "[{7 [2 3]}]" {
		t.Error(got)
	}
	b.send(&viewChanged{})
	check("not answered yet", 1)
	b.send(&messages.Reply{Slot: b.told[0].Reply.Slot})
	check("answered, and the view is the same", 1)
	b.send(&viewChanged{})
	check("the view has changed, and it is not in it", 2)
	b.set(ledBy(moving, 7, 2, []uint64{2, 3}, nil))
	b.send(&messages.Reply{Slot: b.told[1].Reply.Slot})
	check("answered, and the view has changed meanwhile", 3)
	b.pass(2*reviewEvery + time.Second)
	if len(b.told) < 4 {
		t.Error("an answer that is lost is waited for")
	}
	b.b.router.Set(ledBy(moving, 7, 2, []uint64{2, 3}, nil)) // another node leads the metadata
	told := len(b.told)
	b.send(&messages.Reply{Slot: b.told[told-1].Reply.Slot})
	b.send(&viewChanged{})
	check("this node does not lead the metadata", told)
}

// Leaders hand over to the preferred ones ten a second at most, after the time that is set, where that is on.
func TestLeadersMoveSlowly(t *testing.T) {
	rows := ""
	for i := range 25 {
		rows += fmt.Sprintf(`,{"number":%d,"replicas":[{"broker":2,"raft":1},{"broker":1,"raft":2}]}`, 10+i)
	}
	for _, test := range []struct {
		set  []string
		want string // how many by the second after the start
	}{
		{nil, "map[300:10 301:10 302:5]"},
		{[]string{"leader.imbalance.check.interval.seconds=30"}, "map[30:10 31:10 32:5]"},
		{[]string{"auto.leader.rebalance.enable=false"}, "map[]"},
	} {
		b := newBalanceBench(t, messages.NewView(viewOf(t, rows[1:]).Image), test.set...)
		view := viewOf(t, rows[1:])
		for i := range 25 {
			view = view.With(time.Time{}, messages.Led{Number: kafka.PartitionNumber(10 + i), Leader: messages.Leader{
				Broker: 1, Epoch: 1, Replica: b.player, Voters: []uint64{1, 2}, InSync: []kafka.BrokerID{1, 2},
			}})
		}
		b.set(view)
		wait := 310 * time.Second
		if len(test.set) > 0 {
			wait = 40 * time.Second
		}
		b.pass(wait)
		got := map[int]int{}
		for _, at := range b.moved {
			got[int(at/time.Second)]++
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%q: %v, want %s", test.set, got, test.want)
		}
	}
}
