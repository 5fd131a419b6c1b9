package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// DeleteRecords, versions 0-2 (KIP-107). v2 flexible.
func deleteRecords(r *Request) {
	q := r.Body.(*kmsg.DeleteRecordsRequest)
	r.within(q.TimeoutMillis)
	response := kmsg.NewPtrDeleteRecordsResponse()
	asked := offsetsToDelete(q)
	parts := 1 // one more, so that it isn't over before all have been asked
	for _, a := range asked {
		t := kmsg.NewDeleteRecordsResponseTopic()
		t.Topic = a.topic
		t.Partitions = make([]kmsg.DeleteRecordsResponseTopicPartition, len(a.partitions))
		response.Topics = append(response.Topics, t)
		parts += len(t.Partitions)
	}
	done := after(parts, func() { r.respond(response) })
	for i, a := range asked {
		topic := r.image().Topic(a.topic)
		for j, partition := range a.partitions {
			out := &response.Topics[i].Partitions[j]
			*out = kmsg.NewDeleteRecordsResponseTopicPartition()
			out.Partition, out.LowWatermark = partition, -1
			l, err := r.served(topic, partition)
			if err == nil && topic.Internal {
				err = kerr.InvalidTopicException
			}
			if err != nil {
				out.ErrorCode = r.errCode(err)
				done()
				continue
			}
			r.ask(l.Replica, func(to messages.ReplyTo) any {
				return &messages.DeleteRecords{Before: a.before[partition], Reply: to}
			}, func(value any, err error) {
				if start, ok := value.(*messages.LogStart); ok && err == nil {
					out.LowWatermark = int64(start.Offset)
				}
				out.ErrorCode = r.errCode(err)
				done()
			})
		}
	}
	done()
}

// A deletionOfRecords says which partitions of a topic begin where.
type deletionOfRecords struct {
	topic      string
	partitions []int32
	before     map[int32]kafka.Offset
}

// offsetsToDelete are the offsets that a request names, by topic. Of two for a partition the last counts, and a topic without partitions is not
// spoken of, as in Kafka (KafkaApis.handleDeleteRecordsRequest).
func offsetsToDelete(q *kmsg.DeleteRecordsRequest) (out []*deletionOfRecords) {
	byTopic := map[string]*deletionOfRecords{}
	for _, t := range q.Topics {
		for _, p := range t.Partitions {
			d := byTopic[t.Topic]
			if d == nil {
				d = &deletionOfRecords{topic: t.Topic, before: map[int32]kafka.Offset{}}
				byTopic[t.Topic], out = d, append(out, d)
			}
			if _, again := d.before[p.Partition]; !again {
				d.partitions = append(d.partitions, p.Partition)
			}
			d.before[p.Partition] = kafka.Offset(p.Offset)
		}
	}
	return out
}
