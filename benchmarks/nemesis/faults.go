package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"troupe/benchmarks/cluster"
)

// A Fault is something that goes wrong for a while.
type Fault struct {
	Name string
	Doc  string
	// Disks says that nodes must have disks of their own, and Cables that they must have networks of their own.
	Disks, Cables bool
	// Hold is how long the fault lasts, at most half as long again.
	Hold time.Duration
	// Led and Others are how long nothing may be acknowledged, on partitions that victims lead and on all others; 0 where nobody has said.
	Led, Others time.Duration
	// Strike has it happen, and End has it be over. Both return when that is done.
	Strike, End func(s *Scene) error
}

// A Scene is what a Fault happens to.
type Scene struct {
	Cluster *cluster.Cluster
	Chance  *rand.Rand
	// Leaders are who led the partitions of the workload's topic when the fault struck, by partition.
	Leaders []int32
	// Victims are the nodes to which it happens; a fault that strikes names them.
	Victims []*cluster.Node
	// Minority are the nodes that run and reach no majority, while the fault holds.
	Minority []*cluster.Node
	// MayEnd are the nodes that may end by themselves. They are started again once the fault is over, as whoever watches over them would.
	MayEnd []*cluster.Node

	wiped bool               // a folder, in a storm
	ctx   context.Context    // of the turn
	stop  context.CancelFunc // ends what the fault has going on
	note  func(format string, args ...any)
}

// Faults returns all faults that can be had, each in the order of how much it breaks.
func Faults() []Fault {
	return []Fault{
		{Name: "kill", Doc: "kill -9 of the node that leads most", Hold: 1500 * time.Millisecond, Led: time.Second, Others: 200 * time.Millisecond, Strike: kill(1), End: startAll},
		{Name: "interrupt", Doc: "Ctrl+C on one node, and a start", Hold: 500 * time.Millisecond, Led: 300 * time.Millisecond, Others: 300 * time.Millisecond, Strike: interrupt, End: startAll},
		{Name: "rolling", Doc: "Ctrl+C on one node after another, and a start", Led: 300 * time.Millisecond, Strike: roll, End: startAll},
		{Name: "freeze", Doc: "SIGSTOP of the node that leads most", Hold: 3 * time.Second, Led: 2500 * time.Millisecond, Strike: freeze, End: thaw},
		{Name: "isolate", Doc: "one node is cut off from the others", Hold: 3 * time.Second, Strike: isolate, End: mend},
		{Name: "mute", Doc: "what one node sends reaches nobody", Hold: 2 * time.Second, Strike: mute, End: mend},
		{Name: "deafen", Doc: "nothing reaches one node", Hold: 2 * time.Second, Strike: deafen, End: mend},
		{Name: "split", Doc: "two nodes don't reach each other; the third one reaches both", Hold: 3 * time.Second, Strike: split, End: mend},
		{Name: "unplug", Doc: "the cable of the node that leads most is pulled", Cables: true, Hold: 3 * time.Second, Strike: unplug, End: mend},
		{Name: "kill-two", Doc: "kill -9 of two nodes of three", Hold: 1500 * time.Millisecond, Strike: kill(2), End: startAll},
		{Name: "kill-all", Doc: "kill -9 of all nodes", Led: 3 * time.Second, Strike: kill(3), End: startAll},
		{Name: "wipe", Doc: "kill -9 of one node, whose folder is removed", Hold: 500 * time.Millisecond, Strike: wipe, End: startAll},
		{Name: "full-leader", Doc: "the disk of the node that leads most is full, but for a little", Disks: true, Hold: 3 * time.Second, Strike: fill(mostLeading, littleRoom), End: free},
		{Name: "full-follower", Doc: "the disk of the node that leads least is full, but for a little", Disks: true, Hold: 3 * time.Second, Strike: fill(leastLeading, littleRoom), End: free},
		{Name: "no-room", Doc: "the disk of one node is full to the last byte, from one moment to the next", Disks: true, Hold: 3 * time.Second, Strike: fill(mostLeading, 0), End: free},
		{Name: "power", Doc: "all machines lose power at once", Disks: true, Led: 3 * time.Second, Strike: cutPower, End: startAll},
	}
}

// unexpected returns which node has ended that may not.
func (s *Scene) unexpected() error {
	for _, n := range s.Cluster.Unexpected() {
		if !slices.Contains(s.MayEnd, n) {
			return fmt.Errorf("node %d has ended by itself; its log ends with\n%s", n.ID, tail(n.Log(), 5))
		}
	}
	return nil
}

// leading returns the nodes by how much they lead, those that lead most first.
func (s *Scene) leading() []*cluster.Node {
	led := map[int32]int{}
	for _, id := range s.Leaders {
		led[id]++
	}
	nodes := slices.Clone(s.Cluster.Nodes)
	s.Chance.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	slices.SortStableFunc(nodes, func(a, b *cluster.Node) int { return led[b.ID] - led[a.ID] })
	return nodes
}

