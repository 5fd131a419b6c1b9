package supervisor

import (
	"time"
)

// trouble begins with the faults. The only node of a simulation crashes up to three times at a random moment, each time at a random write before that; of several
// nodes each is hit by whatever can happen to it, again and again.
func (s *simulation) trouble() {
	if s.shape.nodes == 1 {
		s.crashLater(s.nodes[0])
		return
	}
	s.st.AfterFunc(100*time.Millisecond+s.upTo(2*time.Second), func() {
		if !s.calm {
			s.strike()
			s.trouble()
		}
	})
}

// endTrouble ends the faults. A simulation of one node ends with a crash.
func (s *simulation) endTrouble() {
	s.calm = true
	if s.shape.nodes == 1 {
		s.crash(s.nodes[0])
		return
	}
	s.net.heal()
	for _, n := range s.nodes {
		n.slow, n.syncs = 0, 0
		n.thaw()
	}
}

func (s *simulation) crashLater(n *simNode) {
	n.syncs = 1 + s.chance.IntN(150)
	s.st.AfterFunc(time.Duration(5+s.chance.IntN(80))*time.Millisecond, func() {
		s.crash(n)
		if s.result.crashes < 3 && !s.calm {
			s.crashLater(n)
		}
	})
}

// crash ends a node's process, where there is one, and starts another: at once for an only node, after a while in a cluster.
func (s *simulation) crash(n *simNode) {
	if n.system == nil {
		return
	}
	n.crash()
	if s.shape.nodes == 1 {
		n.boot()
		return
	}
	s.st.AfterFunc(10*time.Millisecond+s.upTo(3*time.Second), n.boot)
}

// strike has something happen to the cluster.
func (s *simulation) strike() {
	one := s.chance.IntN(len(s.nodes))
	other := (one + 1 + s.chance.IntN(len(s.nodes)-1)) % len(s.nodes)
	n := s.nodes[one]
	switch s.chance.IntN(10) {
	case 0, 1:
		s.crash(n)
	case 2:
		n.syncs = 1 + s.chance.IntN(60)
	case 3:
		s.crash(n)
		s.crash(s.nodes[other])
	case 4:
		for _, n := range s.nodes {
			s.crash(n)
		}
	case 5:
		s.net.isolate(n, s.upTo(4*time.Second))
	case 6:
		s.net.cutOff(n, s.nodes[other], s.upTo(4*time.Second))
	case 7:
		n.freeze(s.upTo(3 * time.Second))
	case 8:
		n.slow = 1 + s.chance.IntN(50)
		s.st.AfterFunc(s.upTo(3*time.Second), func() { n.slow = 0 })
	case 9:
		s.net.breakLane(n, s.nodes[other])
	}
}

// upTo returns a random while.
func (s *simulation) upTo(most time.Duration) time.Duration {
	return time.Duration(s.chance.Int64N(int64(most)))
}
