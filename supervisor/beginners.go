package supervisor

import (
	"maps"
	"slices"
	"time"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

const (
	// beginnersMax is how many replicas may be looking for a leader at once.
	beginnersMax = 512
	// beginnerPatience is how long one is waited for that does not find any.
	beginnerPatience = time.Second
)

// Beginners are the replicas that were started and know of no leader yet. Their number is bounded: thousands of partitions that elect leaders all at once, after a topic was made or after the start of
// all nodes, ask each other over and over, and nodes are so busy with it that they take each other for dead. All nodes begin with the lowest numbers of those that may find a leader, so that the
// replicas of a partition begin together.
type beginners struct {
	since     map[kafka.PartitionNumber]time.Time
	now       time.Time
	postponed bool // there are more that could not begin
	looking   bool // it will be looked again whether they can
}

// look forgets those who have found a leader, or had their time, before others may begin.
func (b *beginners) look(view *messages.View, now time.Time) {
	if b.since == nil {
		b.since = map[kafka.PartitionNumber]time.Time{}
	}
	for number, since := range b.since {
		if _, ok := view.LeaderOf(number); ok || now.Sub(since) >= beginnerPatience {
			delete(b.since, number)
		}
	}
	b.postponed, b.now = false, now
}

// mustLookAgain tells, once, that time alone may let others begin.
func (b *beginners) mustLookAgain() bool {
	if !b.postponed || b.looking {
		return false
	}
	b.looking = true
	return true
}

// take has one begin; false where it has to wait.
func (b *beginners) take(number kafka.PartitionNumber) bool {
	if len(b.since) >= beginnersMax {
		b.postponed = true
		return false
	}
	b.since[number] = b.now
	return true
}

// mayGoOn tells whether some have to wait, and need not any more.
func (b *beginners) mayGoOn(view *messages.View) bool {
	if !b.postponed {
		return false
	}
	led := 0
	for number := range b.since {
		if _, ok := view.LeaderOf(number); ok {
			led++
		}
	}
	return led >= beginnersMax/4
}

// inOrder returns the partitions in the order in which their replicas begin. Those that may be led come first: the others would be waited for in vain.
func inOrder(wanted map[kafka.PartitionNumber]wantedPartition, mayBeLed func(*messages.Members) bool) []kafka.PartitionNumber {
	var first, last []kafka.PartitionNumber
	for _, number := range slices.Sorted(maps.Keys(wanted)) {
		if mayBeLed(wanted[number].members) {
			first = append(first, number)
		} else {
			last = append(last, number)
		}
	}
	return append(first, last...)
}

// mayBeLed tells whether most nodes of a partition's replicas are there.
func (p *partitions) mayBeLed(m *messages.Members) bool {
	there := 0
	for _, node := range m.Nodes {
		if node == p.b.o.NodeID || p.live[node] {
			there++
		}
	}
	return 2*there > len(m.Nodes)
}
