package supervisor

import (
	"slices"

	"troupe/partition/kafka"
)

// wipe ends a node's process, and has it start again with an empty disk and the same id. While a disk that was wiped before is missed still, or a partition has two replicas or is about to be
// reassigned, that does not happen: most of a partition's voters would be lost for ever.
func (s *simulation) wipe(n *simNode) {
	if n.system == nil || !s.checks.replaced() || s.mover.isInDoubt() {
		return
	}
	n.crash()
	n.wipes++
	n.format()
	n.lost = true
	s.result.wipes++
	s.replace(n)
}

// replace starts a node whose disk was lost. Where partitions are reassigned, the others know by then that it was away: who does not may rely on it alone.
func (s *simulation) replace(n *simNode) {
	s.st.AfterFunc(s.down(), func() {
		if s.mover != nil && slices.ContainsFunc(s.nodes, func(other *simNode) bool { return other.system != nil && other.tree.router.View().IsLive(n.id) }) {
			s.replace(n)
			return
		}
		n.lost = false
		n.boot()
	})
}

// replaced tells whether every partition, the metadata among them, is led by a replica that knows that only those vote that are on the disks which the nodes have now, and that
// no crash brings back a configuration with others. Of a leader that leads no more it is enough to have known that.
func (c *simChecks) replaced() bool {
	image := c.s.nodes[0].tree.router.View().Image
	for _, n := range c.s.nodes[1:] {
		if v := n.tree.router.View(); v.Upto > c.s.nodes[0].tree.router.View().Upto {
			image = v.Image
		}
	}
	var metadata []uint64
	for _, n := range c.s.nodes {
		b := image.Broker(n.id)
		if b == nil || b.StoreID != n.storeID() {
			return false
		}
		metadata = append(metadata, b.RaftID)
	}
	if !c.settledOn(kafka.MetadataPartition, func(voters []uint64) bool {
		return len(voters) == c.s.shape.replicas() && !slices.ContainsFunc(voters, func(id uint64) bool { return !slices.Contains(metadata, id) })
	}) {
		return false
	}
	for _, topic := range image.Topics() {
		for i := range topic.Partitions {
			if p := &topic.Partitions[i]; len(p.Replicas) < 3 || p.Unfinished() || !c.settledOn(p.Number, func(voters []uint64) bool { return slices.Equal(voters, p.WishedVoters()) }) {
				return false
			}
		}
	}
	return true
}

func (c *simChecks) settledOn(number kafka.PartitionNumber, right func(voters []uint64) bool) bool {
	return slices.ContainsFunc(c.s.nodes, func(n *simNode) bool {
		l, ok := n.tree.router.View().LeaderOf(number)
		return ok && l.Broker == n.id && l.Settled && len(l.InSync) == len(l.Voters) && right(slices.Sorted(slices.Values(l.Voters)))
	})
}
