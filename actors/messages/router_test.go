package messages_test

import (
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// What a view knows is never taken back by a controller that has come back from a panic and knows less at first.
func TestViewNeverGoesBack(t *testing.T) {
	topic := func(name string) []partition.KeyValue {
		return []partition.KeyValue{{Key: []byte("topic/" + name), Value: []byte(`{"id":[1],"partitions":[{"number":2}]}`)}}
	}
	v := messages.NewView(metadata.NewImage())
	for _, step := range []struct {
		rows  []partition.KeyValue
		whole bool
		upto  kafka.Offset
		want  string // the topic that the view has afterwards
	}{
		{topic("a"), true, 10, "a"},
		{nil, true, 5, "a"},                    // loaded by a controller that has not seen all yet
		{topic("old"), false, 8, "a"},          // and catches up,
		{topic("old"), false, 10, "a"},         // batch by batch
		{topic("b"), false, 11, "b"},           // until there is news
		{topic("c"), true, 11, "c"},            // the whole at the same place is the same, and as good
		{[]partition.KeyValue{}, true, 12, ""}, // a later whole says what is gone
	} {
		next, err := v.After(step.rows, step.whole, step.upto)
		if err != nil {
			t.Fatal(err)
		}
		v = next
		if step.want != "" && v.Image.Topic(step.want) == nil || v.Image.Topic("old") != nil || step.want == "" && len(v.Image.Topics()) != 0 {
			t.Fatalf("after %+v the view has %d topics", step, len(v.Image.Topics()))
		}
	}
}

// Where all replicas of a partition but one were given up, who leads in an epoch of before does not lead, whatever is heard first.
func TestViewForgetsLeadersThatWereGivenUp(t *testing.T) {
	row := func(more string) []partition.KeyValue {
		return []partition.KeyValue{{Key: []byte("topic/a"), Value: []byte(`{"id":[1],"partitions":[{"number":2},{"number":3` + more + `}]}`)}}
	}
	pid := actor.NewPID("2", "replica")
	leads := func(node kafka.BrokerID, epoch kafka.LeaderEpoch) *messages.Leaders {
		l := messages.Leader{Broker: node, Epoch: epoch, Replica: pid}
		return &messages.Leaders{Node: node, Led: []messages.Led{{Number: 2, Leader: l}, {Number: 3, Leader: l}}}
	}
	v, err := messages.NewView(metadata.NewImage()).After(row(""), true, 1)
	if err != nil {
		t.Fatal(err)
	}
	v = v.Of(time.Time{}, leads(2, 7))
	given, err := v.After(row(`,"survivor":1,"since":50005`), false, 2)
	if err != nil {
		t.Fatal(err)
	}
	again := given.Of(time.Time{}, leads(3, 8))
	for what, step := range map[string]struct {
		view        *messages.View
		other, this kafka.BrokerID // who leads the other partition, and this one
	}{
		"before": {v, 2, 2}, "the others are given up": {given, 2, 0}, "one of them leads": {again, 3, 0}, "the one that went on leads": {again.Of(time.Time{}, leads(1, 100_006)), 1, 1},
	} {
		other, _ := step.view.LeaderOf(2)
		this, _ := step.view.LeaderOf(3)
		if other.Broker != step.other || this.Broker != step.this {
			t.Errorf("%s: nodes %d and %d lead, want %d and %d", what, other.Broker, this.Broker, step.other, step.this)
		}
	}
}

// Whether a node's disk is full is known as long as the node is there.
func TestViewKnowsFullDisks(t *testing.T) {
	v := messages.NewView(metadata.NewImage()).Live(2).Live(3).WithDisk(1, true)
	for _, step := range []struct {
		what string
		next func(*messages.View) *messages.View
		want []kafka.BrokerID
	}{
		{"2 says so", func(v *messages.View) *messages.View {
			return v.Of(time.Time{}, &messages.Leaders{Node: 2, DiskFull: true})
		}, []kafka.BrokerID{1, 2}},
		{"3 tells of its leaders", func(v *messages.View) *messages.View {
			return v.Of(time.Time{}, &messages.Leaders{Node: 3, Whole: true})
		}, []kafka.BrokerID{1, 2}},
		{"1 has room", func(v *messages.View) *messages.View { return v.WithDisk(1, false) }, []kafka.BrokerID{2}},
		{"2 is dead", func(v *messages.View) *messages.View { return v.Dead(2) }, nil},
		{"2 is back", func(v *messages.View) *messages.View { return v.Live(2) }, nil},
	} {
		before := slices.Clone(v.FullDisks())
		next := step.next(v)
		if got := next.FullDisks(); !slices.Equal(got, step.want) || !slices.Equal(v.FullDisks(), before) {
			t.Errorf("%s: full disks %v, want %v; before %v, and then %v", step.what, got, step.want, before, v.FullDisks())
		}
		v = next
	}
}
