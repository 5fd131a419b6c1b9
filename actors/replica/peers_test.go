package replica

import (
	"fmt"
	"testing"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A node that has lost its disk gets another replica. The one of before is not there any more, though its node is.
func TestReplicasOfLostDisksAreNotLive(t *testing.T) {
	p := newPeers(&Options{Broker: 1, Live: []kafka.BrokerID{2, 3}, Members: &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 2: 2, 3: 3}}})
	if got := fmt.Sprint(p.liveReplicas()); got != "[2 3]" {
		t.Error(got)
	}
	p.set(&messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 4: 2, 3: 3}})
	if got := fmt.Sprint(p.liveReplicas()); got != "[3 4]" {
		t.Error(got)
	}
	p.heard(5, 3) // before the metadata names it
	p.heard(3, 3) // what was on its way
	if got := fmt.Sprint(p.liveReplicas()); got != "[4 5]" {
		t.Error(got)
	}
	p.out = []kafka.BrokerID{3} // what failed there is what is there
	if got := fmt.Sprint(p.liveReplicas()); got != "[4]" {
		t.Error(got)
	}
	p.out = nil
	p.setLive([]kafka.BrokerID{2})
	if got := fmt.Sprint(p.liveReplicas()); got != "[4]" {
		t.Error(got)
	}
}
