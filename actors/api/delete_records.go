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
	parts := 1 // one more, so that it isn't over before all have been asked
	for i := range q.Topics {
		t := kmsg.NewDeleteRecordsResponseTopic()
		t.Topic = q.Topics[i].Topic
		t.Partitions = make([]kmsg.DeleteRecordsResponseTopicPartition, len(q.Topics[i].Partitions))
		response.Topics = append(response.Topics, t)
		parts += len(t.Partitions)
	}
	done := after(parts, func() { r.respond(response) })
	for i := range q.Topics {
		topic := r.image().Topic(q.Topics[i].Topic)
		for j := range q.Topics[i].Partitions {
			p, out := &q.Topics[i].Partitions[j], &response.Topics[i].Partitions[j]
			*out = kmsg.NewDeleteRecordsResponseTopicPartition()
			out.Partition, out.LowWatermark = p.Partition, -1
			_, l, err := r.partition(topic, p.Partition)
			if err == nil && topic.Internal {
				err = kerr.InvalidTopicException
			}
			if err != nil {
				out.ErrorCode = r.errCode(err)
				done()
				continue
			}
			r.ask(l.Replica, func(to messages.ReplyTo) any {
				return &messages.DeleteRecords{Before: kafka.Offset(p.Offset), Reply: to}
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
