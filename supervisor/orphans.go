package supervisor

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// dropOrphans removes what the store holds of partitions that the metadata does not know, or does not know here, for ever. It must be sure of that: the view is
// complete, and a number that the image has not given out yet would be a sign that it is not. What a leader may still count on waits until that is known.
func (p *partitions) dropOrphans(self *actor.PID) {
	view := p.b.router.View()
	image := view.Image
	stored := p.orphans
	if len(stored) == 0 {
		return
	}
	p.orphans = nil
	wanted := partitionsOf(image, p.b.o.NodeID)
	for _, number := range stored {
		if !view.Complete || number >= image.NextPartition() {
			level.Error(p.b.system.Logger()).Log("msg", "the store holds a partition that the metadata does not know yet; it is left alone", "number", number)
			continue
		}
		_, here := wanted[number]
		if here || p.running[number] != nil || p.dropping[number] || number == kafka.MetadataPartition {
			continue
		}
		if !isDispensable(view, number) {
			p.orphans = append(p.orphans, number)
			continue
		}
		level.Info(p.b.system.Logger()).Log("msg", "removing what is left of a partition that has no replica here", "number", number)
		p.drop(self, number)
	}
}

// isDispensable tells whether a replica that the metadata does not name can go, with its data: the partition is gone, or its leader's configuration stands for good and has
// nobody whom the metadata does not name. What the metadata says alone is not enough: a leader that has not heard of it yet may have given the vote to a
// replica that should not have it, and then the others may be too few without it.
func isDispensable(view *messages.View, number kafka.PartitionNumber) bool {
	tp, ok := view.Image.NameOf(number)
	if !ok {
		return true
	}
	l, ok := view.LeaderOf(number)
	if !ok || !l.Settled {
		return false
	}
	named := map[uint64]bool{}
	for _, r := range view.Image.Partition(tp).All() {
		named[r.RaftID] = true
	}
	return !slices.ContainsFunc(slices.Concat(l.Voters, l.Learners), func(id uint64) bool { return !named[id] })
}
