package supervisor

import (
	"slices"
	"testing"
	"time"

	"troupe/partition/kafka"
)

// TestSimulatedSeveredLink is TestSimulatedCluster with a fourth node, which does not vote on the metadata, and where the link between the controller and that node is cut for long.
//
// SIM_SEEDS says how many seeds (5), and SIM_SEED runs a single one.
func TestSimulatedSeveredLink(t *testing.T) {
	simulateSeeds(t, 5, simShape{
		nodes: 4, topics: []simSpec{{name: "orders", partitions: 2, minInSync: 2}, {name: "clicks", partitions: 2, minInSync: 1}},
		records: 400, lasts: 57 * time.Second, stepsMax: 5_000_000, twice: 10, panics: 20_000, severed: 1, enough: 30,
	})
}

// A simSevered is a cut of one link, between the controller and another node, which both have to do with the others as before. It lasts longer than it takes until the controller fences the
// other node, where that does not vote and so can't have another node be the controller; and nothing else happens meanwhile. Clients come anew, twice, and know of the other nodes only; where
// they are told of the one that is cut off, they go there as well. In the end nobody who writes is kept from it, and when the link is there again everything is as before.
type simSevered struct {
	s     *simulation
	began time.Time // when it was to begin, or else to end
	from  *simNode  // the controller
	node  *simNode
}

const (
	// simFencedAfter is when the node is fenced, and all have heard of it.
	simFencedAfter = fenceAfter + 1500*time.Millisecond
	// simStuckMax is how long a producer may be kept from writing.
	simStuckMax = 3 * time.Second
	// simQuietMax is how long it may take until everybody is in sync, without faults.
	simQuietMax = 10 * time.Second
)

// severLater has the link be cut at some time in the first part of the simulation.
func (s *simulation) severLater() {
	s.st.AfterFunc(5*time.Second+s.upTo(10*time.Second), func() {
		x := &simSevered{s: s, began: s.st.Now()}
		s.severed = x
		s.ease()
		x.prepare()
	})
}

// isQuiet tells whether nothing must happen, since a link is cut, or is about to be.
func (s *simulation) isQuiet() bool { return s.severed != nil }

// prepare waits until everybody is in sync. Where that takes too long, no link is cut.
func (x *simSevered) prepare() {
	controller, voters := x.s.voters()
	switch {
	case x.s.calm || x.s.st.Now().Sub(x.began) > simQuietMax:
		x.s.severed = nil
	case controller == nil || !x.s.checks.replaced():
		x.s.st.AfterFunc(100*time.Millisecond, x.prepare)
	default:
		x.cut(controller, voters)
	}
}

func (x *simSevered) cut(controller *simNode, voters []kafka.BrokerID) {
	s := x.s
	others := slices.DeleteFunc(slices.Clone(s.nodes), func(n *simNode) bool { return n == controller })
	x.from, x.node = controller, others[s.chance.IntN(len(others))]
	for _, n := range others {
		if !slices.Contains(voters, n.id) {
			x.node = n
		}
	}
	lasts := 16*time.Second + s.upTo(4*time.Second)
	s.net.cutOff(x.from, x.node, lasts)
	s.net.cutOff(x.node, x.from, lasts)
	s.result.severed++
	known := slices.DeleteFunc(slices.Clone(s.nodes), func(n *simNode) bool { return n == x.node })
	for _, c := range s.clients {
		c.seeds = known
	}
	x.turnAway()
	s.st.AfterFunc(simFencedAfter, x.turnAway)
	s.st.AfterFunc(lasts, x.end)
}

// turnAway breaks the connections with the node that is cut off.
func (x *simSevered) turnAway() {
	for _, c := range x.s.clients {
		if c.node == x.node {
			c.leave()
		}
	}
}

// end is called as the link is there again.
func (x *simSevered) end() {
	for _, p := range x.s.producers {
		if d := p.stuck(); d > simStuckMax && p.topic.minInSync < x.s.shape.replicas() && !x.s.calm {
			x.s.errorf("%v: nothing was acknowledged for %v, while only the link between node %d, the controller, and node %d was cut", p, d, x.from.id, x.node.id)
		}
	}
	for _, c := range x.s.clients {
		c.seeds = x.s.nodes
	}
	x.began = x.s.st.Now()
	x.mend()
}

func (x *simSevered) mend() {
	switch {
	case x.s.calm || x.s.checks.replaced():
		x.s.severed = nil
	case x.s.st.Now().Sub(x.began) > simQuietMax:
		x.s.errorf("%v after the link between nodes is there again not everybody is in sync", simQuietMax)
	default:
		x.s.st.AfterFunc(100*time.Millisecond, x.mend)
	}
}

// stuck is how long a producer has had something to write, and nothing was acknowledged.
func (p *simProducer) stuck() time.Duration {
	first := p.next
	if len(p.batches) > 0 {
		first = p.batches[0].first
	}
	if first == p.s.shape.records {
		return 0
	}
	since := p.s.began.Add(p.dueAfter(first))
	if p.heardAt.After(since) {
		since = p.heardAt
	}
	return p.s.st.Now().Sub(since)
}
