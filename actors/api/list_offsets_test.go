package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
)

// A partition that is named twice, in one topic entry or in two, is not asked: which answer would be meant?
func TestListOffsetsOfAPartitionTwice(t *testing.T) {
	b := newBench(t, nil)
	q := kmsg.NewPtrListOffsetsRequest()
	q.Version, q.ReplicaID = 6, -1
	for _, partitions := range [][]int32{{0, 1}, {0}} {
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = "orders"
		for _, p := range partitions {
			part := kmsg.NewListOffsetsRequestTopicPartition()
			part.Partition, part.Timestamp = p, -1
			topic.Partitions = append(topic.Partitions, part)
		}
		q.Topics = append(q.Topics, topic)
	}
	r := b.send(q)
	b.reply(next[*messages.ListOffsets](b).Reply, &messages.ListedOffset{Offset: 5, Timestamp: -1, LeaderEpoch: 2}, nil)
	a := response[*kmsg.ListOffsetsResponse](b, r)
	if p := a.Topics[0].Partitions; p[0].ErrorCode != kerr.InvalidRequest.Code || p[1].ErrorCode != 0 || p[1].Offset != 5 {
		t.Errorf("%+v", p)
	}
	if p := a.Topics[1].Partitions; p[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("%+v", p)
	}
}

// KIP-360: a producer that bumps its epoch names its id and its epoch.
func TestInitProducerIDWithHalfAProducer(t *testing.T) {
	b := newBench(t, nil)
	for _, half := range [][2]int64{{5, -1}, {-1, 3}} {
		q := kmsg.NewPtrInitProducerIDRequest()
		q.Version, q.ProducerID, q.ProducerEpoch = 3, half[0], int16(half[1])
		if a := response[*kmsg.InitProducerIDResponse](b, b.send(q)); a == nil || a.ErrorCode != kerr.InvalidRequest.Code || len(b.asked) > 0 {
			t.Errorf("%v: %+v", half, a)
		}
	}
}
