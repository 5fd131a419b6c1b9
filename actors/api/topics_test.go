package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

func metadataRequest(version int16, names ...string) *kmsg.MetadataRequest {
	q := kmsg.NewPtrMetadataRequest()
	q.Version, q.AllowAutoTopicCreation = version, true
	q.Topics = []kmsg.MetadataRequestTopic{}
	for i := range names {
		q.Topics = append(q.Topics, kmsg.MetadataRequestTopic{Topic: &names[i]})
	}
	return q
}

func TestMetadata(t *testing.T) {
	b := newBench(t, nil)
	for version := int16(0); version <= 13; version++ {
		a := response[*kmsg.MetadataResponse](b, b.send(metadataRequest(version, "orders")))
		topic := a.Topics[0]
		if len(a.Brokers) != 1 || a.Brokers[0].Host != "here" || topic.ErrorCode != 0 || len(topic.Partitions) != 3 {
			t.Fatalf("version %d: %+v", version, a)
		}
		if p := topic.Partitions[1]; p.Leader != 1 || p.ErrorCode != 0 || version >= 7 && p.LeaderEpoch != 2 {
			t.Errorf("version %d: partition 1 %+v", version, p)
		}
		if p := topic.Partitions[2]; p.Leader != -1 || p.ErrorCode != kerr.LeaderNotAvailable.Code {
			t.Errorf("version %d: partition 2 %+v", version, p)
		}
	}
	count := func(q *kmsg.MetadataRequest) int {
		return len(response[*kmsg.MetadataResponse](b, b.send(q)).Topics)
	}
	if n := count(metadataRequest(0)); n != 1 {
		t.Errorf("no names in version 0 give %d topics, want all", n)
	}
	if n := count(metadataRequest(1)); n != 0 {
		t.Errorf("no names in version 1 give %d topics, want none", n)
	}
	all := metadataRequest(9)
	all.Topics = nil
	if n := count(all); n != 1 {
		t.Errorf("null gives %d topics, want all", n)
	}
	byID := metadataRequest(12)
	byID.Topics = []kmsg.MetadataRequestTopic{{TopicID: b.env.Router.View().Image.Topic("orders").ID}, {TopicID: [16]byte{5}}}
	a := response[*kmsg.MetadataResponse](b, b.send(byID))
	if *a.Topics[0].Topic != "orders" || a.Topics[1].ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("by id: %+v", a.Topics)
	}
}

// A topic that somebody asks for is made where that is allowed, and only then.
func TestMetadataCreatesTopics(t *testing.T) {
	b := newBench(t, nil)
	q := metadataRequest(9, "orders", "new", "bad/name", "__cluster_metadata")
	r := b.send(q)
	create := next[*messages.Coordinate](b).Body.(*kmsg.CreateTopicsRequest)
	if len(create.Topics) != 1 || create.Topics[0].Topic != "new" || create.Topics[0].NumPartitions != -1 {
		t.Fatalf("asks for %+v", create.Topics)
	}
	if response[*kmsg.MetadataResponse](b, r) != nil {
		t.Error("answered before the topic is there")
	}
	b.asked = nil
	q.AllowAutoTopicCreation = false
	a := response[*kmsg.MetadataResponse](b, b.send(q))
	if a.Topics[1].ErrorCode != kerr.UnknownTopicOrPartition.Code || a.Topics[2].ErrorCode != kerr.InvalidTopicException.Code || a.Topics[3].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", a.Topics)
	}
	off := newBench(t, func(o *Options) { o.AutoCreateTopics = false })
	if a := response[*kmsg.MetadataResponse](off, off.send(metadataRequest(9, "new"))); a.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", a.Topics)
	}
}

