package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// Of two offsets for one partition the last counts; a topic without partitions is not spoken of.
func TestDeleteRecordsOnce(t *testing.T) {
	b := newBench(t, nil)
	q := kmsg.NewPtrDeleteRecordsRequest()
	q.TimeoutMillis = 1000
	q.Topics = []kmsg.DeleteRecordsRequestTopic{
		{Topic: "orders", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 3}, {Partition: 0, Offset: 5}}},
		{Topic: "none"},
		{Topic: "orders", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 1, Offset: 7}, {Partition: 8}}},
	}
	r := b.send(q)
	for _, want := range []kafka.Offset{5, 7} {
		ask := next[*messages.DeleteRecords](b)
		if ask.Before != want {
			t.Errorf("deletes up to %d, want %d", ask.Before, want)
		}
		b.reply(ask.Reply, &messages.LogStart{Offset: ask.Before}, nil)
	}
	a := response[*kmsg.DeleteRecordsResponse](b, r)
	if len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 3 || a.Topics[0].Partitions[0].LowWatermark != 5 || a.Topics[0].Partitions[2].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", a)
	}
}
