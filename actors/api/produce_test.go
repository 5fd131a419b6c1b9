package api

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

func produceRequest(version, acks int16, batches map[int32]record.Batch) *kmsg.ProduceRequest {
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks, q.TimeoutMillis = version, acks, 1000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = "orders"
	for p := range int32(10) {
		if b, ok := batches[p]; ok {
			t.Partitions = append(t.Partitions, kmsg.ProduceRequestTopicPartition{Partition: p, Records: b})
		}
	}
	q.Topics = append(q.Topics, t)
	return q
}

func TestProduceAnswersWhenAllPartitionsHave(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(produceRequest(9, -1, map[int32]record.Batch{0: batch(t, 0, 1, 10), 1: batch(t, 0, 2, 10), 2: batch(t, 0, 1, 10), 7: batch(t, 0, 1, 10)}))
	one, two := next[*messages.Produce](b), next[*messages.Produce](b)
	if one.Acks != kafka.AcksAll || two.Batch.Count() != 2 {
		t.Errorf("sent %+v and %+v", one, two)
	}
	b.reply(two.Reply, &messages.Produced{BaseOffset: 8, LogAppendTime: -1, LogStartOffset: 3}, nil)
	if response[*kmsg.ProduceResponse](b, r) != nil {
		t.Fatal("answered before partition 0 has")
	}
	b.reply(one.Reply, &messages.Produced{BaseOffset: -1, LogAppendTime: -1, LogStartOffset: 3}, kafka.Errorf(kerr.OutOfOrderSequenceNumber, "a gap"))
	a := response[*kmsg.ProduceResponse](b, r).Topics[0].Partitions
	if a[0].ErrorCode != kerr.OutOfOrderSequenceNumber.Code || *a[0].ErrorMessage != "a gap" || a[0].BaseOffset != -1 || a[0].LogStartOffset != 3 {
		t.Errorf("partition 0: %+v", a[0])
	}
	if a[1].ErrorCode != 0 || a[1].BaseOffset != 8 || a[1].LogStartOffset != 3 {
		t.Errorf("partition 1: %+v", a[1])
	}
	if a[2].ErrorCode != kerr.NotLeaderForPartition.Code || a[3].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("partitions 2 and 7: %+v %+v", a[2], a[3])
	}
}

// A leader that is not one any more is named together with the one that is (KIP-951).
func TestProduceNamesTheLeader(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(produceRequest(10, -1, map[int32]record.Batch{1: batch(t, 0, 1, 10)}))
	b.reply(next[*messages.Produce](b).Reply, nil, kerr.NotLeaderForPartition)
	a := response[*kmsg.ProduceResponse](b, r)
	if l := a.Topics[0].Partitions[0].CurrentLeader; l.LeaderID != 1 || l.LeaderEpoch != 2 {
		t.Errorf("leader %+v", l)
	}
	if len(a.Brokers) != 1 || a.Brokers[0].NodeID != 1 || a.Brokers[0].Host != "here" {
		t.Errorf("brokers %+v", a.Brokers)
	}
}

// A full disk is an error that clients wait out. What an idempotent producer has sent behind the refused batch is said to be behind it, until that comes again.
func TestProduceOnAFullDisk(t *testing.T) {
	b := newBench(t, nil)
	send := func(seq kafka.Sequence) *Request {
		w := record.Builder{Producer: &record.Producer{ID: 5, Sequence: seq}}
		w.Add(record.Record{Timestamp: epoch.UnixMilli()})
		one, err := w.Build()
		if err != nil {
			t.Fatal(err)
		}
		return b.send(produceRequest(9, -1, map[int32]record.Batch{0: one}))
	}
	first := send(0)
	b.reply(next[*messages.Produce](b).Reply, nil, kafka.Errorf(kerr.KafkaStorageError, "it is full"))
	if p := response[*kmsg.ProduceResponse](b, first).Topics[0].Partitions[0]; p.ErrorCode != kerr.KafkaStorageError.Code || *p.ErrorMessage != "it is full" {
		t.Errorf("%+v", p)
	}
	send(1)
	second := next[*messages.Produce](b)
	if second.Batch.BaseSequence() != 1 || !second.Behind {
		t.Errorf("sent %+v", second)
	}
	b.reply(second.Reply, nil, kerr.NotLeaderForPartition)
	for seq := range kafka.Sequence(2) {
		send(seq)
		if m := next[*messages.Produce](b); m.Batch.BaseSequence() != seq || m.Behind {
			t.Errorf("sent %+v", m)
		}
	}
	b.env.Router.Set(b.env.Router.View().WithDisk(1, true))
	b.send(produceRequest(9, 0, map[int32]record.Batch{0: batch(t, 0, 1, 10)}))
	if b.closed == "" {
		t.Error("what needs no acks is dropped, and nobody knows")
	}
}

