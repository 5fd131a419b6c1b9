package supervisor

import (
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// simFailing is a calm cluster of three nodes in which actors of a node fail again and again.
type simFailing struct {
	*simulation
	tp kafka.TopicPartition // that it is about
}

func newSimFailing(t *testing.T, tp kafka.TopicPartition) *simFailing {
	was := entropy.replace(mathrand.NewChaCha8([32]byte{1}))
	t.Cleanup(func() { entropy.replace(was) })
	s := newSimulation(t, 1, simShape{nodes: 3, stepsMax: 2_000_000}, os.Getenv("SIM_LOG") != "")
	s.calm = true
	s.boot()
	s.until("all nodes serve", func() bool { return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !n.ready }) })
	t.Cleanup(func() {
		for _, n := range s.nodes {
			s.st.Kill(n.system)
		}
	})
	q := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 1, 3
	q.Topics = append(q.Topics, topic)
	at, _ := s.voters()
	c, _ := at.tree.router.View().Controller()
	at.system.Root().Send(c.Coordinator, &messages.Coordinate{Body: q, Broker: at.id, Reply: messages.ReplyTo{PID: at.tree.balance}})
	return &simFailing{s, tp}
}

func (s *simFailing) row(n *simNode) *metadata.Partition { return n.tree.router.View().Image.Partition(s.tp) }

// leader is who leads the partition, as a node knows it.
func (s *simFailing) leader(n *simNode) messages.Leader {
	if s.row(n) == nil {
		return messages.Leader{}
	}
	l, _ := n.tree.router.View().LeaderOf(s.row(n).Number)
	return l
}

// untilInSync waits until all nodes know of so many replicas in sync.
func (s *simFailing) untilInSync(what string, want int) {
	s.t.Helper()
	s.until(what, func() bool {
		return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return len(s.leader(n).InSync) != want })
	})
}

// commit has a client commit an offset of a group, until that is acknowledged, and returns the node that has done so.
func (s *simFailing) commit(group string) *simNode {
	s.t.Helper()
	var by *simNode
	var begin func(c *simClient)
	ask := func(c *simClient) {
		q := kmsg.NewPtrOffsetCommitRequest()
		q.Version, q.Group, q.Generation = 8, group, -1
		q.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{kmsg.NewOffsetCommitRequestTopicPartition()}}}
		c.send(q, func(a kmsg.Response) {
			switch err := kerr.ErrorForCode(a.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode); {
			case err == nil:
				by = c.node
			case kerr.IsRetriable(err):
				c.later(simPatience/10, begin)
			default:
				s.errorf("the group %s is answered with %v", group, err)
			}
		})
	}
	begin = func(c *simClient) {
		if by == nil {
			c.toCoordinator(group, ask)
		}
	}
	s.client(begin)
	s.until("the commit is acknowledged", func() bool { return by != nil })
	return by
}

// A coordinator that fails again and again takes its partition out of service on its node, be it that of the leader or of a follower: groups go on elsewhere.
func TestCoordinatorThatAlwaysPanics(t *testing.T) {
	for _, leads := range []bool{true, false} {
		t.Run(map[bool]string{true: "of the leader", false: "of a follower"}[leads], func(t *testing.T) {
			s := newSimFailing(t, kafka.TopicPartition{Topic: messages.OffsetsTopic})
			group := "readers"
			for messages.PartitionFor(group, 2) != s.tp.Partition {
				group += "-"
			}
			leader := s.commit(group)
			s.untilInSync("the partition has its replicas", 3)
			bad := leader
			if !leads {
				bad = s.nodes[leader.id%3]
			}
			bad.sabotage = func(kind, id string, _ any) bool {
				return kind == "coordinator" && strings.Contains(id, "/"+s.tp.String()+":")
			}
			began := s.st.Now()
			by := s.commit(group)
			t.Logf("node %d serves the group after %v", by.id, s.st.Now().Sub(began))
			if by == bad || !leads && by != leader {
				t.Errorf("node %d serves the group, node %d did, and node %d fails", by.id, leader.id, bad.id)
			}
			s.until("its replica is out of service", func() bool { return bad.tree.router.View().OutOfService(s.row(bad).Number) })
			if n := bad.system.FailedOf("partition"); n != 1 {
				t.Errorf("%d partitions are shown as failed", n)
			}
			s.commit(group)
			bad.sabotage = nil
			bad.crash()
			bad.boot()
			s.until("it serves again", func() bool { return bad.ready })
			s.untilInSync("it has its replica again", 3)
		})
	}
}