func mostLeading(s *Scene) *cluster.Node  { return s.leading()[0] }
func leastLeading(s *Scene) *cluster.Node { n := s.leading(); return n[len(n)-1] }

// others are the nodes that are no victims.
func (s *Scene) others() []*cluster.Node {
	return slices.DeleteFunc(slices.Clone(s.Cluster.Nodes), func(n *cluster.Node) bool { return slices.Contains(s.Victims, n) })
}

func kill(n int) func(*Scene) error {
	return func(s *Scene) error {
		s.Victims = s.leading()[:n]
		s.Cluster.Kill(s.Victims...)
		if left := s.others(); 2*len(left) <= len(s.Cluster.Nodes) {
			s.Minority = left
		}
		return nil
	}
}

// startAll starts whatever does not run.
func startAll(s *Scene) error {
	for _, n := range s.Cluster.Nodes {
		if !n.Running() {
			if err := n.Start(); err != nil {
				return err
			}
		}
	}
	return nil
}

func interrupt(s *Scene) error {
	s.Victims = s.leading()[:1]
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	return s.Victims[0].Interrupt(ctx)
}

// roll restarts one node after another, as a new version is rolled out.
func roll(s *Scene) error {
	s.Victims = s.Cluster.Nodes
	ctx, cancel := context.WithTimeout(s.ctx, 3*time.Minute)
	defer cancel()
	for _, n := range s.Cluster.Nodes {
		if err := n.Interrupt(ctx); err != nil {
			return err
		}
		if err := n.Start(); err != nil {
			return err
		}
		if err := s.Cluster.AwaitWhole(ctx); err != nil {
			return err
		}
	}
	return nil
}

func freeze(s *Scene) error {
	s.Victims = s.leading()[:1]
	return s.Victims[0].Freeze()
}

func thaw(s *Scene) (err error) {
	for _, n := range s.Cluster.Nodes {
		if n.Frozen() {
			err = errors.Join(err, n.Thaw())
		}
	}
	return err
}

func isolate(s *Scene) error {
	s.Victims = s.leading()[:1]
	s.Minority = s.Victims
	return s.Cluster.Isolate(s.Victims[0])
}

func mute(s *Scene) (err error) {
	s.Victims = s.leading()[:1]
	s.Minority = s.Victims
	for _, n := range s.others() {
		err = errors.Join(err, s.Cluster.Cut(s.Victims[0], n))
	}
	return err
}

func deafen(s *Scene) (err error) {
	s.Victims = s.leading()[:1]
	s.Minority = s.Victims
	for _, n := range s.others() {
		err = errors.Join(err, s.Cluster.Cut(n, s.Victims[0]))
	}
	return err
}

func split(s *Scene) error {
	s.Victims = s.leading()[:2]
	return errors.Join(s.Cluster.Cut(s.Victims[0], s.Victims[1]), s.Cluster.Cut(s.Victims[1], s.Victims[0]))
}

// unplug leaves no client that could ask the victim whether it acknowledges anything: it is no minority that somebody reaches.
func unplug(s *Scene) error {
	s.Victims = s.leading()[:1]
	return s.Cluster.Unplug(s.Victims[0])
}

func mend(s *Scene) error { return s.Cluster.Mend() }

func wipe(s *Scene) error {
	s.Victims = s.leading()[:1]
	s.Victims[0].Kill()
	return s.Victims[0].Wipe()
}

// littleRoom is less than the room that a node wants to have left, and more than it needs to go on without records.
const littleRoom = 80 << 20

// fill has a disk be full, while records come that need room.
func fill(who func(*Scene) *cluster.Node, leave int64) func(*Scene) error {
	return func(s *Scene) error {
		s.Victims = []*cluster.Node{who(s)}
		if leave == 0 {
			s.MayEnd = s.Victims
		}
		if err := s.Victims[0].Disk.Fill(leave); err != nil {
			return err
		}
		var ctx context.Context
		ctx, s.stop = context.WithCancel(s.ctx)
		return flood(ctx, s.Cluster)
	}
}

// free gives the space back.
func free(s *Scene) error {
	s.stop()
	return s.Victims[0].Disk.Free()
}

func cutPower(s *Scene) error {
	s.Victims = s.Cluster.Nodes
	return losePower(s.Cluster, s.Victims...)
}

// losePower has the machines of nodes lose power, all at once. They come up again without their nodes.
//
// The processes are killed first. A sync that is under way while ext4 is shut down may be answered with success, though the data is not there afterwards: Linux 6.18 did that once in a hundred
// cuts under three writers. Where a machine loses power, nobody is left to acknowledge a record after such an answer.
func losePower(c *cluster.Cluster, nodes ...*cluster.Node) error {
	c.Kill(nodes...)
	for _, n := range nodes {
		if err := n.Disk.CutPower(); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := n.Disk.Restore(); err != nil {
			return fmt.Errorf("node %d: %w", n.ID, err)
		}
	}
	return nil
}