// The topic of groups' offsets is made when the first group looks for its coordinator.
func TestFindCoordinator(t *testing.T) {
	b := newBench(t, nil)
	q := kmsg.NewPtrFindCoordinatorRequest()
	q.Version, q.CoordinatorKeys = 4, []string{"one", "two"}
	r := b.send(q)
	ask := next[*messages.Coordinate](b)
	if c, ok := ask.Body.(*metadata.CreateInternalTopic); !ok || c.Topic != metadata.OffsetsTopic || c.Partitions != 5 {
		t.Fatalf("asks for %+v", ask.Body)
	}
	id := kafka.TopicID{7}
	b.reply(ask.Reply, id, nil)
	wait := next[*messages.AwaitLeaders](b)
	if len(wait.Topics) != 1 || wait.Topics[0] != id || wait.TimeoutMillis != createWithin {
		t.Errorf("waits for %+v", wait)
	}
	if response[*kmsg.FindCoordinatorResponse](b, r) != nil {
		t.Error("answered before there are leaders")
	}
	b.reply(wait.Reply, nil, kerr.RequestTimedOut)
	a := response[*kmsg.FindCoordinatorResponse](b, r)
	if len(a.Coordinators) != 2 || a.Coordinators[0].ErrorCode != kerr.CoordinatorNotAvailable.Code {
		t.Errorf("without a leader: %+v", a)
	}
	for kind, want := range map[int8]*kerr.Error{transactionKey: kerr.TransactionalIDAuthorizationFailed, shareKey: kerr.InvalidRequest, 9: kerr.InvalidRequest} {
		q := kmsg.NewPtrFindCoordinatorRequest()
		q.Version, q.CoordinatorKey, q.CoordinatorType = 3, "x", kind
		if a := response[*kmsg.FindCoordinatorResponse](b, b.send(q)); a.ErrorCode != want.Code {
			t.Errorf("kind %d: %+v", kind, a)
		}
	}
}

func TestCreateTopicsWaitsForLeaders(t *testing.T) {
	b := newBench(t, nil)
	q := kmsg.NewPtrCreateTopicsRequest()
	q.Version, q.TimeoutMillis = 7, 1234
	for _, name := range []string{"good", "bad"} {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
		q.Topics = append(q.Topics, topic)
	}
	r := b.send(q)
	made := kmsg.NewPtrCreateTopicsResponse()
	good, bad := kmsg.NewCreateTopicsResponseTopic(), kmsg.NewCreateTopicsResponseTopic()
	good.Topic, good.TopicID = "good", [16]byte{1}
	bad.Topic, bad.ErrorCode = "bad", kerr.InvalidTopicException.Code
	made.Topics = append(made.Topics, good, bad)
	b.reply(next[*messages.Coordinate](b).Reply, made, nil)
	wait := next[*messages.AwaitLeaders](b)
	if len(wait.Topics) != 1 || wait.Topics[0] != (kafka.TopicID{1}) || wait.TimeoutMillis != 1234 {
		t.Errorf("waits for %+v", wait)
	}
	if response[*kmsg.CreateTopicsResponse](b, r) != nil {
		t.Error("answered before there are leaders")
	}
	b.reply(wait.Reply, nil, kerr.RequestTimedOut)
	a := response[*kmsg.CreateTopicsResponse](b, r)
	if a.Topics[0].ErrorCode != kerr.RequestTimedOut.Code || a.Topics[0].NumPartitions != -1 || a.Topics[0].Configs == nil || a.Topics[1].ErrorCode != kerr.InvalidTopicException.Code {
		t.Errorf("%+v", a.Topics)
	}
}

// A topic that is named twice is answered once, and made once.
func TestMetadataNamesTopicsOnce(t *testing.T) {
	b := newBench(t, nil)
	if a := response[*kmsg.MetadataResponse](b, b.send(metadataRequest(9, "orders", "orders"))); len(a.Topics) != 1 {
		t.Errorf("%d rows", len(a.Topics))
	}
	b.send(metadataRequest(9, "new", "new"))
	if create := next[*messages.Coordinate](b).Body.(*kmsg.CreateTopicsRequest); len(create.Topics) != 1 {
		t.Errorf("asks for %+v", create.Topics)
	}
}

// Versions 10 and 11 have ids and can't be asked by them; from version 12 on an id wins over the name beside it.
func TestMetadataByIDAndName(t *testing.T) {
	b := newBench(t, nil)
	name := "other"
	for version, want := range map[int16]int16{10: kerr.InvalidRequest.Code, 11: kerr.InvalidRequest.Code, 12: 0, 13: 0} {
		q := metadataRequest(version)
		q.Topics = []kmsg.MetadataRequestTopic{{Topic: &name, TopicID: b.env.Router.View().Image.Topic("orders").ID}}
		a := response[*kmsg.MetadataResponse](b, b.send(q))
		if len(a.Topics) != 1 || a.Topics[0].ErrorCode != want || want == 0 && *a.Topics[0].Topic != "orders" {
			t.Errorf("version %d: %+v", version, a.Topics)
		}
	}
	q := metadataRequest(12)
	q.Topics = []kmsg.MetadataRequestTopic{{Topic: &name, TopicID: [16]byte{9}}}
	if a := response[*kmsg.MetadataResponse](b, b.send(q)); a.Topics[0].ErrorCode != kerr.UnknownTopicID.Code || a.Topics[0].Topic != nil || len(b.asked) > 0 {
		t.Errorf("%+v, asked %v", a.Topics, b.asked)
	}
}
