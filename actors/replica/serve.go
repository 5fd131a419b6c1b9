package replica

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
)

var errNotLeader = kerr.NotLeaderForPartition

// serve hands a message to the partition.
func (r *replica) serve(message any) {
	switch m := message.(type) {
	case *messages.Produce:
		r.quiet = false
		if m.Behind && !r.p.Expects(m.Batch) {
			r.refuse(m)
			return
		}
		var who partition.Ticket
		if m.Acks != kafka.AcksNone {
			who = r.tickets.issue(m.Reply, false)
		}
		r.p.Append(r.o.System.Now(), m.Batch, m.Acks, who)
	case *messages.Fetch:
		r.quiet = false
		r.p.Fetch(partition.FetchQuery{
			Offset: m.Offset, MaxBytes: m.MaxBytes, LeaderEpoch: m.LeaderEpoch, LastFetchedEpoch: m.LastFetchedEpoch, Isolation: m.Isolation, Wait: m.Wait,
			AnyReplica: m.AnyReplica,
		}, r.tickets.issue(m.Reply, m.Wait))
	case *messages.FetchEnd:
		if number, ok := r.tickets.withdraw(m.Reply); ok {
			r.p.EndFetch(number)
		}
	case *messages.ReadCold:
		r.quiet = false
		r.readCold(m)
	case *messages.ListOffsets:
		r.p.ListOffsets(partition.OffsetQuery{Timestamp: m.Timestamp, LeaderEpoch: m.LeaderEpoch, Isolation: m.Isolation}, r.tickets.issue(m.Reply, false))
	case *messages.OffsetForLeaderEpoch:
		r.p.EndOfEpoch(partition.EpochQuery{CurrentEpoch: m.CurrentEpoch, Epoch: m.Epoch}, r.tickets.issue(m.Reply, false))
	case *messages.DeleteRecords:
		r.p.DeleteRecords(m.Before, r.tickets.issue(m.Reply, false))
	case *messages.Transfer:
		if !r.leads {
			r.answer(m.Reply, nil, errNotLeader)
			return
		}
		r.p.Transfer(m.To)
		r.answer(m.Reply, nil, nil)
	case *messages.DescribeReplica:
		r.answer(m.Reply, r.description(), nil)
	case *messages.SurveyReplica:
		r.survey(m.Reply)
	case *messages.Configure:
		r.p.Configure(m.Config)
	case *messages.Step:
		r.step(m)
	case *messages.Rest:
		r.p.Rest(m.Rest)
	case *messages.Wake:
		r.gone(m.Leader)
	case *messages.SnapshotPart:
		r.part(m)
	case *messages.SnapshotAck:
		r.acknowledged(m)
	case *messages.Members:
		r.p.Want(m.Voters, m.Learners)
		r.p.SetLive(r.peers.liveReplicas())
		r.setFull()
	case *messages.NodesUp, *messages.OutOfService:
		r.p.SetLive(r.peers.liveReplicas())
	case *messages.FullDisks:
		r.setFull()
		r.p.Retain(r.o.System.Now()) // if anything may go, then now
	case *messages.NodeUp:
		r.p.SetLive(r.peers.liveReplicas())
		r.lost(m.Node)
	case *messages.NodeDown:
		r.p.SetLive(r.peers.liveReplicas())
		r.died(m.Node)
	case *messages.NodeLost:
		r.lost(m.Node)
	case *messages.HandOver:
		if !r.leaving {
			r.leaving = true
			r.handOver()
		}
	case *messages.Announce:
		r.announce()
	case *messages.Attach:
		r.asked = true
		r.attach()
	case *messages.Snapshot:
		r.p.Compact(m.Chunks, m.Upto)
	case *messages.Shrink:
		r.p.Shrink()
	}
}

// refuse answers what comes before the partition is loaded.
func (r *replica) refuse(message any) {
	switch m := message.(type) {
	case *messages.Produce:
		if m.Acks != kafka.AcksNone {
			r.answer(m.Reply, nil, errNotLeader)
		}
	case *messages.Fetch:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.ReadCold:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.ListOffsets:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.OffsetForLeaderEpoch:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.DeleteRecords:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.Transfer:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.DescribeReplica:
		r.answer(m.Reply, nil, errNotLeader)
	case *messages.SurveyReplica:
		r.answer(m.Reply, nil, r.notLoaded())
	case *messages.RecoverReplica:
		r.answer(m.Reply, nil, r.notLoaded())
	case *messages.Attach:
		r.asked = true
	}
}

// attach tells a coordinator that asked for it what is applied by now; it gets the rest batch by batch. Rows that came with a snapshot are not told before
// everything that they stand for is applied: the records on the way there would take them back.
func (r *replica) attach() {
	if !r.asked || r.p.HighWatermark() < r.p.Rows() {
		return
	}
	r.attached = true
	r.send(r.coordinator, &messages.Attached{To: r.p.HighWatermark()})
	if r.leads {
		r.send(r.coordinator, &messages.Leading{Epoch: r.p.Epoch(), Serving: true, LogEnd: r.p.LogEnd()})
	}
}
