package messages

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A Succession is how a partition's preferred leader comes to lead: the leader is sent a Transfer to it.
type Succession struct {
	Leader Leader
	To     metadata.Replica
}

// PreferLeader returns how a partition's preferred leader comes to lead, as the view of a node knows it. Its error says why it need not or can't, in the protocol's terms.
func (v *View) PreferLeader(p *metadata.Partition, own kafka.BrokerID) (h Succession, err error) {
	to := p.Preferred()
	l, ok := v.LeaderOf(p.Number)
	switch {
	case ok && l.Broker == to.Broker:
		return Succession{}, kerr.ElectionNotNeeded
	case !ok:
		return Succession{}, kafka.Errorf(kerr.PreferredLeaderNotAvailable, "The partition has no leader; it gets one as soon as most of its replicas are there.")
	}
	if why := v.unfit(l, to, own); why != "" {
		return Succession{}, kafka.Errorf(kerr.PreferredLeaderNotAvailable, why, to.Broker)
	}
	return Succession{l, to}, nil
}

// RelieveLeader returns how a partition comes to be led by another broker than the one that leads it, as the view of a node knows it; ok is false where it can't.
func (v *View) RelieveLeader(p *metadata.Partition, own kafka.BrokerID) (h Succession, ok bool) {
	l, ok := v.LeaderOf(p.Number)
	if !ok {
		return Succession{}, false
	}
	for _, to := range p.Wish() {
		if to.Broker != l.Broker && v.unfit(l, to, own) == "" {
			return Succession{l, to}, true
		}
	}
	return Succession{}, false
}

// IsCutOff tells whether a broker was fenced though clients have been told where it is. It may lead all the same, where only the controller does not reach it, and does not know that it
// is fenced then.
func (v *View) IsCutOff(id kafka.BrokerID) bool {
	b := v.Image.Broker(id)
	return b != nil && b.CutOff()
}

// unfit says why a replica should not take over from a leader, as a format for its broker; empty where it may.
func (v *View) unfit(l Leader, to metadata.Replica, own kafka.BrokerID) string {
	switch b := v.Image.Broker(to.Broker); {
	case b == nil || to.Broker != own && !v.IsLive(to.Broker):
		return "The preferred leader, broker %d, is not there."
	case b.Fenced:
		return "The preferred leader, broker %d, is fenced."
	case v.Image.Draining(to.Broker):
		return "The preferred leader, broker %d, is being drained."
	case v.IsFull(to.Broker):
		return "The disk of the preferred leader, broker %d, is full."
	case !slices.Contains(l.Voters, to.RaftID) || slices.Contains(l.Learners, to.RaftID):
		return "The replica of the preferred leader, broker %d, does not vote yet."
	case !slices.Contains(l.InSync, to.Broker):
		return "The replica of the preferred leader, broker %d, is not in sync."
	}
	return ""
}
