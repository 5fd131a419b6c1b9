package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
)

var errUnknownMember = kerr.UnknownMemberID

// join serves JoinGroup. The answer to one that takes part in a rebalance comes when that has all its members.
func (g *Group) join(q *kmsg.JoinGroupRequest, r *partition.Request) {
	if err := g.joinAs(q, r); err != nil {
		id := q.MemberID
		if err == kerr.GroupMaxSizeReached {
			id = ""
		}
		g.answer(r.Ticket, failedJoin(q.Version, kerrOf(err), id))
	}
}

func (g *Group) joinAs(q *kmsg.JoinGroupRequest, r *partition.Request) error {
	session := time.Duration(q.SessionTimeoutMillis) * time.Millisecond
	switch {
	case g.id == "":
		return kerr.InvalidGroupID
	case session < g.o.MinSessionTimeout || session > g.o.MaxSessionTimeout:
		return kerr.InvalidSessionTimeout
	case !isWritable(q):
		return kerr.InvalidRequest
	case q.MemberID != "" && !g.exists():
		return kerr.UnknownMemberID
	case !g.hasRoomFor(q.MemberID):
		return kerr.GroupMaxSizeReached
	case !g.supports(q.ProtocolType, q.Protocols):
		return kerr.InconsistentGroupProtocol
	case q.MemberID == "":
		return g.joinNew(q, r)
	}
	return g.joinAgain(q, r)
}

// isWritable tells whether what a member says of itself fits into the record of its group. Kafka does not even read a request with longer strings.
func isWritable(q *kmsg.JoinGroupRequest) bool {
	return len(q.ProtocolType) <= stringMax && (q.InstanceID == nil || len(*q.InstanceID) <= stringMax) &&
		!slices.ContainsFunc(q.Protocols, func(p kmsg.JoinGroupRequestProtocol) bool { return len(p.Name) > stringMax })
}

func (g *Group) hasRoomFor(id string) bool {
	m := g.members[id]
	switch g.state {
	case preparingRebalance:
		awaiting := 0
		for _, m := range g.members {
			if m.join != 0 {
				awaiting++
			}
		}
		return m != nil && m.join != 0 || awaiting < g.o.MaxSize
	case completingRebalance, stable:
		return m != nil || len(g.members) < g.o.MaxSize
	}
	return true
}

func (g *Group) joinNew(q *kmsg.JoinGroupRequest, r *partition.Request) error {
	id := memberID(r, q.InstanceID)
	switch {
	case len(id) > stringMax: // Kafka fails to write its answer, and says so
		return kerr.UnknownServerError
	case q.InstanceID != nil:
		if old, ok := g.static[*q.InstanceID]; ok {
			g.replace(g.members[old], id, q, r)
			return nil
		}
	case q.Version >= 4: // it has to come again with its id, so that one that gave up is not waited for (KIP-394)
		g.pending[id] = g.now.Add(time.Duration(q.SessionTimeoutMillis) * time.Millisecond)
		g.answer(r.Ticket, failedJoin(q.Version, kerr.MemberIDRequired, id))
		return nil
	}
	g.addNew(id, q, r)
	return nil
}

func (g *Group) addNew(id string, q *kmsg.JoinGroupRequest, r *partition.Request) {
	m := &member{id: id, instance: q.InstanceID, client: r.ClientID, host: r.ClientHost, new: true}
	if len(g.members) == 0 {
		g.protocolType = q.ProtocolType
	}
	if g.state == preparingRebalance && g.generation == 0 {
		g.memberAdded = true
	}
	g.add(m)
	g.update(m, q, r.Ticket)
	m.expires = g.now.Add(newMemberJoinTimeout)
	g.rebalanceOrComplete()
}

// update takes over what a member says of itself, and has it wait for the rebalance.
func (g *Group) update(m *member, q *kmsg.JoinGroupRequest, t partition.Ticket) {
	m.protocols = q.Protocols
	m.sessionTimeout = time.Duration(q.SessionTimeoutMillis) * time.Millisecond
	m.rebalanceTimeout = m.sessionTimeout
	if q.Version >= 1 {
		m.rebalanceTimeout = time.Duration(q.RebalanceTimeoutMillis) * time.Millisecond
	}
	// An earlier request of the same member is one that its client has given up.
	g.endJoin(m, failedJoin(m.joinVersion, kerr.RebalanceInProgress, m.id))
	m.join, m.joinVersion = t, q.Version
}

