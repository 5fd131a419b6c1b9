package metadata

import (
	"slices"

	"troupe/partition/kafka"
)

// Reassigning tells whether a reassignment is under way, as clients see it.
func (p *Partition) Reassigning() bool { return len(p.Adding)+len(p.Removing) > 0 }

// Unfinished tells whether the row has replicas that are to come or to go.
func (p *Partition) Unfinished() bool { return p.Reassigning() || len(p.Leaving) > 0 }

// WishedVoters returns the raft ids of the wished replicas, in ascending order.
func (p *Partition) WishedVoters() []uint64 {
	var ids []uint64
	for _, r := range p.Wish() {
		ids = append(ids, r.RaftID)
	}
	slices.Sort(ids)
	return ids
}

// originals are the replicas that were there before a reassignment.
func (p *Partition) originals() []Replica {
	return slices.DeleteFunc(slices.Clone(p.Replicas), func(r Replica) bool { return slices.Contains(p.Adding, r.Broker) })
}

// reassigned returns the partition on the way to replicas on the target's brokers, the preferred leader first. Who has a replica keeps its raft id, for its data
// is there.
func (p Partition) reassigned(target []kafka.BrokerID) Partition {
	originals, all := p.originals(), p.All()
	var replicas []Replica
	var adding, removing []kafka.BrokerID
	for _, id := range target {
		r, ok := p.ReplicaOn(id)
		if !ok {
			r = Replica{Broker: id, RaftID: p.giveRaftID()}
		}
		replicas = append(replicas, r)
		if !hasBroker(originals, id) {
			adding = append(adding, id)
		}
	}
	for _, r := range originals {
		if !slices.Contains(target, r.Broker) {
			removing = append(removing, r.Broker)
		}
	}
	slices.Sort(adding)
	slices.Sort(removing)
	for _, id := range removing {
		r, _ := p.ReplicaOn(id)
		replicas = append(replicas, r)
	}
	p.Replicas, p.Adding, p.Removing, p.Leaving, p.Automatic = replicas, adding, removing, others(all, replicas), false
	return p
}

// cancelled returns the partition on the way back to where a reassignment began.
func (p Partition) cancelled() Partition {
	originals, all := p.originals(), p.All()
	p.Replicas, p.Adding, p.Removing, p.Leaving, p.Automatic = originals, nil, nil, others(all, originals), false
	return p
}

// finished returns the partition whose configuration is what was wished for.
func (p Partition) finished() Partition {
	p.Replicas, p.Adding, p.Removing, p.Leaving, p.Automatic = p.Wish(), nil, nil, nil, false
	return p
}

func hasBroker(replicas []Replica, id kafka.BrokerID) bool {
	return slices.ContainsFunc(replicas, func(r Replica) bool { return r.Broker == id })
}

// others are the replicas that are not among the given ones; nil for none.
func others(all, but []Replica) (out []Replica) {
	for _, r := range all {
		if !slices.Contains(but, r) {
			out = append(out, r)
		}
	}
	return out
}

func equal(a, b Partition) bool {
	return a.NextRaftID == b.NextRaftID && a.Automatic == b.Automatic && slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.Leaving, b.Leaving) &&
		slices.Equal(a.Adding, b.Adding) && slices.Equal(a.Removing, b.Removing)
}
