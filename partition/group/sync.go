package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// sync serves SyncGroup: the leader brings the assignment, the others wait for it.
func (g *Group) sync(q *kmsg.SyncGroupRequest, t partition.Ticket) {
	if err := g.checkSync(q); err != nil {
		g.answer(t, failedSync(q.Version, err))
		return
	}
	m := g.members[q.MemberID]
	g.endSync(m, failedSync(m.syncVersion, kerr.RebalanceInProgress)) // one that its client has given up
	m.sync, m.syncVersion = t, q.Version
	delete(g.unsynced, m.id)
	switch {
	case g.state == stable:
		g.endSync(m, g.syncedResponse(m))
		g.heard(m)
	case g.leader == m.id:
		for _, m := range g.members {
			m.assignment = nil
		}
		for _, a := range q.GroupAssignment {
			if m := g.members[a.MemberID]; m != nil {
				m.assignment = a.MemberAssignment
			}
		}
		g.enter(stable)
		g.writeGroup()
		for _, m := range g.inOrder() {
			if m.sync != 0 {
				g.endSync(m, g.syncedResponse(m))
				g.heard(m)
			}
		}
	}
}

func (g *Group) checkSync(q *kmsg.SyncGroupRequest) *kerr.Error {
	differs := func(asked *string, ours string) bool { return asked != nil && ours != "" && *asked != ours }
	if q.Version >= 5 && (q.ProtocolType == nil || q.Protocol == nil) { // KIP-559
		return kerr.InconsistentGroupProtocol
	}
	if g.id == "" {
		return kerr.InvalidGroupID
	}
	if err := g.validate(q.MemberID, q.InstanceID); err != nil {
		return kerrOf(err)
	}
	switch {
	case kafka.GenerationID(q.Generation) != g.generation:
		return kerr.IllegalGeneration
	case differs(q.ProtocolType, g.protocolType), differs(q.Protocol, g.protocol):
		return kerr.InconsistentGroupProtocol
	case g.state == preparingRebalance:
		return kerr.RebalanceInProgress
	case g.state == empty:
		return kerr.UnknownMemberID
	}
	return nil
}

func (g *Group) syncedResponse(m *member) *kmsg.SyncGroupResponse {
	response := kmsg.NewPtrSyncGroupResponse()
	protocolType, protocol := g.protocolType, g.protocol
	response.Version, response.ProtocolType, response.Protocol, response.MemberAssignment = m.syncVersion, &protocolType, &protocol, m.assignment
	return response
}

func failedSync(version int16, err *kerr.Error) *kmsg.SyncGroupResponse {
	response := kmsg.NewPtrSyncGroupResponse()
	response.Version, response.ErrorCode = version, err.Code
	return response
}

// heartbeat serves Heartbeat.
func (g *Group) heartbeat(q *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	response := kmsg.NewPtrHeartbeatResponse()
	response.Version = q.Version
	response.ErrorCode = kafka.Code(g.beat(q))
	return response
}

func (g *Group) beat(q *kmsg.HeartbeatRequest) error {
	if g.id == "" {
		return kerr.InvalidGroupID
	}
	if err := g.validate(q.MemberID, q.InstanceID); err != nil {
		return err
	}
	if kafka.GenerationID(q.Generation) != g.generation {
		return kerr.IllegalGeneration
	}
	g.heard(g.members[q.MemberID])
	switch g.state {
	case preparingRebalance:
		return kerr.RebalanceInProgress
	case empty:
		return kerr.UnknownMemberID
	}
	return nil
}

// leave serves LeaveGroup. From version 3 on it may name many members, and static ones by their instance alone (KIP-345).
func (g *Group) leave(q *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	response := kmsg.NewPtrLeaveGroupResponse()
	response.Version = q.Version
	if g.id == "" {
		response.ErrorCode = kerr.InvalidGroupID.Code
		return response
	}
	members := q.Members
	if q.Version < 3 {
		members = []kmsg.LeaveGroupRequestMember{{MemberID: q.MemberID}}
	}
	left := false
	for _, who := range members {
		a := kmsg.NewLeaveGroupResponseMember()
		a.MemberID, a.InstanceID = who.MemberID, who.InstanceID
		err := g.leaveAs(who.MemberID, who.InstanceID)
		a.ErrorCode = kafka.Code(err)
		left = left || err == nil
		response.Members = append(response.Members, a)
	}
	if left {
		g.rebalanceOrComplete()
	}
	if q.Version < 3 {
		response.ErrorCode, response.Members = response.Members[0].ErrorCode, nil
	}
	return response
}

func (g *Group) leaveAs(id string, instance *string) error {
	if _, ok := g.pending[id]; ok {
		delete(g.pending, id)
		return nil
	}
	if id == "" && instance != nil {
		if known, ok := g.static[*instance]; ok {
			id = known
		}
	}
	if err := g.validate(id, instance); err != nil {
		return err
	}
	g.remove(g.members[id])
	return nil
}

func kerrOf(err error) *kerr.Error {
	if k, ok := err.(*kerr.Error); ok {
		return k
	}
	return kerr.UnknownServerError
}
