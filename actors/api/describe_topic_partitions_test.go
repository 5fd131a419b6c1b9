package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestDescribeTopicPartitionsInPages(t *testing.T) {
	b := newBench(t, func(o *Options) { o.DescribePartitionsMax = 2 })
	q := kmsg.NewPtrDescribeTopicPartitionsRequest()
	q.ResponsePartitionLimit = 100
	a := response[*kmsg.DescribeTopicPartitionsResponse](b, b.send(q))
	if len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 2 || a.NextCursor == nil || a.NextCursor.Topic != "orders" || a.NextCursor.Partition != 2 {
		t.Fatalf("%+v", a)
	}
	q.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: a.NextCursor.Topic, Partition: a.NextCursor.Partition}
	a = response[*kmsg.DescribeTopicPartitionsResponse](b, b.send(q))
	if len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 1 || a.Topics[0].Partitions[0].Partition != 2 || a.NextCursor != nil {
		t.Errorf("%+v", a)
	}
}

func TestDescribeTopicPartitionsCursor(t *testing.T) {
	b := newBench(t, nil)
	ask := func(limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, names ...string) *kmsg.DescribeTopicPartitionsResponse {
		t.Helper()
		q := kmsg.NewPtrDescribeTopicPartitionsRequest()
		q.ResponsePartitionLimit, q.Cursor = limit, cursor
		for _, name := range names {
			q.Topics = append(q.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
		}
		return response[*kmsg.DescribeTopicPartitionsResponse](b, b.send(q))
	}
	at := func(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
		return &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	}
	if a := ask(0, nil); len(a.Topics[0].Partitions) != 1 || a.NextCursor == nil || a.NextCursor.Partition != 1 {
		t.Errorf("without a limit: %+v", a)
	}
	if a := ask(10, at("orders", -1), "orders", "zebra"); len(a.Topics) != 2 || a.Topics[0].ErrorCode != kerr.InvalidRequest.Code || a.Topics[1].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a cursor below zero: %+v", a)
	}
	if a := ask(10, at("gone", 3), "orders"); len(a.Topics) != 1 || a.Topics[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a cursor to a topic that is not asked for: %+v", a)
	}
	if a := ask(10, at("gone", 3)); len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 3 {
		t.Errorf("a cursor to a topic that is gone: %+v", a)
	}
	if a := ask(3, nil, "orders", "zebra"); len(a.Topics) != 1 || a.NextCursor == nil || a.NextCursor.Topic != "zebra" || a.NextCursor.Partition != 0 {
		t.Errorf("an unknown topic beyond the limit: %+v", a)
	}
}
