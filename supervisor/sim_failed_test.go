package supervisor

import (
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
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

func (s *simFailing) row(n *simNode) *metadata.Partition {
	return n.tree.router.View().Image.Partition(s.tp)
}

func (s *simFailing) partitionOf(group string) int32 {
	partition, _, _ := s.nodes[0].tree.router.View().GroupCoordinator(group)
	return partition
}

func failedOf(kind string, infos []*actors.Info) (n int) {
	for _, i := range infos {
		if i.Kind == kind && i.State == actors.Failed {
			n++
		}
		n += failedOf(kind, i.Children)
	}
	return n
}

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

// produce has a client write records to the partition until one is acknowledged, and returns the node that has done so.
func (s *simFailing) produce() *simNode {
	s.t.Helper()
	var by *simNode
	var begin func(c *simClient)
	ask := func(c *simClient) {
		b := record.Builder{}
		b.Add(record.Record{Timestamp: s.st.Now().UnixMilli(), Value: []byte("x")})
		bytes, err := b.Build()
		if err != nil {
			s.t.Fatal(err)
		}
		q := kmsg.NewPtrProduceRequest()
		q.Version, q.Acks, q.TimeoutMillis = 9, -1, 1000
		q.Topics = []kmsg.ProduceRequestTopic{{Topic: s.tp.Topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: s.tp.Partition, Records: bytes}}}}
		c.send(q, func(a kmsg.Response) {
			if a.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode == 0 {
				by = c.node
				return
			}
			c.later(simPatience/10, begin)
		})
	}
	begin = func(c *simClient) {
		if by == nil {
			c.toLeader(s.tp.Topic, s.tp.Partition, ask)
		}
	}
	s.client(begin)
	s.until("a record is acknowledged", func() bool { return by != nil })
	return by
}

// A replica that fails again and again is out of service on its node, be it the leader or a follower of which nothing is wanted, and all nodes know of it: another one leads, it is not in sync,
// and nobody hands leadership to it, until its node is back from a restart.
func TestReplicaThatAlwaysPanics(t *testing.T) {
	for _, leads := range []bool{true, false} {
		t.Run(map[bool]string{true: "the leader", false: "a follower"}[leads], func(t *testing.T) {
			s := newSimFailing(t, kafka.TopicPartition{Topic: "orders"})
			s.untilInSync("the partition has its replicas", 3)
			s.pass(time.Minute) // nobody says anything any more
			leader := s.nodes[s.leader(s.nodes[0]).Broker-1]
			bad, other := s.nodes[leader.id%3], s.nodes[(leader.id+1)%3]
			if leads {
				bad, leader = leader, bad
			}
			number := s.row(bad).Number
			bad.sabotage = func(kind, id string, _ any) bool {
				return kind == "partition" && strings.Contains(id, "/"+s.tp.String()+":")
			}
			bad.system.Root().Send(bad.tree.partitions, &messages.Announce{}) // which goes to all replicas
			outOfService := func(want bool) func() bool {
				return func() bool {
					return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return n.tree.router.View().IsOutOfService(number, bad.id) != want })
				}
			}
			s.until("all know that its replica is out of service", outOfService(true))
			s.untilInSync("two are in sync", 2)
			s.pass(time.Minute)
			s.untilInSync("two are in sync after a while", 2)
			if l := s.leader(bad); slices.Contains(l.InSync, bad.id) || len(l.Voters) != 3 {
				t.Errorf("in sync are %v of %v", l.InSync, l.Voters)
			}
			if by := s.produce(); by == bad {
				t.Errorf("node %d leads, whose replica fails", by.id)
			}
			if l := s.leader(bad); l.Broker != leader.id {
				leader, other = other, leader
			}

			// Who comes later is told too.
			other.crash()
			other.boot()
			s.until("a node is back", func() bool { return other.ready })
			s.until("and knows of it", outOfService(true))
			s.untilInSync("two are in sync again", 2)

			leader.system.Root().Send(leader.tree.partitions, &messages.HandOver{})
			began := s.st.Now()
			s.until("the replica that is left leads", func() bool { return s.leader(bad).Broker == other.id })
			if took := s.st.Now().Sub(began); took > time.Second {
				t.Errorf("to hand over took %v", took)
			}

			bad.sabotage = nil
			bad.crash()
			s.until("what is dead is not out of service", func() bool { return !other.tree.router.View().IsOutOfService(number, bad.id) })
			bad.boot()
			s.until("it serves again", func() bool { return bad.ready })
			s.untilInSync("it has its replica again", 3)
			s.until("nothing is out of service", outOfService(false))
		})
	}
}

// Replicas that end because their parent is restarted have not failed.
func TestReplicasWhoseParentPanics(t *testing.T) {
	s := newSimFailing(t, kafka.TopicPartition{Topic: "orders"})
	s.untilInSync("the partition has its replicas", 3)
	n := s.nodes[0]
	left := 1
	n.sabotage = func(kind, _ string, _ any) bool {
		if kind != "partitions" {
			return false
		}
		left--
		return left == 0
	}
	n.system.Root().Send(n.tree.partitions, &viewChanged{})
	s.until("it has panicked", func() bool { return left <= 0 })
	s.pass(time.Second)
	s.untilInSync("all are in sync", 3)
	for _, n := range s.nodes {
		if out := n.tree.router.View().OutOfService(); len(out) > 0 {
			t.Errorf("node %d takes replicas for failed: %v", n.id, out)
		}
	}
}

// A coordinator that fails again and again takes its partition out of service on its node, be it that of the leader or of a follower: groups go on elsewhere.
func TestCoordinatorThatAlwaysPanics(t *testing.T) {
	for _, leads := range []bool{true, false} {
		t.Run(map[bool]string{true: "of the leader", false: "of a follower"}[leads], func(t *testing.T) {
			s := newSimFailing(t, kafka.TopicPartition{Topic: metadata.OffsetsTopic})
			group := "readers"
			s.commit(group) // which makes the topic
			for s.partitionOf(group) != s.tp.Partition {
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
			s.until("its replica is out of service", func() bool { return bad.tree.router.View().IsOutOfService(s.row(bad).Number, bad.id) })
			if n := failedOf("partition", bad.system.Tree()); n != 1 {
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
