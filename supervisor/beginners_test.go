package supervisor

import (
	"testing"
	"time"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// No more replicas than are allowed look for a leader at once. Others may begin when many have found one, or had their time.
func TestBeginners(t *testing.T) {
	router := messages.NewRouter()
	b, now := &beginners{}, time.Unix(0, 0)
	next := kafka.PartitionNumber(1)
	begin := func() (n int) {
		b.look(router.View(), now)
		for ; b.take(next); next++ {
			n++
		}
		return n
	}
	if n := begin(); n != beginnersMax {
		t.Fatalf("%d begin at first", n)
	}
	if !b.mustLookAgain() || b.mustLookAgain() {
		t.Error("it is not looked again once")
	}
	if n := begin(); n != 0 || b.mayGoOn(router.View()) {
		t.Errorf("%d begin while no leader is known", n)
	}
	var led []messages.Led
	for number := range kafka.PartitionNumber(beginnersMax / 4) {
		led = append(led, messages.Led{Number: number + 1, Leader: messages.Leader{Broker: 2, Replica: actors.At("2", "leader")}})
	}
	router.Set(router.View().Of(now, &messages.Leaders{Node: 2, Led: led}))
	if !b.mayGoOn(router.View()) {
		t.Error("nobody may begin though many have found a leader")
	}
	if n := begin(); n != beginnersMax/4 {
		t.Errorf("%d begin after %d have found a leader", n, beginnersMax/4)
	}
	now = now.Add(beginnerPatience)
	if n := begin(); n != beginnersMax {
		t.Errorf("%d begin when the others have had their time", n)
	}
}
