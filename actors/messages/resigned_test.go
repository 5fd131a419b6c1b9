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

// Who has stopped leading is named until somebody else leads, for a moment. Nobody is sent to it as to a leader.
func TestLastLeaderIsNamedForAMoment(t *testing.T) {
	const number kafka.PartitionNumber = 7
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	led := func(broker kafka.BrokerID, epoch kafka.LeaderEpoch) messages.Led {
		return messages.Led{Number: number, Leader: messages.Leader{Broker: broker, Epoch: epoch, Replica: actor.NewPID("1", "replica"), InSync: []kafka.BrokerID{1, 2}}}
	}
	resigns := func(broker kafka.BrokerID, epoch kafka.LeaderEpoch) messages.Led {
		return messages.Led{Number: number, Leader: messages.Leader{Broker: broker, Epoch: epoch}}
	}
	says := func(node kafka.BrokerID, l messages.Led) func(*messages.View) *messages.View {
		return func(v *messages.View) *messages.View {
			return v.Of(now, &messages.Leaders{Node: node, Led: []messages.Led{l}})
		}
	}
	here := func(l messages.Led) func(*messages.View) *messages.View {
		return func(v *messages.View) *messages.View { return v.With(now, l) }
	}
	passes := func(v *messages.View) *messages.View { return v }
	v := messages.NewView(metadata.NewImage()).Live(2).Live(3)
	for _, step := range []struct {
		what        string
		after       time.Duration
		next        func(*messages.View) *messages.View
		leads, name string // broker and epoch
	}{
		{"this node leads", 0, here(led(1, 5)), "1/5", "1/5"},
		{"and hands over", 0, here(resigns(1, 5)), "", "1/5"},
		{"to another, which leads", time.Millisecond, says(2, led(2, 6)), "2/6", "2/6"},
		{"what comes late changes nothing", 0, here(resigns(1, 5)), "2/6", "2/6"},
		{"the other hands over", 0, says(2, resigns(2, 6)), "", "2/6"},
		{"nobody takes over within a moment", messages.JustLeft + time.Millisecond, passes, "", ""},
		{"and then somebody does", 0, says(3, led(3, 8)), "3/8", "3/8"},
		{"it hands over", 0, says(3, resigns(3, 8)), "", "3/8"},
		{"and is gone", 0, func(v *messages.View) *messages.View { return v.Dead(3) }, "", ""},
		{"a leader that fails for good", 0, here(led(1, 9)), "1/9", "1/9"},
		{"is not named", 0, here(messages.Led{Number: number, Leader: messages.Leader{Broker: 1, Epoch: 9, OutOfService: true}}), "", ""},
	} {
		now = now.Add(step.after)
		v = step.next(v)
		if got := leaderString(v.LeaderOf(number)); got != step.leads {
			t.Errorf("%s: %q leads, want %q", step.what, got, step.leads)
		}
		l, ok := v.Named(number, now)
		if got := leaderString(l, ok); got != step.name {
			t.Errorf("%s: %q is named, want %q", step.what, got, step.name)
		}
		if ok && len(l.InSync) != 2 {
			t.Errorf("%s: in sync are %v", step.what, l.InSync)
		}
		if step.leads == "" && l.Replica != nil {
			t.Errorf("%s: its actor is named", step.what)
		}
	}
}

func leaderString(l messages.Leader, ok bool) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d/%d", l.Broker, l.Epoch)
}

// What a node says with each commit of the metadata, that it has it, costs as much however many leaders are known.
func TestNewsOfNobodyIsCheap(t *testing.T) {
	cost := func(leaders int) float64 {
		news := make([]messages.Led, leaders)
		for i := range news {
			news[i] = messages.Led{Number: kafka.PartitionNumber(i), Leader: messages.Leader{Broker: 1, Epoch: 1, Replica: actor.NewPID("1", "replica")}}
		}
		v := messages.NewView(metadata.NewImage()).Live(2).With(time.Time{}, news...)
		return testing.AllocsPerRun(10, func() { v.Of(time.Time{}, &messages.Leaders{Node: 2, Upto: 1}) })
	}
	if few, many := cost(1), cost(10_000); many > few {
		t.Errorf("%v allocations beside one leader, %v beside many", few, many)
	}
}
