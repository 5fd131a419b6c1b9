package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
)

// viewOf is the view of node 1 of a cluster of brokers 1, 2, 3 (not there) and 4 (fenced), with topic t, whose partitions have the given rows.
func viewOf(t *testing.T, partitions string) *messages.View {
	t.Helper()
	row := func(key, value string) partition.KeyValue {
		return partition.KeyValue{Key: []byte(key), Value: []byte(value)}
	}
	view, err := messages.NewRouter().View().After([]partition.KeyValue{
		row("broker/1", `{"store":"a"}`), row("broker/2", `{"store":"b"}`), row("broker/3", `{"store":"c"}`), row("broker/4", `{"store":"d","fenced":true}`),
		row("topic/t", `{"partitions":[`+partitions+`]}`),
	}, true, 1)
	if err != nil {
		t.Fatal(err)
	}
	return view.Live(2).Live(4)
}

func ledBy(view *messages.View, number kafka.PartitionNumber, broker kafka.BrokerID, voters, learners []uint64, inSync ...kafka.BrokerID) *messages.View {
	return view.With(time.Time{}, messages.Led{Number: number, Leader: messages.Leader{
		Broker: broker, Epoch: 1, Replica: actor.NewPID(fmt.Sprint(broker), "r"), Voters: voters, Learners: learners, Settled: true, InSync: inSync,
	}})
}

// A partition moves from brokers 1 and 2 (raft ids 1 and 2) to 2 and 3 (2 and 3); broker 4 has a replica that leaves (4).
const movingRow = `{"number":7,"replicas":[{"broker":3,"raft":3},{"broker":2,"raft":2},{"broker":1,"raft":1}],"adding":[3],"removing":[1],"leaving":[{"broker":4,"raft":4}]}`

func TestReached(t *testing.T) {
	for _, test := range []struct {
		name             string
		voters, learners []uint64
		want             string
	}{
		{"not begun", []uint64{1, 2}, nil, "[]"},
		{"followed", []uint64{1, 2}, []uint64{3}, "[]"},
		{"while voters are replaced", []uint64{1, 2, 3}, nil, "[]"},
		{"a learner is left", []uint64{2, 3}, []uint64{1}, "[]"},
		{"reached", []uint64{2, 3}, nil, "[{7 [2 3]}]"},
	} {
		if got := fmt.Sprint(reached(ledBy(viewOf(t, movingRow), 7, 2, test.voters, test.learners), 10)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := reached(viewOf(t, movingRow), 10); len(got) != 0 {
		t.Errorf("without a leader: %v", got)
	}
	unsettled := messages.Leader{Broker: 2, Epoch: 1, Replica: actor.NewPID("2", "r"), Voters: []uint64{2, 3}}
	if got := reached(viewOf(t, movingRow).With(time.Time{}, messages.Led{Number: 7, Leader: unsettled}), 10); len(got) != 0 {
		t.Errorf("a configuration that may not stand: %v", got)
	}
	view := ledBy(ledBy(viewOf(t, `{"number":6,"replicas":[{"broker":2,"raft":2},{"broker":1,"raft":1}],"removing":[1]},{"number":8,"replicas":[{"broker":2,"raft":2}]},`+movingRow),
		6, 2, []uint64{2}, nil), 8, 2, []uint64{2}, nil)
	view = ledBy(view, 7, 2, []uint64{2, 3}, nil)
	if got := fmt.Sprint(reached(view, 10), reached(view, 1)); got != "[{6 [2]} {7 [2 3]}] [{6 [2]}]" {
		t.Errorf("several: %s", got)
	}
}

// Data goes only where neither the metadata nor the partition's leader counts on it.
func TestDispensable(t *testing.T) {
	for _, test := range []struct {
		name string
		view *messages.View
		want bool
	}{
		{"nobody is known to lead", viewOf(t, movingRow), false},
		{"the leader counts on those of the row", ledBy(viewOf(t, movingRow), 7, 2, []uint64{1, 2}, []uint64{4}), true},
		{"a voter that the row does not have", ledBy(viewOf(t, movingRow), 7, 2, []uint64{1, 2, 9}, nil), false},
		{"a learner that the row does not have", ledBy(viewOf(t, movingRow), 7, 2, []uint64{1, 2}, []uint64{9}), false},
		{"a configuration that may not stand", viewOf(t, movingRow).With(time.Time{}, messages.Led{Number: 7, Leader: messages.Leader{
			Broker: 2, Epoch: 1, Replica: actor.NewPID("2", "r"), Voters: []uint64{1, 2}}}), false},
		{"the partition is gone", viewOf(t, ``), true},
	} {
		if got := isDispensable(test.view, 7); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestMembersOf(t *testing.T) {
	view := viewOf(t, movingRow)
	m := membersOf(view.Image.Partition(kafka.TopicPartition{Topic: "t"}))
	if got := fmt.Sprint(m.Nodes, m.Voters, m.Learners); got != "map[1:1 2:2 3:3 4:4] [2 3] []" {
		t.Error(got)
	}
	for broker, want := range map[kafka.BrokerID]uint64{1: 1, 2: 2, 3: 3, 4: 4, 5: 0} {
		if got := partitionsOf(view.Image, broker)[7].raftID; got != want {
			t.Errorf("broker %d has replica %d, want %d", broker, got, want)
		}
	}
}

// Leadership goes only to preferred leaders that are in sync, there and not fenced.
func TestImbalanced(t *testing.T) {
	row := func(number int, brokers ...int) string {
		replicas := ""
		for i, b := range brokers {
			replicas += fmt.Sprintf(`,{"broker":%d,"raft":%d}`, b, i+1)
		}
		return fmt.Sprintf(`{"number":%d,"replicas":[%s]}`, number, replicas[1:])
	}
	all := []uint64{1, 2, 3}
	view := viewOf(t, row(1, 2, 1, 3)+","+row(2, 1, 2, 3)+","+row(3, 3, 1, 2)+","+row(4, 4, 1, 2)+","+row(5, 2, 1, 3)+","+row(6, 2, 1, 3)+","+row(7, 2, 1, 3)+","+row(8, 1, 2, 3))
	view = ledBy(view, 1, 1, all, nil, 1, 2)                    // it could
	view = ledBy(view, 2, 1, all, nil, 1, 2)                    // it does
	view = ledBy(view, 3, 1, all, nil, 1, 2, 3)                 // it is not there
	view = ledBy(view, 4, 1, all, nil, 1, 2, 4)                 // it is fenced
	view = ledBy(view, 5, 1, all, nil, 1)                       // it is not in sync
	view = ledBy(view, 6, 1, []uint64{2, 3}, []uint64{1}, 1, 2) // it has no vote
	view = ledBy(view, 8, 2, all, nil, 1, 2)                    // this node could, and 7 has no leader
	if got := fmt.Sprint(imbalanced(view, 1)); got != "[1 8]" {
		t.Error(got)
	}
}
