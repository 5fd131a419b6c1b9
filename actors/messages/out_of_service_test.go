package messages_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A node knows which replicas have failed for good, of all nodes that are there, until they are in service again.
func TestReplicasOutOfService(t *testing.T) {
	fails := func(number kafka.PartitionNumber, node kafka.BrokerID) messages.Led {
		return messages.Led{Number: number, Leader: messages.Leader{Broker: node, OutOfService: true}}
	}
	serves := func(number kafka.PartitionNumber, node kafka.BrokerID) messages.Led {
		return messages.Led{Number: number, Leader: messages.Leader{Broker: node}}
	}
	leads := messages.Led{Number: 7, Leader: messages.Leader{Broker: 3, Epoch: 4, Replica: actor.NewPID("3", "replica")}}
	says := func(node kafka.BrokerID, whole bool, led ...messages.Led) func(*messages.View) *messages.View {
		return func(v *messages.View) *messages.View {
			return v.Of(time.Time{}, &messages.Leaders{Node: node, Whole: whole, Led: led})
		}
	}
	here := func(led ...messages.Led) func(*messages.View) *messages.View {
		return func(v *messages.View) *messages.View { return v.With(time.Time{}, led...) }
	}
	v := messages.NewView(metadata.NewImage()).Live(2).Live(3)
	for _, step := range []struct {
		what string
		next func(*messages.View) *messages.View
		want string
	}{
		{"one fails here", here(fails(7, 1)), "map[7:[1]]"},
		{"others elsewhere", says(3, false, fails(7, 3), fails(8, 3)), "map[7:[1 3] 8:[3]]"},
		{"it is told again", says(3, false, fails(8, 3)), "map[7:[1 3] 8:[3]]"},
		{"a leader is in service", says(3, false, leads), "map[7:[1] 8:[3]]"},
		{"what fails there leads no less than before", says(2, false, fails(7, 2)), "map[7:[1 2] 8:[3]]"},
		{"a node says all anew", says(3, true, leads), "map[7:[1 2]]"},
		{"a node is gone", func(v *messages.View) *messages.View { return v.Dead(2) }, "map[7:[1]]"},
		{"one is in service again", here(serves(7, 1)), "map[]"},
	} {
		before := fmt.Sprint(v.OutOfService())
		next := step.next(v)
		if got := fmt.Sprint(next.OutOfService()); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
		if got := fmt.Sprint(v.OutOfService()); got != before {
			t.Errorf("%s: the view of before changed from %s to %s", step.what, before, got)
		}
		for number := range next.OutOfService() {
			for _, node := range []kafka.BrokerID{1, 2, 3} {
				told := false
				for _, l := range next.FailedOn(node) {
					told = told || l.Number == number && l.Leader.Broker == node && l.Leader.OutOfService
				}
				if told != next.IsOutOfService(number, node) {
					t.Errorf("%s: that replica %d fails on node %d is told: %v", step.what, number, node, told)
				}
			}
		}
		v = next
	}
	if l, ok := v.LeaderOf(7); !ok || l.Broker != 3 {
		t.Errorf("the leader of 7 is lost: %+v", l)
	}
}
