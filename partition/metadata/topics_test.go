package metadata

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

func TestCreateTopics(t *testing.T) {
	assigned := func(name string, partitions ...[]int32) kmsg.CreateTopicsRequestTopic {
		q := topic(name, -1)
		for i, brokers := range partitions {
			q.ReplicaAssignment = append(q.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: brokers})
		}
		return q
	}
	with := func(q kmsg.CreateTopicsRequestTopic, change func(*kmsg.CreateTopicsRequestTopic)) kmsg.CreateTopicsRequestTopic {
		change(&q)
		return q
	}
	tests := []struct {
		name string
		q    kmsg.CreateTopicsRequestTopic
		want *kerr.Error
	}{
		{"defaults", topic("a", -1), nil},
		{"a name with every kind of character", topic("A-z.0_9", 1), nil},
		{"a setting", topic("b", 1, "retention.ms", "1000"), nil},
		{"chosen replicas", assigned("c", []int32{2, 1}, []int32{1, 2}), nil},
		{"exists", topic("old", 1), kerr.TopicAlreadyExists},
		{"no name", topic("", 1), kerr.InvalidTopicException},
		{"the metadata's own log", topic("__cluster_metadata", 1), kerr.InvalidRequest},
		{"dots", topic("..", 1), kerr.InvalidTopicException},
		{"a slash", topic("a/b", 1), kerr.InvalidTopicException},
		{"too long", topic(strings.Repeat("x", 250), 1), kerr.InvalidTopicException},
		{"collides", topic("o.ld_", 1), nil},
		{"collides with an old one", topic("ol_d", 1), kerr.InvalidTopicException},
		{"no partitions", topic("d", 0), kerr.InvalidPartitions},
		{"negative partitions", topic("d", -2), kerr.InvalidPartitions},
		{"too many replicas", with(topic("d", 1), func(q *kmsg.CreateTopicsRequestTopic) { q.ReplicationFactor = 3 }), kerr.InvalidReplicationFactor},
		{"no replicas", with(topic("d", 1), func(q *kmsg.CreateTopicsRequestTopic) { q.ReplicationFactor = 0 }), kerr.InvalidReplicationFactor},
		{"an unknown setting", topic("d", 1, "retention.mss", "1"), kerr.InvalidConfig},
		{"a bad value", topic("d", 1, "retention.ms", "soon"), kerr.InvalidConfig},
		{"compaction", topic("d", 1, "cleanup.policy", "compact"), kerr.InvalidConfig},
		{"a setting without a value", with(topic("d", 1, "retention.ms", ""), func(q *kmsg.CreateTopicsRequestTopic) { q.Configs[0].Value = nil }), kerr.InvalidConfig},
		{"a broker that is not there", assigned("d", []int32{9}), kerr.InvalidReplicaAssignment},
		{"a broker twice", assigned("d", []int32{1, 1}), kerr.InvalidReplicaAssignment},
		{"uneven replicas", assigned("d", []int32{1, 2}, []int32{1}), kerr.InvalidReplicaAssignment},
		{"replicas and their number", with(assigned("d", []int32{1}), func(q *kmsg.CreateTopicsRequestTopic) { q.NumPartitions = 1 }), kerr.InvalidRequest},
	}
	l := newLab(t, 1, 2)
	if two := l.create(topic("old", 1), topic("ol.d", 1), topic("ol_d", 1)); two[1].ErrorCode != 0 || two[2].ErrorCode != kerr.InvalidTopicException.Code {
		t.Errorf("two of one request that collide are answered with %+v", two)
	}
	for _, test := range tests {
		a := l.create(test.q)[0]
		want := int16(0)
		if test.want != nil {
			want = test.want.Code
		}
		if a.ErrorCode != want {
			t.Errorf("%s: %s (%v), want %s", test.name, kafka.CodeName(a.ErrorCode), deref(a.ErrorMessage), kafka.CodeName(want))
		}
		if made := l.c.image.Topic(test.q.Topic) != nil; made != (a.ErrorCode == 0) && test.want != kerr.TopicAlreadyExists {
			t.Errorf("%s: answered %s, exists: %v", test.name, kafka.CodeName(a.ErrorCode), made)
		}
	}
}

