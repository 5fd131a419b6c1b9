package supervisor

import (
	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// A simStore is what the actors of one process know of their node's disk.
type simStore struct {
	*logstore.Memory
	n *simNode
	// commits is what of each partition was known to be committed, as far as it was to be written down.
	commits map[kafka.PartitionNumber]consensus.Index
}

// Append counts the snapshots that come from other nodes, and notes what comes into the log.
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
	s.checks.handed(w.Partition, w.Entries, d.commits[w.Partition])
	if w.Hard != nil {
		d.commits[w.Partition] = w.Hard.Commit
		s.checks.commits[w.Partition] = max(s.checks.commits[w.Partition], w.Hard.Commit)
	}
	d.Memory.Append(w)
}
