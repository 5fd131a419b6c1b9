package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// Who asks what a replica knows that has to wait is told to ask again, on this node as on others: one that does not answer counts as gone when a partition is recovered. It is asked
// itself once it has begun.
func TestReplicasThatWaitAreNotGone(t *testing.T) {
	const all = beginnersMax + 1
	rows := make([]string, all)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"number":%d,"replicas":[{"broker":1,"raft":1},{"broker":2,"raft":2}]}`, i+1)
	}
	st, p, parent := startPartitions(t, strings.Join(rows, ","))
	system := p.b.system
	var answer *messages.Reply
	asker := spawn(t, system, "asker", actor.ReceiveFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*messages.Reply); ok {
			answer = m
		}
	}))
	ask := func(to *actor.PID, message any) *messages.Reply {
		t.Helper()
		answer = nil
		system.Root().Send(to, message)
		if !st.Run(func() bool { return answer != nil }, 100_000) {
			t.Fatalf("%T is not answered", message)
		}
		return answer
	}
	survey := func(number kafka.PartitionNumber) *messages.Reply {
		return ask(actors.At("1", messages.ReplicaName(number)), &messages.SurveyReplica{Reply: messages.ReplyTo{PID: asker}})
	}
	held := func() (numbers []kafka.PartitionNumber) {
		for _, r := range ask(parent, &listReplicas{messages.ReplyTo{PID: asker}}).Value.(*heldReplicas).replicas {
			numbers = append(numbers, r.number)
		}
		return numbers
	}
	if numbers := held(); len(numbers) != all || !slices.IsSorted(numbers) {
		t.Errorf("%d replicas are held: %v", len(numbers), numbers)
	}
	if err := survey(all).Err; !errors.Is(err, kerr.CoordinatorLoadInProgress) {
		t.Errorf("one that waits answers with %v", err)
	}
	if err := ask(actors.At("1", messages.ReplicaName(all)), &messages.Fetch{Reply: messages.ReplyTo{PID: asker}}).Err; !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("who wants to read from it is answered with %v", err)
	}
	if !st.Run(func() bool { return p.running[all] != nil && len(p.waiting) == 0 }, 1_000_000) {
		t.Fatal("it does not begin")
	}
	begun := st.Now()
	st.Run(func() bool { return st.Now().Sub(begun) > time.Second }, 1_000_000) // it is loaded
	if a := survey(all); a.Err != nil {
		t.Errorf("one that has begun answers with %v", a.Err)
	}
	if numbers := held(); len(numbers) != all {
		t.Errorf("%d replicas are held in the end", len(numbers))
	}
}

// startPartitions starts the parent of node 1's replicas, with the view of viewOf, and nothing else.
func startPartitions(t *testing.T, rows string) (*actors.Stepper, *partitions, *actor.PID) {
	t.Helper()
	st := actors.NewStepper(1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	system := actors.NewSystem(actors.Options{Address: "1", Incarnation: 1, Stepper: st, Rand: st.Rand(), Policies: policies})
	t.Cleanup(func() { st.Kill(system) })
	settings, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{
		o:      treeOptions{Settings: settings, Store: logstore.NewMemory(func(sync func()) { sync() }), NodeID: 1, StoreID: "a"},
		system: system, router: messages.NewRouter(), tails: partition.NewTails(tailBytes),
	}
	b.lags = &lags{router: b.router, self: 1, offsets: map[kafka.PartitionNumber]map[lagKey]committed{}}
	view := *viewOf(t, rows)
	view.Complete = true
	b.router.Set(&view)
	nobody := spawn(t, system, "nobody", actor.ReceiveFunc(func(actor.Context) {}))
	b.directory, b.membership, b.node = nobody, nobody, nobody
	p := &partitions{b: b}
	return st, p, spawn(t, system, "partitions", p)
}

func spawn(t *testing.T, system *actors.System, name string, a actor.Actor) *actor.PID {
	t.Helper()
	pid, err := system.Spawn(nil, actors.Kind{Name: name}, name, func() actor.Actor { return a })
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// The names of replicas that wait are given back when these are not wanted any more.
func TestNamesOfReplicasThatWait(t *testing.T) {
	st := actors.NewStepper(1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	system := actors.NewSystem(actors.Options{Address: "1", Incarnation: 1, Stepper: st, Rand: st.Rand()})
	defer st.Kill(system)
	p := &partitions{b: &builder{system: system}, substitute: actor.NewPID("1", "substitute"), running: map[kafka.PartitionNumber]*running{}}
	known := func(number kafka.PartitionNumber) bool {
		_, ok := system.Actors().ProcessRegistry.GetLocal(messages.ReplicaName(number))
		return ok
	}
	p.wait(map[kafka.PartitionNumber]*messages.Members{5: {}, 6: {}})
	if !known(5) || !known(6) {
		t.Error("nobody answers for replicas that wait")
	}
	p.wait(map[kafka.PartitionNumber]*messages.Members{6: {}})
	if known(5) || !known(6) {
		t.Error("5 does not wait any more, and 6 does")
	}
	p.wait(nil)
	if known(6) {
		t.Error("somebody answers for a replica that is not there")
	}
}

// Partitions that can't be led now don't keep others waiting.
func TestOrderOfBeginners(t *testing.T) {
	p := &partitions{b: &builder{o: treeOptions{NodeID: 1}}, live: map[kafka.BrokerID]bool{2: true}}
	on := func(nodes ...kafka.BrokerID) wantedPartition {
		m := &messages.Members{Nodes: map[uint64]kafka.BrokerID{}}
		for i, node := range nodes {
			m.Nodes[uint64(i+1)] = node
		}
		return wantedPartition{members: m}
	}
	wanted := map[kafka.PartitionNumber]wantedPartition{4: on(1, 3), 5: on(1, 3, 4), 6: on(1, 2, 3), 7: on(1), 8: on(1, 2, 3, 4), 9: on(1, 2)}
	if got := fmt.Sprint(inOrder(wanted, p.mayBeLed)); got != "[6 7 9 4 5 8]" {
		t.Errorf("they begin in the order %s", got)
	}
}
