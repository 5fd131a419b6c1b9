package supervisor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/coordinator"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// The same ones are shown each time, in whichever order they come.
func TestFirstLags(t *testing.T) {
	for count := range 12 {
		var all []groupLag
		for i := range count {
			all = append(all, groupLag{lagKey{fmt.Sprint("group-", i/3), kafka.TopicPartition{Topic: "orders", Partition: int32(i % 3)}}, int64(i)})
		}
		want := slices.Clone(all[:min(3, count)])
		for seed := range uint64(20) {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(count, func(i, j int) { all[i], all[j] = all[j], all[i] })
			f := firstLags{most: 3}
			for _, g := range all {
				f.add(g)
			}
			if got := f.sorted(); !slices.Equal(got, want) || f.left != count-len(want) {
				t.Fatalf("of %d in the order %v: %v and %d left out", count, all, got, f.left)
			}
		}
	}
}

// A lag is shown by the node that leads the partition, if it knows the group; one that no node can show is counted once.
func TestLagsOfManyNodes(t *testing.T) {
	const groups = 7 // the number of the groups' partition
	view := viewOf(t, `{"number":7,"replicas":[{"broker":1,"raft":1},{"broker":2,"raft":2}]},
		{"number":8,"replicas":[{"broker":1,"raft":1}]},{"number":9,"replicas":[{"broker":2,"raft":1}]},{"number":10,"replicas":[{"broker":3,"raft":1}]},{"number":11,"replicas":[{"broker":3,"raft":1}]}`)
	view = ledBy(ledBy(ledBy(view, groups, 1, []uint64{1, 2}, nil), 9, 2, []uint64{1}, nil), 10, 3, []uint64{1}, nil)
	end := new(atomic.Int64)
	end.Store(50)
	view = view.With(time.Time{}, messages.Led{Number: 8, Leader: messages.Leader{Broker: 1, Epoch: 1, Replica: actor.NewPID("1", "r"), HighWatermark: end}})
	offsets := map[lagKey]committed{}
	for i := range int32(5) { // also of partition 11, which nobody leads
		offsets[lagKey{"g", kafka.TopicPartition{Topic: "t", Partition: i}}] = committed{at: 20}
	}
	for node, nowhere := range map[kafka.BrokerID]int{1: 1, 2: 0} {
		l := &lags{self: node, offsets: map[kafka.PartitionNumber]map[lagKey]committed{groups: offsets}}
		shown := map[lagKey]int64{}
		if got := l.each(view, func(k lagKey, lag int64) { shown[k] = lag }); got != nowhere {
			t.Errorf("node %d counts %d lags that no node shows, want %d", node, got, nowhere)
		}
		if want := (lagKey{"g", kafka.TopicPartition{Topic: "t", Partition: 1}}); len(shown) != 1 || shown[want] != 30 {
			t.Errorf("node %d shows %v", node, shown)
		}
	}
}

// What groups have committed on a partition is forgotten when its replica goes, or fails for good: nothing more of it is heard.
func TestLagsGoWithReplica(t *testing.T) {
	row := `{"number":1,"replicas":[{"broker":1,"raft":1}]},{"number":2,"replicas":[{"broker":1,"raft":1}]}`
	st, p, parent := startPartitions(t, row)
	if !st.Run(func() bool { return len(p.running) == 2 }, 100_000) {
		t.Fatal("the replicas don't run")
	}
	p.b.lags.note(1, coordinator.Committed{Whole: true})
	p.b.lags.note(2, coordinator.Committed{Whole: true})
	p.b.system.Root().Send(parent, &actor.Terminated{Who: p.running[1].pid})
	if !st.Run(func() bool { return p.running[1].ended }, 100_000) || len(p.b.lags.offsets) != 1 {
		t.Errorf("of a replica that has failed these are left beside the other's: %v", p.b.lags.offsets)
	}
	view := *viewOf(t, "")
	view.Complete = true
	p.b.router.Set(&view)
	p.b.system.Root().Send(parent, &reconcile{})
	if !st.Run(func() bool { return len(p.b.lags.offsets) == 0 }, 100_000) {
		t.Errorf("of a replica that has gone these are left: %v", p.b.lags.offsets)
	}
}
