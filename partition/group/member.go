package group

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
)

// A member is one consumer of a group.
type member struct {
	id       string
	instance *string // group.instance.id of a static member
	client   string
	host     string
	number   uint64 // members have an order

	rebalanceTimeout time.Duration
	sessionTimeout   time.Duration
	protocols        []kmsg.JoinGroupRequestProtocol // the one it likes best first
	assignment       []byte

	expires     time.Time        // when it has failed, unless it is heard of before; zero while it need not be
	join        partition.Ticket // of the request to join that waits, 0 where none does
	joinVersion int16
	sync        partition.Ticket
	syncVersion int16
	new         bool // it joins for the first time, so it can't send heartbeats
}

func (m *member) protocol(name string) (metadata []byte, ok bool) {
	for _, p := range m.protocols {
		if p.Name == name {
			return p.Metadata, true
		}
	}
	return nil, false
}

// matches tells whether a member that joins again says what it said before.
func (m *member) matches(protocols []kmsg.JoinGroupRequestProtocol) bool {
	return slices.EqualFunc(m.protocols, protocols, func(a, b kmsg.JoinGroupRequestProtocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// add takes a member in.
func (g *Group) add(m *member) {
	if len(g.members) == 0 {
		g.leader = m.id
	}
	g.joined++
	m.number = g.joined
	g.members[m.id] = m
	if m.instance != nil {
		g.static[*m.instance] = m.id
	}
	delete(g.pending, m.id)
}

// remove takes a member out. Whoever waits as that member is told to begin anew.
func (g *Group) remove(m *member) {
	g.endJoin(m, failedJoin(m.joinVersion, errUnknownMember, "")) // it is to begin without an id
	g.endSync(m, failedSync(m.syncVersion, errUnknownMember))
	delete(g.members, m.id)
	delete(g.unsynced, m.id)
	if m.instance != nil && g.static[*m.instance] == m.id {
		delete(g.static, *m.instance)
	}
	if g.leader == m.id {
		g.leader = ""
		if rest := g.inOrder(); len(rest) > 0 {
			g.leader = rest[0].id
		}
	}
}

// heard gives a member its whole session timeout.
func (g *Group) heard(m *member) { m.expires = g.now.Add(m.sessionTimeout) }

func (g *Group) removeAndRebalance(m *member) {
	g.remove(m)
	g.rebalanceOrComplete()
}

// endJoin answers a member's request to join, if there is one.
func (g *Group) endJoin(m *member, response *kmsg.JoinGroupResponse) {
	if m.join != 0 {
		g.answer(m.join, response)
		m.join = 0
	}
}

// endSync answers a member's sync, if there is one.
func (g *Group) endSync(m *member, response *kmsg.SyncGroupResponse) {
	if m.sync != 0 {
		g.answer(m.sync, response)
		m.sync = 0
	}
}

// supports tells whether a member with these protocols can be in the group: at least one of them is known to everybody.
func (g *Group) supports(protocolType string, protocols []kmsg.JoinGroupRequestProtocol) bool {
	if g.state == empty {
		return protocolType != "" && len(protocols) > 0
	}
	return protocolType == g.protocolType && slices.ContainsFunc(protocols, func(p kmsg.JoinGroupRequestProtocol) bool { return g.allKnow(p.Name) })
}

func (g *Group) allKnow(protocol string) bool {
	for _, m := range g.members {
		if _, ok := m.protocol(protocol); !ok {
			return false
		}
	}
	return true
}

// choose returns the protocol with the most votes: each member votes for the one that it likes best among those that all know. Where two
// have as many, the one that the first member likes better wins.
func (g *Group) choose() string {
	var best string
	votes := map[string]int{}
	members := g.inOrder()
	for _, m := range members {
		for _, p := range m.protocols {
			if g.allKnow(p.Name) {
				votes[p.Name]++
				break
			}
		}
	}
	if len(members) > 0 {
		for _, p := range members[0].protocols {
			if votes[p.Name] > votes[best] {
				best = p.Name
			}
		}
	}
	return best
}

// topics are those that the members of a group of consumers have subscribed to; ok is false where that can't be told, as before the group's first generation.
func (g *Group) topics() (topics map[string]bool, ok bool) {
	if g.protocolType != "consumer" || g.protocol == "" {
		return nil, false
	}
	topics = map[string]bool{}
	for _, m := range g.members {
		b, _ := m.protocol(g.protocol)
		var subscription kmsg.ConsumerMemberMetadata
		if err := subscription.ReadFrom(b); err != nil {
			return nil, false
		}
		for _, t := range subscription.Topics {
			topics[t] = true
		}
	}
	return topics, true
}
