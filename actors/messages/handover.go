package messages

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A Handover is how a partition's preferred leader comes to lead: the leader is sent a Transfer to it.
type Handover struct {
	Leader Leader
	To     metadata.Replica
}

// PreferLeader returns how a partition's preferred leader comes to lead, as the view of a node knows it. Its error says why it need not or can't, in the protocol's terms.
func (v *View) PreferLeader(p *metadata.Partition, own kafka.BrokerID) (h Handover, err error) {
	to := p.Preferred()
	l, ok := v.LeaderOf(p.Number)
	refuse := func(format string, args ...any) (Handover, error) {
		return Handover{}, kafka.Errorf(kerr.PreferredLeaderNotAvailable, format, args...)
	}
	switch b := v.Image.Broker(to.Broker); {
	case ok && l.Broker == to.Broker:
		return Handover{}, kerr.ElectionNotNeeded
	case !ok:
		return refuse("The partition has no leader; it gets one as soon as most of its replicas are there.")
	case b == nil || to.Broker != own && !v.IsLive(to.Broker):
		return refuse("The preferred leader, broker %d, is not there.", to.Broker)
	case b.Fenced:
		return refuse("The preferred leader, broker %d, is fenced.", to.Broker)
	case v.IsFull(to.Broker):
		return refuse("The disk of the preferred leader, broker %d, is full.", to.Broker)
	case !slices.Contains(l.Voters, to.RaftID) || slices.Contains(l.Learners, to.RaftID):
		return refuse("The replica of the preferred leader, broker %d, does not vote yet.", to.Broker)
	case !slices.Contains(l.InSync, to.Broker):
		return refuse("The replica of the preferred leader, broker %d, is not in sync.", to.Broker)
	}
	return Handover{l, to}, nil
}
