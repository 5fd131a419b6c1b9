package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// OffsetForLeaderEpoch, versions 2-4. v2 the client's leader epoch (KIP-320). v3 replica id. v4 flexible.
func offsetForLeaderEpoch(r *Request) {
	q := r.Body.(*kmsg.OffsetForLeaderEpochRequest)
	response := kmsg.NewPtrOffsetForLeaderEpochResponse()
	parts := 1 // one more, so that it isn't over before all have been asked
	for i := range q.Topics {
		t := kmsg.NewOffsetForLeaderEpochResponseTopic()
		t.Topic = q.Topics[i].Topic
		t.Partitions = make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(q.Topics[i].Partitions))
		response.Topics = append(response.Topics, t)
		parts += len(t.Partitions)
	}
	done := after(parts, func() { r.respond(response) })
	for i := range q.Topics {
		topic := r.image().Topic(q.Topics[i].Topic)
		for j := range q.Topics[i].Partitions {
			p, out := &q.Topics[i].Partitions[j], &response.Topics[i].Partitions[j]
			*out = kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			out.Partition, out.LeaderEpoch, out.EndOffset = p.Partition, int32(kafka.NoEpoch), int64(kafka.NoOffset)
			l, err := r.served(topic, p.Partition)
			if err != nil {
				out.ErrorCode = r.errCode(err)
				done()
				continue
			}
			r.ask(l.Replica, func(to messages.ReplyTo) any {
				return &messages.OffsetForLeaderEpoch{CurrentEpoch: kafka.LeaderEpoch(p.CurrentLeaderEpoch), Epoch: kafka.LeaderEpoch(p.LeaderEpoch), Reply: to}
			}, func(value any, err error) {
				if end, ok := value.(*messages.EpochEnd); ok && err == nil {
					out.LeaderEpoch, out.EndOffset = int32(end.Epoch), int64(end.End)
				}
				out.ErrorCode = r.errCode(err)
				done()
			})
		}
	}
	done()
}