func TestCreateTopicsTwiceInOneRequestOrOnlyChecked(t *testing.T) {
	l := newLab(t, 1)
	if a := l.create(topic("twice", 1), topic("twice", 1), topic("once", 1)); len(a) != 2 || a[0].ErrorCode != kerr.InvalidRequest.Code || a[1].ErrorCode != 0 {
		t.Errorf("%+v", a)
	}
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Topics, r.ValidateOnly = []kmsg.CreateTopicsRequestTopic{topic("maybe", 2)}, true
	response, _, wrote := l.ask(r)
	if a := response.(*kmsg.CreateTopicsResponse).Topics[0]; wrote || a.ErrorCode != 0 || a.NumPartitions != 2 || a.ReplicationFactor != 1 {
		t.Errorf("wrote: %v, answer: %+v", wrote, a)
	}
}

func TestDeleteTopics(t *testing.T) {
	l := newLab(t, 1)
	id := kafka.TopicID(l.create(topic("a", 1, "retention.ms", "5"))[0].TopicID)
	l.ask(&CreateInternalTopic{Topic: "__consumer_offsets", Partitions: 4, ReplicationFactor: 1})
	internal := "__consumer_offsets"
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: [16]byte{9}}, {TopicID: id}, {Topic: &internal}}
	response, _, _ := l.ask(r)
	var codes []int16
	for _, a := range response.(*kmsg.DeleteTopicsResponse).Topics {
		codes = append(codes, a.ErrorCode)
	}
	if want := []int16{kerr.UnknownTopicID.Code, 0, kerr.InvalidRequest.Code}; !reflect.DeepEqual(codes, want) {
		t.Errorf("%v, want %v", codes, want)
	}
	l.create(topic("a", 1))
	if values := l.c.image.Config(Resource{TopicResource, "a"}); len(values) != 0 {
		t.Errorf("the new topic has the old one's settings: %v", values)
	}
}

// The offsets' topic is the cluster's own whoever makes it: groups would find no coordinator in it else.
func TestOffsetsTopicMadeByAClient(t *testing.T) {
	l := newLab(t, 1)
	if a := l.create(topic("__consumer_offsets", 3))[0]; a.ErrorCode != 0 || a.NumPartitions != 3 {
		t.Fatalf("%+v", a)
	}
	made := l.c.image.Topic("__consumer_offsets")
	if policy := l.c.image.Config(Resource{TopicResource, made.Name})["cleanup.policy"]; !made.Internal || policy != "compact" {
		t.Errorf("internal: %v, cleanup.policy: %q", made.Internal, policy)
	}
	id, err, wrote := l.ask(&CreateInternalTopic{Topic: "__consumer_offsets", Partitions: 4, ReplicationFactor: 1})
	if id != made.ID || err != nil || wrote {
		t.Errorf("%v, error %v, wrote: %v", id, err, wrote)
	}
}

