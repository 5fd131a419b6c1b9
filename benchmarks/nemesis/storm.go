package nemesis

import (
	"errors"
	"slices"
	"time"

	"troupe/benchmarks/cluster"
)

// Storm is a combination of faults, in the order and at the times that chance decides. Nodes may be down, frozen and cut off at once, so that nothing is acknowledged for
// a while; one folder at most is wiped.
func Storm(last time.Duration) Fault {
	return Fault{
		Name: "storm", Doc: "faults of all kinds, one over the other", Strike: func(s *Scene) error {
			s.Victims = s.Cluster.Nodes
			wiped := false
			for end := time.Now().Add(last); time.Now().Before(end); {
				if err := s.gust(&wiped); err != nil {
					return err
				}
				time.Sleep(time.Duration(s.Chance.IntN(int(last / 6)))) // the moments are what chance decides
			}
			return nil
		}, End: func(s *Scene) error {
			s.Cluster.Mend()
			return errors.Join(thaw(s), startAll(s))
		},
	}
}

// gust does one thing.
func (s *Scene) gust(wiped *bool) error {
	n := s.Cluster.Nodes[s.Chance.IntN(len(s.Cluster.Nodes))]
	other := s.Cluster.Nodes[s.Chance.IntN(len(s.Cluster.Nodes))]
	kind := s.Chance.IntN(10)
	switch {
	case !n.Running():
		s.note("start %d", n.ID)
		return n.Start()
	case n.Frozen():
		s.note("thaw %d", n.ID)
		return n.Thaw()
	case kind < 2:
		s.note("kill %d", n.ID)
		n.Kill()
	case kind == 2 && !*wiped && s.allRun():
		s.note("wipe %d", n.ID)
		*wiped = true
		n.Kill()
		return n.Wipe()
	case kind < 5:
		s.note("freeze %d", n.ID)
		return n.Freeze()
	case kind < 7 && n != other:
		s.note("cut %d from %d", n.ID, other.ID)
		s.Cluster.Cut(n, other)
	case kind < 8:
		s.note("isolate %d", n.ID)
		s.Cluster.Isolate(n)
	default:
		s.note("mend")
		s.Cluster.Mend()
	}
	return nil
}

func (s *Scene) allRun() bool {
	return !slices.ContainsFunc(s.Cluster.Nodes, func(n *cluster.Node) bool { return !n.Running() })
}
