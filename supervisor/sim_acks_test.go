package supervisor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// simAcks judge acknowledgements: by the disks as they are when an answer leaves its node, and by the voters of that time.
type simAcks struct {
	disks    map[string]*logstore.Memory // by the store's id. One that was lost stays as it was: what it had counts for the replica that was on it, and for no later one
	stores   map[simReplica]string
	appended map[simBatchAt][]simAppended
	changes  map[kafka.PartitionNumber][]consensus.Entry // of the configuration, in the order of their indexes and terms
	commits  map[kafka.PartitionNumber]consensus.Index   // the newest that any process was to write down: a change of the configuration is among them when it is in force
}

// A simReplica is one that the metadata names.
type simReplica struct {
	number kafka.PartitionNumber
	raftID uint64
}

// A simBatchAt is where a batch is, or several that leaders have appended there one after the other.
type simBatchAt struct {
	number kafka.PartitionNumber
	base   kafka.Offset
}

// simAppended is a batch that a leader has appended.
type simAppended struct {
	index  consensus.Index
	term   consensus.Term
	commit consensus.Index // what the leader knew to be committed then: no replica has the batch and knows less
}

func newSimAcks() simAcks {
	return simAcks{
		disks: map[string]*logstore.Memory{}, stores: map[simReplica]string{}, appended: map[simBatchAt][]simAppended{},
		changes: map[kafka.PartitionNumber][]consensus.Entry{}, commits: map[kafka.PartitionNumber]consensus.Index{},
	}
}

// handed notes what a process hands to its disk. A batch that nobody else had comes from its leader.
func (a *simAcks) handed(number kafka.PartitionNumber, entries []consensus.Entry, commit consensus.Index) {
	for _, e := range entries {
		switch e.Kind {
		case consensus.Batch:
			at := simBatchAt{number, record.Batch(e.Data).BaseOffset()}
			if !slices.ContainsFunc(a.appended[at], func(o simAppended) bool { return o.index == e.Index && o.term == e.Term }) {
				a.appended[at] = append(a.appended[at], simAppended{e.Index, e.Term, commit})
			}
		case consensus.Reconfigure:
			n, known := slices.BinarySearchFunc(a.changes[number], e, func(x, y consensus.Entry) int {
				return cmp.Or(cmp.Compare(x.Index, y.Index), cmp.Compare(x.Term, y.Term))
			})
			if !known {
				a.changes[number] = slices.Insert(a.changes[number], n, e)
			}
		}
	}
}

// has tells whether an entry is on a disk. Together with its term an index says which entry it is, and which are before it.
func (a *simAcks) has(store string, number kafka.PartitionNumber, i consensus.Index, t consensus.Term) bool {
	disk := a.disks[store]
	if disk == nil {
		return false
	}
	entries, err := disk.Entries(number, i, i+1, 1)
	return err == nil && len(entries) == 1 && entries[0].Term == t
}

// lacks tells what a batch lacks to be acknowledged; nothing where it may be. A majority has it of each half of a configuration that was in force between then, when its
// leader appended it, and now; and min.insync.replicas of those that had a vote meanwhile.
func (a *simAcks) lacks(number kafka.PartitionNumber, founding []uint64, base kafka.Offset, minInSync int) string {
	missing := "it is on no disk"
	for _, b := range a.appended[simBatchAt{number, base}] {
		for _, disk := range slices.Sorted(maps.Keys(a.disks)) {
			if !a.has(disk, number, b.index, b.term) {
				continue
			}
			if missing = a.lacking(number, founding, b, disk, minInSync); missing == "" {
				return ""
			}
		}
	}
	return missing
}

// lacking judges by the configurations that a disk knows which has the batch. That of a replica that was removed knows the later ones not.
func (a *simAcks) lacking(number kafka.PartitionNumber, founding []uint64, b simAppended, disk string, minInSync int) string {
	has := func(id uint64) bool { return a.has(a.stores[simReplica{number, id}], number, b.index, b.term) }
	majority := func(ids []uint64) bool {
		n := 0
		for _, id := range ids {
			if has(id) {
				n++
			}
		}
		return n > len(ids)/2
	}
	c := consensus.Founding(founding...)
	voters, safe := c.All(), majority(c.Voters)
	for _, e := range a.changes[number] {
		if e.Index > max(b.index, a.commits[number]) || !a.has(disk, number, e.Index, e.Term) {
			continue
		}
		var err error
		if c, err = c.Changed(e.Index, e.Data); err != nil {
			return err.Error()
		}
		if e.Index <= b.commit {
			voters, safe = nil, false
		}
		voters = append(voters, c.All()...)
		safe = safe || majority(c.Voters) && (!c.Joint() || majority(c.Outgoing))
	}
	slices.Sort(voters)
	voters = slices.Compact(voters)
	on := map[string]bool{} // a node may have had several replicas, one after the other
	for _, id := range voters {
		if has(id) {
			on[a.stores[simReplica{number, id}]] = true
		}
	}
	where := slices.Sorted(maps.Keys(on))
	switch {
	case !safe:
		return fmt.Sprintf("entry %d of term %d is on %v, which are no majority of the replicas %v", b.index, b.term, where, voters)
	case len(where) < minInSync:
		return fmt.Sprintf("entry %d of term %d is on %v, and min.insync.replicas is %d", b.index, b.term, where, minInSync)
	}
	return ""
}

// answered looks at what a node tells a client. What is deleted may never have been on the disk of a replica that has what it was, so that a topic of which records are deleted is left out.
func (c *simChecks) answered(n *simNode, response kmsg.Response) {
	produced, ok := response.(*kmsg.ProduceResponse)
	if !ok {
		return
	}
	for _, t := range produced.Topics {
		spec := simSpec{minInSync: 1} // of a test's own
		if i := slices.IndexFunc(c.s.shape.topics, func(s simSpec) bool { return s.name == t.Topic }); i >= 0 {
			spec = c.s.shape.topics[i]
		}
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 || spec.trimmed {
				continue
			}
			image := n.tree.router.View().Image
			row := image.Partition(kafka.TopicPartition{Topic: t.Topic, Partition: p.Partition})
			for _, r := range row.All() { // of others a replica is known since it has told them something
				c.given(row.Number, r.RaftID, image.Broker(r.Broker).StoreID)
			}
			if missing := c.lacks(row.Number, row.Founding(), kafka.Offset(p.BaseOffset), spec.minInSync); missing != "" {
				c.s.errorf("%s-%d: the batch at %d is acknowledged, but %s", t.Topic, p.Partition, p.BaseOffset, missing)
			}
		}
	}
}

// given: a raft id is that of a replica on one disk for ever.
func (c *simChecks) given(number kafka.PartitionNumber, raftID uint64, store string) {
	r := simReplica{number, raftID}
	if other, known := c.stores[r]; known && other != store {
		c.s.errorf("replica %d of partition %d is on %s, and was on %s", raftID, number, store, other)
	}
	c.stores[r] = store
}