// A topic that one request names twice, in whatever ways, is refused with one row, and stays as it is.
func TestTopicsNamedTwice(t *testing.T) {
	l := newLab(t, 1)
	id := l.create(topic("a", 1))[0].TopicID
	b := l.create(topic("b", 1))[0].TopicID
	a, other := "a", "b"
	type asked = kmsg.DeleteTopicsRequestTopic
	for want, topics := range map[string][]asked{
		"Duplicate topic name.":                                            {{Topic: &a}, {Topic: &a}},
		"You may not specify both topic name and topic id.":                {{Topic: &a, TopicID: id}},
		"Neither topic name nor id were specified.":                        {{}},
		"Duplicate topic id.":                                              {{TopicID: id}, {TopicID: id}},
		"The provided topic name maps to an ID that was already supplied.": {{TopicID: id}, {Topic: &a}},
		"Duplicate topic name.; Duplicate topic id.":                       {{Topic: &a}, {TopicID: b}, {Topic: &a}, {TopicID: b}},
		"The provided topic name maps to an ID that was already supplied.; Neither topic name nor id were specified.": {{Topic: &other}, {}, {TopicID: b}},
	} {
		r := kmsg.NewPtrDeleteTopicsRequest()
		r.Topics = topics
		response, _, wrote := l.ask(r)
		var got []string
		for _, a := range response.(*kmsg.DeleteTopicsResponse).Topics {
			if a.ErrorCode != kerr.InvalidRequest.Code {
				t.Errorf("%s: %s", want, kafka.CodeName(a.ErrorCode))
			}
			got = append(got, deref(a.ErrorMessage))
		}
		if strings.Join(got, "; ") != want || wrote {
			t.Errorf("%q, want %q; wrote: %v", got, want, wrote)
		}
	}
	r := kmsg.NewPtrCreatePartitionsRequest()
	r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "a", Count: 3}, {Topic: "a", Count: 4}}
	response, _, wrote := l.ask(r)
	if rows := response.(*kmsg.CreatePartitionsResponse).Topics; len(rows) != 1 || rows[0].ErrorCode != kerr.InvalidRequest.Code || wrote {
		t.Errorf("%+v, wrote: %v", rows, wrote)
	}
}

// The answer tells the settings of a topic, those that brokers have for it among them, and with an error none, which is not null (KIP-525).
func TestCreateTopicsTellsSettings(t *testing.T) {
	l := newLab(t, 1)
	l.c.o.Broker, l.c.o.Static = 1, map[string]string{"log.retention.bytes": "77"}
	eight := "8"
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 4, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "log.retention.ms", Value: &eight}}}}
	l.ask(r)
	got := map[string]string{}
	for _, c := range l.create(topic("a", 1, "segment.bytes", " 1048576 "))[0].Configs {
		got[c.Name] = fmt.Sprintf("%s from %d", *c.Value, c.Source)
	}
	for name, want := range map[string]string{"segment.bytes": "1048576 from 1", "retention.ms": "8 from 3", "retention.bytes": "77 from 4", "preallocate": "false from 5"} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	if a := l.create(topic("b", 0))[0]; a.Configs == nil || len(a.Configs) != 0 {
		t.Errorf("with an error the settings are %v", a.Configs)
	}
	validate := kmsg.NewPtrCreateTopicsRequest()
	validate.Topics, validate.ValidateOnly = []kmsg.CreateTopicsRequestTopic{topic("c", 1)}, true
	if response, _, _ := l.ask(validate); response.(*kmsg.CreateTopicsResponse).Topics[0].TopicID == [16]byte{} {
		t.Error("a topic that is only checked has no id")
	}
}

// A request for many topics costs each of them as much as one for few.
func BenchmarkTopicsOfOneRequest(b *testing.B) {
	for _, n := range []int{1000, partitionsPerRequest - 1} {
		create, remove := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewPtrDeleteTopicsRequest()
		for i := range n {
			name := fmt.Sprintf("orders.eu_%d", i)
			create.Topics = append(create.Topics, topic(name, 1))
			remove.TopicNames = append(remove.TopicNames, name)
		}
		c := NewController(ControllerOptions{ClusterID: "founded", DefaultReplicationFactor: 1, DeleteTopics: true})
		if _, err := c.Restore(time.Time{}, []partition.KeyValue{brokerRow(&Broker{ID: 1})}); err != nil {
			b.Fatal(err)
		}
		for _, step := range []struct {
			name       string
			body, undo any
		}{{"create", create, remove}, {"delete", remove, create}} {
			b.Run(fmt.Sprintf("%s=%d", step.name, n), func(b *testing.B) {
				for b.Loop() {
					if step.name == "delete" {
						b.StopTimer()
						c.Handle(time.Time{}, &partition.Request{Body: step.undo})
						b.StartTimer()
					}
					c.Handle(time.Time{}, &partition.Request{Body: step.body})
					if step.name == "create" {
						b.StopTimer()
						c.Handle(time.Time{}, &partition.Request{Body: step.undo})
						b.StartTimer()
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/topic")
			})
		}
	}
}
