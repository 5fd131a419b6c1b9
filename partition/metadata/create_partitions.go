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
	sum := int64(0)
	for _, q := range r.Topics {
		if t := c.image.Topic(q.Topic); t != nil {
			sum += max(0, int64(q.Count)-int64(len(t.Partitions)))
		}
	}
	tooMany := checkPartitionCount(sum)
	for i, again := range distinct(r.Topics, func(q *kmsg.CreatePartitionsRequestTopic) string { return q.Topic }) {
		q := &r.Topics[i]
		a := kmsg.NewCreatePartitionsResponseTopic()
		a.Topic = q.Topic
		err := tooMany
		switch {
		case err != nil:
		case again:
			err = errDuplicateTopic
		default:
			err = c.grow(out, q, r.ValidateOnly)
		}
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
	assignment, err := c.assignmentOfMore(q, more, int16(len(old.Partitions[0].Wish())))
	if err != nil || validateOnly {
		return err
	}
	t := *old
	t.Partitions = append(slices.Clone(old.Partitions), c.partitions(assignment)...)
	next := c.image.counter(nextPartition, firstPartition) + int64(more)
	c.write(out, topicRow(&t), counterRow(nextPartition, next))
	return nil
}

// assignmentOfMore returns the brokers of each new partition: those that the request names, or as many as the old ones have.
func (c *Controller) assignmentOfMore(q *kmsg.CreatePartitionsRequestTopic, more int, factor int16) ([][]kafka.BrokerID, error) {
	if q.Assignment == nil {
		return c.place(int32(more), factor)
	}
	if len(q.Assignment) != more {
		return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", more, len(q.Assignment))
	}
	out := make([][]kafka.BrokerID, more)
	for i, a := range q.Assignment {
		if err := c.checkReplicas(int(q.Count)-more+i, a.Replicas); err != nil {
			return nil, err
		}
		for _, b := range a.Replicas {
			out[i] = append(out[i], kafka.BrokerID(b))
		}
	}
	return out, nil
}