func (g *Group) joinAgain(q *kmsg.JoinGroupRequest, r *partition.Request) error {
	if _, ok := g.pending[q.MemberID]; ok {
		if q.InstanceID != nil {
			return kerr.UnknownMemberID // static members are never given an id to come again with
		}
		g.addNew(q.MemberID, q, r)
		return nil
	}
	if err := g.validate(q.MemberID, q.InstanceID); err != nil {
		return err
	}
	m := g.members[q.MemberID]
	switch g.state {
	case preparingRebalance:
		g.update(m, q, r.Ticket)
		g.maybeCompleteJoin()
	case completingRebalance:
		if m.matches(q.Protocols) { // the answer to its first request was lost
			g.answer(r.Ticket, g.joinedResponse(m, q.Version, g.leader == m.id))
			return nil
		}
		g.update(m, q, r.Ticket)
		g.rebalanceOrComplete()
	case stable:
		if g.leader != m.id && m.matches(q.Protocols) {
			g.answer(r.Ticket, g.joinedResponse(m, q.Version, false))
			return nil
		}
		g.update(m, q, r.Ticket) // the leader joins again to assign anew
		g.rebalanceOrComplete()
	default:
		return kerr.UnknownMemberID
	}
	return nil
}

// replace gives a static member that was started again a new id. Where nothing else changes the group goes on as it is (KIP-345, KIP-814).
func (g *Group) replace(m *member, id string, q *kmsg.JoinGroupRequest, r *partition.Request) {
	oldLeader := g.leader
	g.endJoin(m, failedJoin(m.joinVersion, kerr.FencedInstanceID, m.id))
	g.endSync(m, failedSync(m.syncVersion, kerr.FencedInstanceID))
	if g.unsynced[m.id] {
		delete(g.unsynced, m.id)
		g.unsynced[id] = true
	}
	delete(g.members, m.id)
	if g.leader == m.id {
		g.leader = id
	}
	m.id = id
	g.members[id] = m
	g.static[*m.instance] = id
	m.client, m.host = r.ClientID, r.ClientHost
	g.heard(m)
	g.update(m, q, r.Ticket)
	switch g.state {
	case stable:
		if g.choose() != g.protocol {
			g.rebalanceOrComplete()
			return
		}
		g.writeGroup()
		leads := g.leader == id
		response := g.joinedResponse(m, q.Version, leads && q.Version >= 9)
		if q.Version >= 9 {
			response.SkipAssignment = leads
		} else {
			response.LeaderID = oldLeader // an older client that leads would assign anew; it takes itself for a follower
		}
		g.endJoin(m, response)
	case preparingRebalance:
		g.maybeCompleteJoin()
	default:
		g.rebalanceOrComplete()
	}
}

// joinedResponse tells a member of the generation that it is in; the leader of one that has just begun gets the members.
func (g *Group) joinedResponse(m *member, version int16, withMembers bool) *kmsg.JoinGroupResponse {
	response := kmsg.NewPtrJoinGroupResponse()
	response.Version = version
	response.Generation, response.MemberID, response.LeaderID = int32(g.generation), m.id, g.leader
	protocolType, protocol := g.protocolType, g.protocol
	response.ProtocolType, response.Protocol = &protocolType, &protocol
	if !withMembers {
		return response
	}
	for _, other := range g.inOrder() {
		o := kmsg.NewJoinGroupResponseMember()
		o.MemberID, o.InstanceID = other.id, other.instance
		o.ProtocolMetadata, _ = other.protocol(g.protocol)
		response.Members = append(response.Members, o)
	}
	return response
}

func failedJoin(version int16, err *kerr.Error, id string) *kmsg.JoinGroupResponse {
	response := kmsg.NewPtrJoinGroupResponse()
	response.Version, response.ErrorCode, response.Generation, response.MemberID = version, err.Code, -1, id
	if version < 7 { // not nullable before
		response.Protocol = new(string)
	}
	return response
}
