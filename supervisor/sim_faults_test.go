package supervisor

import (
	"time"

	"troupe/actors/messages"
)

// trouble begins with the faults. The only node of a simulation crashes up to three times at a random moment, each time at a random write before that; of several
// nodes each is hit by whatever can happen to it, again and again.
func (s *simulation) trouble() {
	if s.shape.nodes == 1 {
		s.crashLater(s.nodes[0])
		return
	}
	s.st.AfterFunc(s.upTo(s.pause), func() {
		if s.calm {
			return
		}
		if !s.isQuiet() {
			s.strike()
		}
		s.trouble()
	})
}

// endTrouble ends the faults. A simulation of one node ends with a crash.
func (s *simulation) endTrouble() {
	s.calm = true
	if s.shape.nodes == 1 {
		s.crash(s.nodes[0])
		return
	}
	s.ease()
}

// ease ends the faults that are there, but for nodes that are to start again.
func (s *simulation) ease() {
	s.net.heal()
	for _, n := range s.nodes {
		n.slow, n.syncs = 0, 0
		n.thaw()
		n.fill(false)
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
	if n.system == nil || s.calm && s.shape.nodes > 1 {
		return
	}
	n.crash()
	if s.shape.nodes == 1 {
		n.boot()
		return
	}
	s.st.AfterFunc(s.down(), n.boot)
}

// down is how long a process is not there.
func (s *simulation) down() time.Duration {
	if s.chance.IntN(2) == 0 {
		return s.upTo(3 * time.Second)
	}
	return 5*time.Millisecond + s.upTo(30*time.Millisecond)
}

// crashAll is a loss of power.
func (s *simulation) crashAll() {
	for _, n := range s.nodes {
		s.crash(n)
	}
}

// strike has something happen to the cluster.
func (s *simulation) strike() {
	one := s.chance.IntN(len(s.nodes))
	n := s.nodes[one]
	other := s.nodes[(one+1+s.chance.IntN(len(s.nodes)-1))%len(s.nodes)]
	switch s.chance.IntN(19) {
	case 0, 1, 2:
		n.syncs = 1 + s.chance.IntN(20)
	case 3:
		n.syncs, n.takesAll = 1+s.chance.IntN(20), true
	case 4:
		n.syncs, other.syncs = 1+s.chance.IntN(20), 1+s.chance.IntN(20)
	case 5:
		s.crash(n)
	case 6:
		s.crash(n)
		s.crash(other)
	case 7:
		s.crashAll()
	case 8:
		s.leave(n)
	case 9, 10:
		s.net.isolate(n, s.upTo(4*time.Second))
	case 11, 12:
		s.net.cutOff(n, other, s.upTo(4*time.Second))
	case 13:
		n.freeze(s.upTo(3 * time.Second))
	case 14:
		n.slow = 1 + s.chance.IntN(50)
		s.st.AfterFunc(s.upTo(3*time.Second), func() { n.slow = 0 })
	case 15:
		s.net.breakLane(n, other)
	case 16:
		n.fill(true)
		s.st.AfterFunc(s.upTo(3*time.Second), func() { n.fill(false) })
	case 17, 18:
		s.wipe(n)
	}
}

// leave ends a node as an operator would, who does not always wait until it has handed everything over.
func (s *simulation) leave(n *simNode) {
	if n.system == nil {
		return
	}
	life := n.lives
	n.system.Root().Send(n.tree.partitions, &messages.HandOver{})
	s.st.AfterFunc(s.upTo(time.Second), func() {
		if n.lives == life {
			s.crash(n)
		}
	})
}

// upTo returns a random while.
func (s *simulation) upTo(most time.Duration) time.Duration {
	return time.Duration(s.chance.Int64N(int64(most)))
}
