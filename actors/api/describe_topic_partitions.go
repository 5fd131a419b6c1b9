package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/metadata"
)

// DescribeTopicPartitions, version 0 (KIP-966): topics with their partitions, a bounded number at a time. No names mean all topics. The
// lists of eligible leader replicas are empty, because raft needs none, and not null: Java's admin client fails on a null list.
func describeTopicPartitions(r *Request) {
	q := r.Body.(*kmsg.DescribeTopicPartitionsRequest)
	response := kmsg.NewPtrDescribeTopicPartitionsResponse()
	names, first := topicNames(r, q), int32(0)
	if q.Cursor != nil {
		at, found := slices.BinarySearch(names, q.Cursor.Topic)
		if q.Cursor.Partition < 0 || !found && len(q.Topics) > 0 { // the cursor's topic must be among those that are named
			for _, t := range q.Topics {
				response.Topics = append(response.Topics, refusedPartitions(r, t.Topic, kerr.InvalidRequest, notAsked))
			}
			r.respond(response)
			return
		}
		names = names[at:]
		if found {
			first = q.Cursor.Partition
		}
	}
	left := max(1, min(r.env.DescribePartitionsMax, int(q.ResponsePartitionLimit)))
	for _, name := range names {
		if left == 0 {
			response.NextCursor = cursor(name, 0)
			break
		}
		t := r.image().Topic(name)
		if t == nil {
			response.Topics = append(response.Topics, unknownTopic(r, name))
			first = 0
			continue
		}
		described, next := describeTopic(r, t, first, left)
		left -= len(described.Partitions)
		response.Topics = append(response.Topics, described)
		if next < int32(len(t.Partitions)) {
			response.NextCursor = cursor(name, next)
			break
		}
		first = 0
	}
	r.respond(response)
}

// topicNames are the topics that are asked for, in their order.
func topicNames(r *Request, q *kmsg.DescribeTopicPartitionsRequest) (names []string) {
	for _, t := range q.Topics {
		names = append(names, t.Topic)
	}
	if len(q.Topics) == 0 {
		for _, t := range r.image().Topics() {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func unknownTopic(r *Request, name string) kmsg.DescribeTopicPartitionsResponseTopic {
	if metadata.CheckTopicName(name) != nil {
		return refusedPartitions(r, name, kerr.InvalidTopicException, topicOperations)
	}
	return refusedPartitions(r, name, kerr.UnknownTopicOrPartition, topicOperations)
}

func refusedPartitions(r *Request, name string, err error, allowed int32) kmsg.DescribeTopicPartitionsResponseTopic {
	t := kmsg.NewDescribeTopicPartitionsResponseTopic()
	t.Topic, t.ErrorCode, t.AuthorizedOperations = &name, r.errCode(err), allowed
	return t
}

func cursor(topic string, partition int32) *kmsg.DescribeTopicPartitionsResponseNextCursor {
	c := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	c.Topic, c.Partition = topic, partition
	return &c
}

func describeTopic(r *Request, t *metadata.Topic, first int32, most int) (out kmsg.DescribeTopicPartitionsResponseTopic, next int32) {
	out = kmsg.NewDescribeTopicPartitionsResponseTopic()
	out.Topic, out.TopicID, out.IsInternal, out.AuthorizedOperations = &t.Name, t.ID, t.Internal, topicOperations
	for next = first; next < int32(len(t.Partitions)) && len(out.Partitions) < most; next++ {
		s := stateOf(r, t, next)
		p := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		p.Partition, p.ErrorCode, p.LeaderID, p.LeaderEpoch = next, s.code, int32(s.leader.Broker), int32(s.leader.Epoch)
		p.Replicas, p.ISR, p.OfflineReplicas = s.replicas, s.inSync, s.offline
		p.EligibleLeaderReplicas, p.LastKnownELR = []int32{}, []int32{}
		out.Partitions = append(out.Partitions, p)
	}
	return out, next
}
