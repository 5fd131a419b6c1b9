package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"troupe/benchmarks/cluster"
)

// Storm is a combination of faults, in the order and at the times that chance decides. Nodes may be down, frozen, cut off, without room and without power at once, so that nothing
// is acknowledged for a while. What was synced stays on a majority: one folder at most is wiped, and loss of power takes only what was not synced.
func Storm(last time.Duration) Fault {
	return Fault{
		Name: "storm", Doc: "faults of all kinds, one over the other", Strike: func(s *Scene) error {
			s.Victims = s.Cluster.Nodes
			for end := time.Now().Add(last); time.Now().Before(end); {
				if err := s.blow(); err != nil {
					return err
				}
				time.Sleep(min(time.Until(end), time.Duration(s.Chance.IntN(int(last/6))))) // the moments are what chance decides
			}
			return nil
		}, End: func(s *Scene) error {
			return errors.Join(mend(s), freeAll(s), thaw(s), startAll(s))
		},
	}
}

// A gust is one thing that may happen in a storm to a node that runs, or between two nodes.
type gust struct {
	what string
	// weight is how likely it is, beside the others.
	weight int
	can    func(s *Scene, n, other *cluster.Node) bool
	blow   func(s *Scene, n, other *cluster.Node) error
}

// gusts are all there are.
func gusts() []gust {
	always := func(*Scene, *cluster.Node, *cluster.Node) bool { return true }
	hasRoom := func(_ *Scene, n, _ *cluster.Node) bool { return n.Disk != nil && !n.Disk.Filled() }
	return []gust{
		{"kill NODE", 4, always, func(_ *Scene, n, _ *cluster.Node) error {
			n.Kill()
			return nil
		}},
		{"wipe NODE", 2, func(s *Scene, _, _ *cluster.Node) bool { return !s.wiped && s.allRun() }, func(s *Scene, n, _ *cluster.Node) error {
			s.wiped = true
			n.Kill()
			return n.Wipe()
		}},
		{"freeze NODE", 4, always, func(_ *Scene, n, _ *cluster.Node) error { return n.Freeze() }},
		{"cut NODE from OTHER", 4, func(_ *Scene, n, other *cluster.Node) bool { return n != other }, func(s *Scene, n, other *cluster.Node) error { return s.Cluster.Cut(n, other) }},
		{"isolate NODE", 2, always, func(s *Scene, n, _ *cluster.Node) error { return s.Cluster.Isolate(n) }},
		{"unplug NODE", 2, func(s *Scene, _, _ *cluster.Node) bool { return s.Cluster.CanUnplug() }, func(s *Scene, n, _ *cluster.Node) error { return s.Cluster.Unplug(n) }},
		{"mend all ways", 4, always, func(s *Scene, _, _ *cluster.Node) error { return s.Cluster.Mend() }},
		{"leave little room to NODE", 2, hasRoom, func(_ *Scene, n, _ *cluster.Node) error { return n.Disk.Fill(littleRoom) }},
		{"leave no room to NODE", 2, hasRoom, func(s *Scene, n, _ *cluster.Node) error {
			s.MayEnd = append(s.MayEnd, n)
			return n.Disk.Fill(0)
		}},
		{"give room to NODE", 6, func(_ *Scene, n, _ *cluster.Node) bool { return n.Disk != nil && n.Disk.Filled() }, func(_ *Scene, n, _ *cluster.Node) error { return n.Disk.Free() }},
		{"cut the power of NODE", 2, func(_ *Scene, n, _ *cluster.Node) bool { return n.Disk != nil }, func(s *Scene, n, _ *cluster.Node) error { return losePower(s.Cluster, n) }},
		{"cut the power of all", 1, func(_ *Scene, n, _ *cluster.Node) bool { return n.Disk != nil }, func(s *Scene, _, _ *cluster.Node) error {
			return losePower(s.Cluster, s.Cluster.Nodes...)
		}},
	}
}

// blow has one thing happen: a node that does not run is started, one that is frozen goes on, and to any other one happens what can.
func (s *Scene) blow() error {
	if err := s.unexpected(); err != nil {
		return err
	}
	n := s.Cluster.Nodes[s.Chance.IntN(len(s.Cluster.Nodes))]
	other := s.Cluster.Nodes[s.Chance.IntN(len(s.Cluster.Nodes))]
	switch {
	case !n.Running():
		s.note("start %d", n.ID)
		return n.Start()
	case n.Frozen():
		s.note("thaw %d", n.ID)
		return n.Thaw()
	}
	can := slices.DeleteFunc(gusts(), func(g gust) bool { return !g.can(s, n, other) })
	all := 0
	for _, g := range can {
		all += g.weight
	}
	at := s.Chance.IntN(all)
	for _, g := range can {
		if at -= g.weight; at < 0 {
			what := strings.NewReplacer("NODE", fmt.Sprint(n.ID), "OTHER", fmt.Sprint(other.ID)).Replace(g.what)
			s.note("%s", what)
			if err := g.blow(s, n, other); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			return nil
		}
	}
	return nil
}

func (s *Scene) allRun() bool {
	return !slices.ContainsFunc(s.Cluster.Nodes, func(n *cluster.Node) bool { return !n.Running() })
}

// freeAll gives the space back on all disks.
func freeAll(s *Scene) (err error) {
	for _, n := range s.Cluster.Nodes {
		if n.Disk != nil {
			err = errors.Join(err, n.Disk.Free())
		}
	}
	return err
}
