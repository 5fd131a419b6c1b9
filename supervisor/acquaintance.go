package supervisor

import (
	"time"

	"troupe/actors/link"
	"troupe/partition/kafka"
)

// An acquaintance is what a node's membership has learned. It outlives a panic of the actor: what others have told once they don't tell again.
type acquaintance struct {
	began      time.Time
	started    bool
	missed     any // the message at which the last incarnation panicked
	cluster    string
	joining    bool
	met        map[string]*link.Met // the newest answer of each seed
	complained time.Time

	peers   map[kafka.BrokerID]string // as the network was told
	knocked map[kafka.BrokerID]string // nodes that said where they are before the metadata did
	up      map[kafka.BrokerID]*link.Up
}

func newAcquaintance(now time.Time) *acquaintance {
	return &acquaintance{
		began: now, met: map[string]*link.Met{}, peers: map[kafka.BrokerID]string{}, knocked: map[kafka.BrokerID]string{}, up: map[kafka.BrokerID]*link.Up{},
	}
}
