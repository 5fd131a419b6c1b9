package supervisor

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A recovery ends after the metadata has given the others up, and before the replica that is to go on does. The others come back, even more than once: nobody leads, with their
// old data or otherwise, until the recovery is made again. Then everything is made anew.
func TestInterruptedRecovery(t *testing.T) {
	calmSeeds(t, simShape{nodes: 4, stepsMax: 500_000}, interruptRecovery)
}

func interruptRecovery(t *testing.T, s *simulation) {
	s.boot()
	s.until("all nodes serve", func() bool { return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !n.ready }) })
	ask := func(body any) {
		t.Helper()
		var at *simNode
		s.until("there is a controller", func() bool { at, _ = s.voters(); return at != nil })
		c, _ := at.tree.router.View().Controller()
		at.system.Root().Send(c.Coordinator, &messages.Coordinate{Body: body, Broker: at.id, Reply: messages.ReplyTo{PID: at.tree.balance}})
	}
	q := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", -1, -1
	topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2, 3}}}
	q.Topics = append(q.Topics, topic)
	ask(q)
	one := s.nodes[0]
	row := func(n *simNode) *metadata.Partition {
		return n.tree.router.View().Image.Partition(kafka.TopicPartition{Topic: "orders"})
	}
	leader := func(n *simNode) messages.Leader {
		l, _ := n.tree.router.View().LeaderOf(row(n).Number)
		return l
	}
	inSync := func(want int) func() bool {
		return func() bool {
			return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return row(n) == nil || len(leader(n).InSync) != want })
		}
	}
	s.until("the topic has its replicas", inSync(3))
	held, _ := row(one).ReplicaOn(1)
	epoch := leader(one).Epoch
	ask(&metadata.RecoverPartitions{Broker: 1, Survivors: []metadata.Survivor{{Number: row(one).Number, RaftID: held.RaftID, Term: consensus.Term(epoch)}}})
	s.until("all have heard of it", func() bool {
		return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return row(n).Since == 0 })
	})
	s.pass(5 * time.Second)
	alone := func(what string) {
		t.Helper()
		end := s.st.Now().Add(20 * time.Second)
		s.until("time passes", func() bool {
			for _, n := range s.nodes {
				if n.system != nil && row(n) != nil && leader(n).Replica != nil {
					s.errorf("%s: node %d knows node %d as the leader, in epoch %d", what, n.id, leader(n).Broker, leader(n).Epoch)
				}
			}
			return s.st.Now().After(end)
		})
	}
	alone("all are there")
	one.crash()
	alone("the one that is to go on is not there")
	for range 2 {
		s.nodes[1].crash()
		s.pass(time.Second)
		s.nodes[1].boot()
		s.pass(5 * time.Second)
	}
	s.nodes[2].crash()
	s.nodes[2].boot()
	alone("the others have come back")
	one.boot()
	s.until("it has its data", func() bool { return row(one) != nil })
	alone("it is back")
	one.system.Root().Send(one.tree.partitions, &recoverReplica{row(one).Number, &messages.RecoverReplica{Reply: messages.ReplyTo{PID: one.tree.balance}}})
	s.until("all replicas are made anew", inSync(3))
	if l := leader(one); l.Broker != 1 || l.Epoch < epoch+consensus.RecoveredTerms || len(l.Voters) != 3 || slices.Contains(l.Voters, 2) || slices.Contains(l.Voters, 3) {
		t.Errorf("in the end node %d leads in epoch %d, with the voters %v", l.Broker, l.Epoch, l.Voters)
	}
}
