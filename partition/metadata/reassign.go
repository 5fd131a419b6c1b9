package metadata

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// A reassignment (KIP-455) is a wish in a partition's row: which brokers are to have its replicas. The partition's leader works toward it, and when its
// configuration is the wish somebody tells the controller, with ReassignmentsDone. Only then the replicas that are removed stand in the row no more,
// and their nodes drop the data.

// alterReassignments serves AlterPartitionReassignments (Kafka's ReplicationControlManager). A reassignment that replaces another one begins anew from the replicas that
// were there before both, as KIP-455 has it; Kafka's controller takes those that the first one was adding for there before.
func (c *Controller) alterReassignments(out *partition.Outcome, r *kmsg.AlterPartitionAssignmentsRequest) *kmsg.AlterPartitionAssignmentsResponse {
	response := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	response.AllowReplicationFactorChange = r.AllowReplicationFactorChange
	for i := range r.Topics {
		q := &r.Topics[i]
		a := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		a.Topic = q.Topic
		old := c.image.Topic(q.Topic)
		var t *Topic // what becomes of it; a row is written once for all of its partitions
		if old != nil {
			t = old.copied()
		}
		for _, p := range q.Partitions {
			b := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			b.Partition = p.Partition
			err := c.reassign(t, q.Topic, p, r.AllowReplicationFactorChange)
			b.ErrorCode, b.ErrorMessage = kafka.Code(err), kafka.Message(err)
			a.Partitions = append(a.Partitions, b)
		}
		if t != nil && (t.grows() != old.grows() || !slices.EqualFunc(t.Partitions, old.Partitions, equal)) {
			c.write(out, topicRow(t))
		}
		response.Topics = append(response.Topics, a)
	}
	return response
}

// reassign changes one partition of a topic that is being changed, or cancels its reassignment.
func (c *Controller) reassign(t *Topic, name string, q kmsg.AlterPartitionAssignmentsRequestTopicPartition, factorMayChange bool) error {
	if t == nil {
		return kafka.Errorf(kerr.UnknownTopicOrPartition, "Unable to find a topic named %s.", name)
	}
	if q.Partition < 0 || int(q.Partition) >= len(t.Partitions) {
		return kafka.Errorf(kerr.UnknownTopicOrPartition, "Unable to find partition %s:%d.", name, q.Partition)
	}
	p := &t.Partitions[q.Partition]
	if q.Replicas == nil {
		if !p.Reassigning() {
			return kerr.NoReassignmentInProgress
		}
		growth := p.Automatic
		*p = p.cancelled()
		if growth {
			c.keepSmall(t, len(p.Replicas))
		}
		return nil
	}
	if err := c.checkBrokers(q.Replicas, p); err != nil {
		return err
	}
	if now := len(p.Wish()); !factorMayChange && now != len(q.Replicas) {
		return kafka.Errorf(kerr.InvalidReplicationFactor, "The replication factor is changed from %d to %d", now, len(q.Replicas))
	}
	target := make([]kafka.BrokerID, len(q.Replicas))
	for i, id := range q.Replicas {
		target[i] = kafka.BrokerID(id)
	}
	*p = p.reassigned(target)
	c.keepSmall(t, len(target))
	return nil
}

// keepSmall has a topic grow no more where somebody wants fewer replicas for a partition than it would get: it would get them again at once.
func (c *Controller) keepSmall(t *Topic, replicas int) {
	if t.grows() && replicas < min(factorMax, len(c.image.takers())) {
		t.Grows = new(bool)
	}
}

// listReassignments serves ListPartitionReassignments.
func (c *Controller) listReassignments(r *kmsg.ListPartitionReassignmentsRequest) *kmsg.ListPartitionReassignmentsResponse {
	response := kmsg.NewPtrListPartitionReassignmentsResponse()
	list := func(t *Topic, asked func(index int32) bool) {
		a := kmsg.NewListPartitionReassignmentsResponseTopic()
		a.Topic = t.Name
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if !p.Reassigning() || !asked(int32(i)) {
				continue
			}
			b := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
			b.Partition, b.AddingReplicas, b.RemovingReplicas = int32(i), numbers(p.Adding), numbers(p.Removing)
			for _, replica := range p.Replicas {
				b.Replicas = append(b.Replicas, int32(replica.Broker))
			}
			a.Partitions = append(a.Partitions, b)
		}
		if len(a.Partitions) > 0 {
			response.Topics = append(response.Topics, a)
		}
	}
	if r.Topics == nil {
		for _, t := range c.image.Topics() {
			list(t, func(int32) bool { return true })
		}
	}
	for _, q := range r.Topics {
		if t := c.image.Topic(q.Topic); t != nil {
			list(t, func(index int32) bool { return slices.Contains(q.Partitions, index) })
		}
	}
	return response
}

func numbers(ids []kafka.BrokerID) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}

// ReassignmentsDone says that the leaders of partitions have reached configurations. Where one is what the partition's row wishes for by now, the
// replicas that were to go are gone. Its answer is nil.
type ReassignmentsDone struct{ Reached []Reached }

// Reached is the configuration of a partition that has no learners and no replica that is being replaced.
type Reached struct {
	Number kafka.PartitionNumber
	Voters []uint64 // in ascending order
}

func (c *Controller) reassignmentsDone(out *partition.Outcome, m *ReassignmentsDone) {
	changed := map[string]*Topic{}
	var names []string
	for _, reached := range m.Reached {
		tp, ok := c.image.NameOf(reached.Number)
		if !ok {
			continue
		}
		t := changed[tp.Topic]
		if t == nil {
			t = c.image.Topic(tp.Topic)
		}
		p := &t.Partitions[tp.Partition]
		if !p.Unfinished() || !slices.Equal(p.WishedVoters(), reached.Voters) {
			continue
		}
		if changed[tp.Topic] == nil {
			t = t.copied()
			changed[tp.Topic], names = t, append(names, tp.Topic)
		}
		t.Partitions[tp.Partition] = p.finished()
	}
	for _, name := range names {
		c.write(out, topicRow(changed[name]))
	}
}
