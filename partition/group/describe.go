package group

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// Describe asks what DescribeGroups answers for the group. Answer: *kmsg.DescribeGroupsResponseGroup.
type Describe struct{ Version int16 }

// List asks what ListGroups answers for the group. Answer: *kmsg.ListGroupsResponseGroup, or nil where there is no such group.
type List struct{}

// Delete asks for the group to be removed. Answer: nil.
type Delete struct{}

func (g *Group) describe(q *Describe) *kmsg.DescribeGroupsResponseGroup {
	response := kmsg.NewDescribeGroupsResponseGroup()
	response.Group, response.AuthorizedOperations, response.State = g.id, math.MinInt32, string(g.state)
	if !g.exists() {
		response.State = string(dead)
		if q.Version >= 6 { // KIP-1043
			err := kafka.Errorf(kerr.GroupIDNotFound, "Group %s not found.", g.id)
			response.ErrorCode, response.ErrorMessage = kafka.Code(err), kafka.Message(err)
		}
		return &response
	}
	response.ProtocolType = g.protocolType
	if g.state == stable {
		response.Protocol = g.protocol
	}
	for _, m := range g.inOrder() {
		d := kmsg.NewDescribeGroupsResponseGroupMember()
		d.MemberID, d.InstanceID, d.ClientID, d.ClientHost, d.MemberAssignment = m.id, m.instance, m.client, m.host, m.assignment
		if g.state == stable {
			d.ProtocolMetadata, _ = m.protocol(g.protocol)
		}
		response.Members = append(response.Members, d)
	}
	return &response
}

func (g *Group) list() any {
	if !g.exists() {
		return nil
	}
	response := kmsg.NewListGroupsResponseGroup()
	response.Group, response.ProtocolType, response.GroupState, response.GroupType = g.id, g.protocolType, string(g.state), "classic"
	return &response
}

func (g *Group) delete() error {
	switch {
	case !g.exists():
		return kerr.GroupIDNotFound
	case g.state != empty: // ids that nobody has joined with yet are forgotten with the group
		return kerr.NonEmptyGroup
	}
	for _, tp := range g.committed() {
		g.drop(tp)
	}
	g.write(groupTombstone(g.id)) // Kafka writes one for a group that has only offsets, too
	*g = *New(g.id, g.o).keeping(g)
	return nil
}

// keeping takes over what belongs to the call that is under way.
func (g *Group) keeping(old *Group) *Group {
	g.out, g.now, g.offsetsAt = old.out, old.now, old.offsetsAt
	return g
}
