package supervisor

import (
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A broker that only the controller does not reach is fenced, and does not know it. What it led is led by others then, so that clients that don't know the broker go on, and they have found it until then.
// When the network is whole again it takes clients again.
func TestLeadersLeaveABrokerThatIsCutOff(t *testing.T) {
	defer entropy.replace(entropy.replace(mathrand.NewChaCha8([32]byte{1})))
	s := newSimulation(t, 1, simShape{nodes: 3, stepsMax: 2_000_000, records: 1600, lasts: 40 * time.Second}, os.Getenv("SIM_LOG") != "")
	s.calm = true
	s.boot()
	s.until("all nodes serve", func() bool { return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !n.ready }) })
	var controller *simNode
	s.until("three nodes vote", func() bool {
		leader, voters := s.voters()
		controller = leader
		return len(voters) == 3
	})
	cut := s.nodes[controller.id%3]
	third := s.nodes[(controller.id+1)%3]
	ask := func(body any) {
		c, _ := controller.tree.router.View().Controller()
		controller.system.Root().Send(c.Coordinator, &messages.Coordinate{Body: body, Broker: controller.id, Reply: messages.ReplyTo{PID: controller.tree.balance}})
	}
	const partitions = 4
	q := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", -1, -1
	for i := range int32(partitions) {
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{
			Partition: i, Replicas: []int32{int32(cut.id), int32(controller.id), int32(third.id)},
		})
	}
	q.Topics = append(q.Topics, topic)
	ask(q)
	view := func(n *simNode) *messages.View { return n.tree.router.View() }
	led := func(by kafka.BrokerID) func() bool {
		return func() bool {
			topic := view(third).Image.Topic("orders")
			if topic == nil {
				return false
			}
			for i := range topic.Partitions {
				if l, ok := view(third).LeaderOf(topic.Partitions[i].Number); !ok || l.Broker != by {
					return false
				}
			}
			return true
		}
	}
	s.until("the broker that is to be cut off leads", led(cut.id))
	// All have much to do, so that who follows a leader that it hears stays with it.
	spec := simSpec{name: "orders", partitions: partitions, minInSync: 1}
	for i := range int32(partitions) {
		s.clientOf([]*simNode{controller, third}, (&simProducer{s: s, topic: spec, partition: i}).begin)
	}
	var write func(n int)
	write = func(n int) {
		value := strconv.Itoa(n)
		q := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, "orders"
		r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}}
		q.Resources = append(q.Resources, r)
		ask(q)
		s.st.AfterFunc(200*time.Millisecond, func() { write(n + 1) })
	}
	write(3_600_000)
	s.pass(5 * time.Second)
	s.net.cutOff(controller, cut, time.Hour)
	s.net.cutOff(cut, controller, time.Hour)
	s.until("it is fenced", func() bool { return view(third).Image.Broker(cut.id).Fenced })
	if !led(cut.id)() {
		t.Fatal("others lead before it is fenced")
	}
	fenced := s.st.Now()
	s.until("others lead", led(third.id))
	if took := s.st.Now().Sub(fenced); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	s.until("all is acknowledged", func() bool { return s.done == partitions })
	if view(cut).Image.Broker(cut.id).Fenced {
		t.Error("it knows that it is fenced, so the controller is not the only one to reach it")
	}
	s.net.heal()
	s.until("it takes clients again", func() bool { return !view(third).Image.Broker(cut.id).Fenced })
}
