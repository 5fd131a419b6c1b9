package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
)

// ListOffsets, versions 1-11. v2 isolation level. v4 leader epoch (KIP-320). v6 flexible. v7 max timestamp (-3, KIP-734). v8 local
// start (-4, KIP-405). v9 end of what is tiered (-5, KIP-1005). v10 time-out (KIP-1075). v11 start of what is not tiered (-6, KIP-1023).
func listOffsets(r *Request) {
	q := r.Body.(*kmsg.ListOffsetsRequest)
	response := kmsg.NewPtrListOffsetsResponse()
	if r.Version >= 10 && q.TimeoutMillis > 0 {
		r.within(q.TimeoutMillis)
	}
	named := map[kafka.TopicPartition]int{}
	parts := 1 // one more, so that it isn't over before all have been asked
	for i := range q.Topics {
		t := kmsg.NewListOffsetsResponseTopic()
		t.Topic = q.Topics[i].Topic
		t.Partitions = make([]kmsg.ListOffsetsResponseTopicPartition, len(q.Topics[i].Partitions))
		response.Topics = append(response.Topics, t)
		parts += len(t.Partitions)
		for _, p := range q.Topics[i].Partitions {
			named[kafka.TopicPartition{Topic: t.Topic, Partition: p.Partition}]++
		}
	}
	done := after(parts, func() { r.respond(response) })
	for i := range q.Topics {
		topic := r.image().Topic(q.Topics[i].Topic)
		for j := range q.Topics[i].Partitions {
			p, out := &q.Topics[i].Partitions[j], &response.Topics[i].Partitions[j]
			*out = kmsg.NewListOffsetsResponseTopicPartition()
			out.Partition, out.Timestamp, out.Offset, out.LeaderEpoch = p.Partition, -1, -1, int32(kafka.NoEpoch)
			l, err := r.served(topic, p.Partition)
			switch {
			case named[kafka.TopicPartition{Topic: q.Topics[i].Topic, Partition: p.Partition}] > 1:
				err = kerr.InvalidRequest
			case !knowsTimestamp(r.Version, p.Timestamp):
				err = kerr.UnsupportedVersion
			}
			if err != nil {
				out.ErrorCode = r.errCode(err)
				done()
				continue
			}
			r.ask(l.Replica, func(to messages.ReplyTo) any {
				return &messages.ListOffsets{
					Timestamp: p.Timestamp, LeaderEpoch: kafka.LeaderEpoch(p.CurrentLeaderEpoch), Isolation: kafka.IsolationLevel(q.IsolationLevel), Reply: to,
				}
			}, func(value any, err error) {
				if listed, ok := value.(*messages.ListedOffset); ok && err == nil {
					out.Offset, out.Timestamp, out.LeaderEpoch = int64(listed.Offset), listed.Timestamp, int32(listed.LeaderEpoch)
				}
				out.ErrorCode = r.errCode(err)
				done()
			})
		}
	}
	done()
}

// knowsTimestamp tells whether a version of the request knows a special timestamp.
func knowsTimestamp(version int16, timestamp int64) bool {
	switch {
	case timestamp >= partition.Earliest:
		return true
	case timestamp == partition.MaxTimestamp:
		return version >= 7
	case timestamp == partition.EarliestLocal:
		return version >= 8
	case timestamp == partition.LatestTiered:
		return version >= 9
	case timestamp == partition.EarliestPendingUpload:
		return version >= 11
	}
	return false
}