func TestProduceTimesOut(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(produceRequest(9, -1, map[int32]record.Batch{0: batch(t, 0, 1, 10)}))
	late := next[*messages.Produce](b)
	b.at(1001 * time.Millisecond)
	a := response[*kmsg.ProduceResponse](b, r)
	if a == nil || a.Topics[0].Partitions[0].ErrorCode != kerr.RequestTimedOut.Code {
		t.Fatalf("%+v", a)
	}
	b.reply(late.Reply, &messages.Produced{}, nil) // too late, and no harm
	b.noPanics()
}

// Nobody answers acks=0; where it fails the connection is closed, so that the client looks for the leader.
func TestProduceWithoutAcks(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(produceRequest(9, 0, map[int32]record.Batch{0: batch(t, 0, 1, 10)}))
	if m := next[*messages.Produce](b); m.Acks != kafka.AcksNone || m.Reply.PID != nil {
		t.Errorf("sent %+v", m)
	}
	if pieces, over := b.served[r]; !over || *pieces != nil || b.closed != "" {
		t.Errorf("over %v, closed %q", over, b.closed)
	}
	b.send(produceRequest(9, 0, map[int32]record.Batch{9: batch(t, 0, 1, 10)}))
	if b.closed == "" {
		t.Error("the connection stays open")
	}
}

func TestProduceByID(t *testing.T) {
	b := newBench(t, nil)
	q := produceRequest(13, -1, map[int32]record.Batch{0: batch(t, 0, 1, 10)})
	q.Topics[0].Topic, q.Topics[0].TopicID = "", b.env.Router.View().Image.Topic("orders").ID
	unknown := q.Topics[0]
	unknown.TopicID = [16]byte{7}
	q.Topics = append(q.Topics, unknown)
	r := b.send(q)
	b.reply(next[*messages.Produce](b).Reply, &messages.Produced{BaseOffset: 5}, nil)
	a := response[*kmsg.ProduceResponse](b, r)
	if p := a.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != 5 {
		t.Errorf("%+v", p)
	}
	if p := a.Topics[1].Partitions[0]; p.ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("%+v", p)
	}
}

// A transactional batch is as fatal as a transactional id, and nothing of its request is appended.
func TestProduceOfATransactionWithoutItsID(t *testing.T) {
	b := newBench(t, nil)
	w := record.Builder{Transactional: true, Producer: &record.Producer{ID: 1}}
	w.Add(record.Record{Timestamp: epoch.UnixMilli()})
	transactional, err := w.Build()
	if err != nil {
		t.Fatal(err)
	}
	r := b.send(produceRequest(9, -1, map[int32]record.Batch{0: batch(t, 0, 1, 10), 1: transactional}))
	for _, p := range response[*kmsg.ProduceResponse](b, r).Topics[0].Partitions {
		if p.ErrorCode != kerr.TransactionalIDAuthorizationFailed.Code {
			t.Errorf("%+v", p)
		}
	}
	if len(b.asked) > 0 {
		t.Errorf("sent %+v", b.asked)
	}
}

// KIP-467: the answer names the records that are to blame.
func TestProduceNamesTheRecordsThatAreRefused(t *testing.T) {
	b := newBench(t, nil)
	var w record.Builder
	for _, at := range []int64{0, 2, 0} { // hours ahead, where one is allowed
		w.Add(record.Record{Timestamp: epoch.Add(time.Duration(at) * time.Hour).UnixMilli()})
	}
	late, err := w.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := response[*kmsg.ProduceResponse](b, b.send(produceRequest(8, -1, map[int32]record.Batch{0: late}))).Topics[0].Partitions[0]
	if p.ErrorCode != kerr.InvalidTimestamp.Code || *p.ErrorMessage != "One or more records have been rejected due to invalid timestamp" {
		t.Errorf("%+v", p)
	}
	if len(p.ErrorRecords) != 1 || p.ErrorRecords[0].RelativeOffset != 1 || !strings.Contains(*p.ErrorRecords[0].ErrorMessage, "out of range") {
		t.Errorf("%+v", p.ErrorRecords)
	}
}

// What is unknown is said before what is wrong with acks.
func TestProduceWithOtherAcks(t *testing.T) {
	b := newBench(t, nil)
	a := response[*kmsg.ProduceResponse](b, b.send(produceRequest(9, 2, map[int32]record.Batch{0: batch(t, 0, 1, 10), 9: batch(t, 0, 1, 10)})))
	if p := a.Topics[0].Partitions; p[0].ErrorCode != kerr.InvalidRequiredAcks.Code || p[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", p)
	}
}
