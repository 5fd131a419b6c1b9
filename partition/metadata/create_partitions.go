package metadata

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// createPartitions serves CreatePartitions: a topic can grow, never shrink.
func (c *Controller) createPartitions(out *partition.Outcome, r *kmsg.CreatePartitionsRequest) *kmsg.CreatePartitionsResponse {
	response := kmsg.NewPtrCreatePartitionsResponse()
	for i := range r.Topics {
		q := &r.Topics[i]
		a := kmsg.NewCreatePartitionsResponseTopic()
		a.Topic = q.Topic
		err := c.grow(out, q, r.ValidateOnly)
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Topics = append(response.Topics, a)
	}
	return response
}

func (c *Controller) grow(out *partition.Outcome, q *kmsg.CreatePartitionsRequestTopic, validateOnly bool) error {
	old := c.image.Topic(q.Topic)
	switch {
	case old == nil:
		return kerr.UnknownTopicOrPartition
	case old.Internal:
		return kafka.Errorf(kerr.InvalidRequest, "%s is a topic of the cluster itself", q.Topic)
	case int(q.Count) == len(old.Partitions):
		return kafka.Errorf(kerr.InvalidPartitions, "Topic already has %d partition(s).", q.Count)
	case int(q.Count) < len(old.Partitions):
		return kafka.Errorf(kerr.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", q.Topic, len(old.Partitions), q.Count)
	}
	more := int(q.Count) - len(old.Partitions)
	assignment, err := c.place(int32(more), int16(len(old.Partitions[0].Replicas)))
	if q.Assignment != nil {
		assignment, err = c.assignedMore(q, more)
	}
	if err != nil || validateOnly {
		return err
	}
	t := *old
	t.Partitions = append(slices.Clone(old.Partitions), c.partitions(assignment)...)
	next := c.image.counter(nextPartition, firstPartition) + int64(more)
	c.write(out, topicRow(&t), counterRow(nextPartition, next))
	return nil
}

func (c *Controller) assignedMore(q *kmsg.CreatePartitionsRequestTopic, more int) ([][]kafka.BrokerID, error) {
	if len(q.Assignment) != more {
		return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "%d partitions are added, and %d are assigned", more, len(q.Assignment))
	}
	out := make([][]kafka.BrokerID, more)
	for i, a := range q.Assignment {
		if err := c.checkReplicas(a.Replicas); err != nil {
			return nil, err
		}
		for _, b := range a.Replicas {
			out[i] = append(out[i], kafka.BrokerID(b))
		}
	}
	return out, nil
}
