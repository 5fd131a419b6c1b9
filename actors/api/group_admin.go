package api

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// ListGroups, versions 0-5. v1 throttle time. v3 flexible. v4 states (KIP-518). v5 types (KIP-848). Every partition of the offsets topic that is
// coordinated here is asked; where clients know one address for all nodes, every one there is. One that nobody coordinates has groups that nobody else lists then: the client, which
// is told so, asks again.
func listGroups(r *Request) {
	q := r.Body.(*kmsg.ListGroupsRequest)
	response := kmsg.NewPtrListGroupsResponse()
	var coordinators []messages.Leader
	if t := r.image().Topic(metadata.OffsetsTopic); t != nil {
		for _, p := range t.Partitions {
			switch l, ok := r.view.LeaderOf(p.Number); {
			case ok && (l.Broker == r.env.Broker || r.env.Single != nil) && l.Coordinator != nil:
				coordinators = append(coordinators, l)
			case r.env.Single != nil:
				response.ErrorCode = r.errCode(kerr.CoordinatorNotAvailable)
				r.respond(response)
				return
			}
		}
	}
	done := after(len(coordinators)+1, func() {
		slices.SortFunc(response.Groups, func(a, b kmsg.ListGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
		r.respond(response)
	})
	for _, l := range coordinators {
		r.ask(l.Coordinator, func(to messages.ReplyTo) any {
			return &messages.CoordinateAll{Body: &group.List{}, Broker: r.env.Broker, Reply: to}
		}, func(value any, err error) {
			groups, _ := value.([]any)
			for _, g := range groups {
				if listed, ok := g.(*kmsg.ListGroupsResponseGroup); ok && isListed(q, listed) {
					response.Groups = append(response.Groups, *listed)
				}
			}
			switch {
			case err == nil || response.ErrorCode != 0:
			case kafka.Code(err) != kerr.NotCoordinator.Code:
				response.ErrorCode = r.errCode(err)
			case r.env.Single != nil:
				response.ErrorCode = r.errCode(kerr.CoordinatorNotAvailable)
			}
			done()
		})
	}
	done()
}

func isListed(q *kmsg.ListGroupsRequest, g *kmsg.ListGroupsResponseGroup) bool {
	has := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, value) })
	}
	return has(q.StatesFilter, g.GroupState) && has(q.TypesFilter, g.GroupType)
}

// DescribeGroups, versions 0-6. v1 throttle time. v3 authorized operations (KIP-430). v4 static members. v5 flexible. v6 GROUP_ID_NOT_FOUND (KIP-1043).
func describeGroups(r *Request) {
	q := r.Body.(*kmsg.DescribeGroupsRequest)
	response := kmsg.NewPtrDescribeGroupsResponse()
	response.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(q.Groups))
	done := after(len(q.Groups)+1, func() { r.respond(response) })
	for i, id := range q.Groups {
		r.askGroup(id, &group.Describe{Version: r.Version}, func(value any, err error) {
			described, ok := value.(*kmsg.DescribeGroupsResponseGroup)
			if !ok {
				refused := kmsg.NewDescribeGroupsResponseGroup()
				refused.Group, refused.ErrorCode, refused.ErrorMessage = id, kafka.Code(err), kafka.Message(err)
				described = &refused
			}
			r.noteCode(described.ErrorCode)
			response.Groups[i] = *described
			response.Groups[i].AuthorizedOperations = operations(groupOperations, q.IncludeAuthorizedOperations && described.ErrorCode == 0)
			done()
		})
	}
	done()
}

// DeleteGroups, versions 0-2 (KIP-229). v1 throttle time. v2 flexible. A group that is named twice is answered once.
func deleteGroups(r *Request) {
	q := r.Body.(*kmsg.DeleteGroupsRequest)
	var ids []string
	named := make(map[string]bool, len(q.Groups))
	for _, id := range q.Groups {
		if !named[id] {
			named[id] = true
			ids = append(ids, id)
		}
	}
	response := kmsg.NewPtrDeleteGroupsResponse()
	response.Groups = make([]kmsg.DeleteGroupsResponseGroup, len(ids))
	done := after(len(ids)+1, func() { r.respond(response) })
	for i, id := range ids {
		r.askGroup(id, &group.Delete{}, func(_ any, err error) {
			a := kmsg.NewDeleteGroupsResponseGroup()
			a.Group, a.ErrorCode = id, r.errCode(err)
			response.Groups[i] = a
			done()
		})
	}
	done()
}
