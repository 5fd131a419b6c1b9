package supervisor

import (
	"math/bits"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// A simStore is what a node's actors know of its disk.
type simStore struct {
	*logstore.Memory
	n *simNode
}

// Append counts the snapshots that come from other nodes, and notes what is on the disk when it is.
func (d simStore) Append(w *partition.Write) {
	s := d.n.s
	switch {
	case !w.Reset:
	case w.Partition == kafka.MetadataPartition:
		s.result.ofMetadata++
	case w.Chunks != nil:
		s.result.ofGroups++
	default:
		s.result.ofTopics++
	}
	done := w.Done
	w.Done = func(err error) {
		if err == nil {
			s.checks.stored(d.n, w.Partition, w.Entries)
		}
		done(err)
	}
	d.Memory.Append(w)
}

// A simBatchAt is a batch, by its partition and its first offset.
type simBatchAt struct {
	number kafka.PartitionNumber
	base   kafka.Offset
}

// stored notes on which nodes' disks batches have ever been.
func (c *simChecks) stored(n *simNode, number kafka.PartitionNumber, entries []consensus.Entry) {
	for _, e := range entries {
		if e.Kind == consensus.Batch {
			c.disks[simBatchAt{number, record.Batch(e.Data).BaseOffset()}] |= 1 << n.id
		}
	}
}

// found notes what a crash has left on a disk: that may be more than what it had said to have.
func (c *simChecks) found(n *simNode, number kafka.PartitionNumber, stored *partition.Stored) {
	if stored.Last == stored.Snapshot.Index {
		return
	}
	entries, err := n.store.Entries(number, stored.Snapshot.Index+1, stored.Last+1, 1<<30)
	if err != nil {
		c.s.t.Fatal(err)
	}
	c.stored(n, number, entries)
}

// acknowledged: a batch is on the disks of a majority, and of min.insync.replicas.
func (c *simChecks) acknowledged(p *simProducer, n *simNode, base kafka.Offset) {
	number := n.tree.router.View().Image.Partition(kafka.TopicPartition{Topic: p.topic.name, Partition: p.partition}).Number
	least := p.topic.minInSync
	if !c.s.shape.moves { // else it may have fewer replicas than there are nodes
		least = max(least, len(c.s.nodes)/2+1)
	}
	if disks := bits.OnesCount(c.disks[simBatchAt{number, base}]); disks < least {
		c.s.errorf("%s-%d: the batch at %d is acknowledged and on %d disks; it should be on %d", p.topic.name, p.partition, base, disks, least)
	}
}
