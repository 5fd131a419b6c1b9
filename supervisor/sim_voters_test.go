package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// voters are the nodes that vote on the metadata, as the one that leads it tells; nil where nobody does.
func (s *simulation) voters() (leader *simNode, out []kafka.BrokerID) {
	for _, n := range s.nodes {
		if n.system == nil {
			continue
		}
		view := n.tree.router.View()
		l, ok := view.Controller()
		if !ok || l.Broker != n.id {
			continue
		}
		for _, b := range view.Image.Brokers() {
			if slices.Contains(l.Voters, b.RaftID) {
				out = append(out, b.ID)
			}
		}
		if len(out) == len(l.Voters) {
			return n, out
		}
		return n, nil
	}
	return nil, nil
}

func (s *simulation) untilVoters(what string, want ...kafka.BrokerID) *simNode {
	s.t.Helper()
	var leader *simNode
	s.until(what, func() bool {
		var got []kafka.BrokerID
		leader, got = s.voters()
		return slices.Equal(got, want)
	})
	return leader
}

// pass lets time go by.
func (s *simulation) pass(d time.Duration) {
	at := s.st.Now().Add(d)
	s.until("time passes", func() bool { return !s.st.Now().Before(at) })
}

// A voter of the metadata that has died is replaced after five minutes, not before, and is fenced at once. When it is back it follows. One that is drained is replaced at once,
// and where nobody is there to take its place, it goes all the same.
func TestVotersAreReplaced(t *testing.T) {
	calmSeeds(t, simShape{nodes: 4, stepsMax: 20_000_000}, replaceVoters)
}

func replaceVoters(t *testing.T, s *simulation) {
	s.boot()
	s.until("all nodes serve", func() bool { return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !n.ready }) })
	leader, voters := s.voters()
	s.until("three nodes vote", func() bool { leader, voters = s.voters(); return len(voters) == 3 })
	var spare, dead *simNode
	for _, n := range s.nodes {
		switch {
		case !slices.Contains(voters, n.id):
			spare = n
		case n != leader:
			dead = n
		}
	}
	later := swapped(voters, dead.id, spare.id)
	died := s.st.Now()
	dead.crash()
	s.until("the dead node is fenced", func() bool { return leader.tree.router.View().Image.Broker(dead.id).Fenced })
	if took := s.st.Now().Sub(died); took > time.Second {
		t.Errorf("it was fenced after %v", took)
	}
	s.pass(metadata.VoterSilentMax - 20*time.Second)
	if _, got := s.voters(); !slices.Equal(got, voters) {
		t.Fatalf("the voters are %v after %v, and were %v", got, s.st.Now().Sub(died), voters)
	}
	leader = s.untilVoters("another node votes in its place", later...)
	if took := s.st.Now().Sub(died); took < metadata.VoterSilentMax || took > metadata.VoterSilentMax+2*reviewEvery {
		t.Errorf("it was replaced after %v", took)
	}
	dead.boot()
	s.until("it serves again", func() bool { return dead.ready })
	s.pass(time.Minute)
	leader = s.untilVoters("it only follows", later...)

	s.drain(leader)
	was := leader
	began := s.st.Now()
	leader = s.untilVoters("the drained leader has no vote", swapped(later, was.id, dead.id)...)
	if took := s.st.Now().Sub(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	s.drain(leader)
	s.until("one of two votes", func() bool { _, got := s.voters(); return len(got) == 1 && got[0] != was.id && got[0] != leader.id })
}

// The only voter of two nodes is drained: the other one takes its place in one change and leads at once, without waiting for one that does not lead any more.
func TestOnlyVoterIsReplaced(t *testing.T) {
	calmSeeds(t, simShape{nodes: 2, stepsMax: 1_000_000}, replaceOnlyVoter)
}

func replaceOnlyVoter(t *testing.T, s *simulation) {
	s.boot()
	s.until("all nodes serve", func() bool { return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !n.ready }) })
	leader, voters := s.voters()
	if len(voters) != 1 {
		t.Fatalf("the voters are %v", voters)
	}
	other := s.nodes[leader.id%2]
	s.drain(leader)
	var ended time.Time
	s.until("the other one leads, alone", func() bool {
		l, ok := other.tree.router.View().Controller()
		if !ok && ended.IsZero() {
			ended = s.st.Now()
		}
		return ok && l.Broker == other.id && len(l.Voters) == 1 && l.Settled
	})
	if took := s.st.Now().Sub(ended); ended.IsZero() || took > 300*time.Millisecond {
		t.Errorf("nobody led for %v", took)
	}
	s.pass(10 * time.Second)
	s.untilVoters("it stays so", other.id)
}

// drain has a node drained.
func (s *simulation) drain(n *simNode) {
	value := "true"
	q := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, fmt.Sprint(n.id)
	r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: metadata.DrainingConfig, Value: &value}}
	q.Resources = append(q.Resources, r)
	leader, _ := s.voters()
	c, _ := leader.tree.router.View().Controller()
	leader.system.Root().Send(c.Coordinator, &messages.Coordinate{Body: q, Broker: leader.id, Reply: messages.ReplyTo{PID: leader.tree.balance}})
}

// swapped are nodes with another one in the place of one of them, in ascending order.
func swapped(nodes []kafka.BrokerID, node, other kafka.BrokerID) []kafka.BrokerID {
	out := append(slices.DeleteFunc(slices.Clone(nodes), func(id kafka.BrokerID) bool { return id == node }), other)
	slices.Sort(out)
	return out
}
