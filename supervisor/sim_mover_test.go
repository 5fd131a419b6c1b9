package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// TestSimulatedReassignments is TestSimulatedCluster with a fourth node, and with partitions that move in every seed: to nodes that have nothing of them, to fewer and to more.
//
// SIM_SEEDS says how many seeds (10), and SIM_SEED runs a single one.
func TestSimulatedReassignments(t *testing.T) {
	simulateSeeds(t, 10, simShape{
		nodes: 4, topics: []simSpec{{name: "orders", partitions: 1, minInSync: 2}, {name: "clicks", partitions: 1, minInSync: 1}, {name: "audit", partitions: 2, minInSync: 3}},
		records: 200, lasts: 30 * time.Second, stepsMax: 5_000_000, twice: 10, panics: 20_000, moves: 1, enough: 60,
	})
}

// A simMover reassigns partitions: to other nodes, to fewer and to more, with some of the moves cancelled or replaced on their way; and it has preferred leaders elected.
type simMover struct {
	s     *simulation
	asked bool      // for a reassignment, and there is no answer yet
	at    time.Time // when it has asked last
	doubt time.Time // until when one may be carried out of which it has lost the answer
}

// simDoubt is how long a request may be on its way, to a node that is frozen.
const simDoubt = 5 * time.Second

// isInDoubt tells whether partitions may be about to be reassigned.
func (m *simMover) isInDoubt() bool {
	return m != nil && (m.asked || m.s.st.Now().Before(m.doubt))
}

func (m *simMover) begin(c *simClient) {
	if m.asked {
		m.asked, m.doubt = false, m.at.Add(simDoubt)
	}
	switch {
	case m.s.calm:
		return
	case slices.ContainsFunc(m.s.nodes, func(n *simNode) bool { return n.lost }):
		c.later(500*time.Millisecond, m.begin)
		return
	}
	topic := m.s.shape.topics[m.s.chance.IntN(len(m.s.shape.topics))]
	partition := m.s.chance.Int32N(topic.partitions)
	again := func(a kmsg.Response) {
		m.asked = false
		if got, ok := a.(*kmsg.AlterPartitionAssignmentsResponse); ok && len(got.Topics) > 0 && got.Topics[0].Partitions[0].ErrorCode == 0 {
			m.s.result.moves++
		}
		c.later(2*time.Second, m.begin)
	}
	if m.s.chance.IntN(5) == 0 {
		q := kmsg.NewPtrElectLeadersRequest()
		q.Version, q.TimeoutMillis = 2, 2000
		q.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: topic.name, Partitions: []int32{partition}}}
		c.send(q, again)
		return
	}
	p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	p.Partition = partition
	if m.s.chance.IntN(4) > 0 { // else it is cancelled
		replicas := len(m.s.nodes)
		if m.s.chance.IntN(2) == 0 {
			replicas = topic.minInSync + m.s.chance.IntN(replicas-topic.minInSync+1)
		}
		for _, n := range m.s.chance.Perm(len(m.s.nodes))[:replicas] {
			p.Replicas = append(p.Replicas, int32(n+1))
		}
	}
	m.asked, m.at = true, m.s.st.Now()
	q := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	q.Version, q.TimeoutMillis = 1, 2000
	q.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: topic.name, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{p}}}
	c.send(q, again)
}

// settled tells which reassignment is not done, and what a node has on its disk beyond that.
func (c *simChecks) settled() string {
	for _, n := range c.s.nodes {
		image := n.tree.router.View().Image
		if moving := image.Unfinished(); len(moving) > 0 {
			name, _ := image.NameOf(moving[0])
			return fmt.Sprintf("on node %d %v is on its way: %+v", n.id, name, image.Partition(name))
		}
		stored, err := n.store.Partitions()
		if err != nil {
			c.s.t.Fatal(err)
		}
		wanted := partitionsOf(image, n.id)
		for _, number := range stored {
			if _, ok := wanted[number]; !ok && number != kafka.MetadataPartition {
				name, _ := image.NameOf(number)
				return fmt.Sprintf("node %d has partition %d (%v), which is not its own", n.id, number, name)
			}
		}
	}
	return ""
}
