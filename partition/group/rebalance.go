package group

import (
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rebalanceOrComplete begins a rebalance or, where one is under way, looks whether it can go on.
func (g *Group) rebalanceOrComplete() {
	switch g.state {
	case stable, completingRebalance:
		g.prepareRebalance()
	case empty:
		if len(g.members) > 0 {
			g.prepareRebalance()
		}
	case preparingRebalance:
		g.maybeCompleteJoin()
	}
}

func (g *Group) prepareRebalance() {
	if g.state == completingRebalance {
		for _, m := range g.inOrder() {
			m.assignment = nil
			if m.sync != 0 { // its session may have passed while it waited, which was no fault of its own
				g.endSync(m, failedSync(m.syncVersion, kerr.RebalanceInProgress))
				g.heard(m)
			}
		}
	}
	g.syncBy = time.Time{}
	clear(g.unsynced)
	g.initial = g.state == empty
	g.enter(preparingRebalance)
	if g.initial { // a new group: more members are likely to come
		g.initialWait = g.o.InitialRebalanceDelay
		g.initialLeft = max(0, g.rebalanceTimeout()-g.initialWait)
		g.memberAdded = false
		g.joinBy = g.now.Add(g.initialWait)
		return
	}
	if g.allJoined() {
		g.completeJoin()
		return
	}
	g.joinBy = g.now.Add(g.rebalanceTimeout())
}

// rebalanceTimeout is the longest that any member wants.
func (g *Group) rebalanceTimeout() (longest time.Duration) {
	for m := range maps.Values(g.members) {
		longest = max(longest, m.rebalanceTimeout)
	}
	return longest
}

func (g *Group) allJoined() bool {
	for _, m := range g.members {
		if m.join == 0 {
			return false
		}
	}
	return len(g.pending) == 0
}

func (g *Group) maybeCompleteJoin() {
	if g.state == preparingRebalance && !g.initial && g.allJoined() {
		g.completeJoin()
	}
}

// joinTimeIsUp ends the wait for members, or extends the first wait of a group to which members were added meanwhile.
func (g *Group) joinTimeIsUp() {
	if g.initial && g.memberAdded && g.initialLeft > 0 {
		g.memberAdded = false
		wait := min(g.o.InitialRebalanceDelay, g.initialLeft)
		g.initialLeft = max(0, g.initialLeft-g.initialWait)
		g.initialWait = wait
		g.joinBy = g.now.Add(wait)
		return
	}
	g.completeJoin()
}

// completeJoin begins the next generation with those that have joined.
func (g *Group) completeJoin() {
	g.joinBy, g.initial = time.Time{}, false
	for _, m := range g.inOrder() {
		if m.join == 0 && m.instance == nil { // a static member stays until its session times out
			g.remove(m)
		}
	}
	if !g.electJoined() {
		if len(g.members) > 0 { // nobody has joined; sessions time out, or somebody comes
			g.joinBy = g.now.Add(g.rebalanceTimeout())
			return
		}
		g.generation++
		g.protocol = ""
		g.enter(empty)
		g.writeGroup()
		return
	}
	g.generation++
	g.protocol = g.choose()
	g.enter(completingRebalance)
	g.syncBy = g.now.Add(g.rebalanceTimeout())
	clear(g.unsynced)
	for _, m := range g.inOrder() {
		g.endJoin(m, g.joinedResponse(m, m.joinVersion, m.id == g.leader))
		m.new = false
		g.heard(m)
		g.unsynced[m.id] = true
	}
}

// electJoined makes sure that the leader is one that has joined; false where nobody has.
func (g *Group) electJoined() bool {
	if m := g.members[g.leader]; m != nil && m.join != 0 {
		return true
	}
	for _, m := range g.inOrder() {
		if m.join != 0 {
			g.leader = m.id
			return true
		}
	}
	return false
}

// syncTimeIsUp removes members that have joined and never synced.
func (g *Group) syncTimeIsUp() {
	g.syncBy = time.Time{}
	removed := false
	for _, m := range g.inOrder() {
		if g.unsynced[m.id] {
			g.remove(m)
			removed = true
		}
	}
	if removed {
		g.rebalanceOrComplete()
	}
}
