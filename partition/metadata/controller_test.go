package metadata

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// A lab is a controller, and the rows that its log would hold.
type lab struct {
	t       *testing.T
	c       *Controller
	rows    []partition.KeyValue
	tickets partition.Ticket
}

func newLab(t *testing.T, brokers ...kafka.BrokerID) *lab {
	l := &lab{t: t}
	l.restart()
	for _, id := range brokers {
		l.ask(&RegisterBroker{Broker{ID: id, StoreID: "s", Host: "localhost", Port: 9092}})
	}
	return l
}

func (l *lab) restart() {
	l.t.Helper()
	l.c = NewController(ControllerOptions{ClusterID: "founded", DefaultPartitions: 3, DefaultReplicationFactor: 1, DeleteTopics: true})
	out, err := l.c.Restore(time.Time{}, l.rows)
	if err != nil {
		l.t.Fatal(err)
	}
	l.rows = append(l.rows, out.Records...)
}

// ask returns the one answer that every request gets at once, and whether it wrote anything.
func (l *lab) ask(body any) (response any, err error, wrote bool) {
	l.t.Helper()
	l.tickets++
	out := l.c.Handle(time.Time{}, &partition.Request{Ticket: l.tickets, Body: body, Nonce: [16]byte{1, 15: byte(16 * l.tickets)}})
	if len(out.Replies) != 1 || out.Replies[0].Ticket != l.tickets {
		l.t.Fatalf("%T was answered with %+v", body, out.Replies)
	}
	l.rows = append(l.rows, out.Records...)
	return out.Replies[0].Response, out.Replies[0].Err, len(out.Records) > 0
}

func topic(name string, partitions int32, configs ...string) kmsg.CreateTopicsRequestTopic {
	q := kmsg.NewCreateTopicsRequestTopic()
	q.Topic, q.NumPartitions, q.ReplicationFactor = name, partitions, -1
	for i := 0; i < len(configs); i += 2 {
		kv := kmsg.NewCreateTopicsRequestTopicConfig()
		kv.Name, kv.Value = configs[i], &configs[i+1]
		q.Configs = append(q.Configs, kv)
	}
	return q
}

func (l *lab) create(topics ...kmsg.CreateTopicsRequestTopic) []kmsg.CreateTopicsResponseTopic {
	l.t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Topics = topics
	response, _, _ := l.ask(r)
	return response.(*kmsg.CreateTopicsResponse).Topics
}

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
	l.create(topic("old", 1), topic("ol.d", 1))
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

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
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

// A number or an id that was given once is never given again: their old owners may still be on some disk.
func TestNothingIsGivenTwice(t *testing.T) {
	l := newLab(t, 1)
	numbers, ids := map[kafka.PartitionNumber]bool{}, map[kafka.TopicID]bool{}
	note := func() {
		t.Helper()
		for _, topic := range l.c.image.Topics() {
			ids[topic.ID] = true
			for _, p := range topic.Partitions {
				numbers[p.Number] = true
			}
		}
	}
	remove := func() {
		t.Helper()
		r := kmsg.NewPtrDeleteTopicsRequest()
		r.TopicNames = []string{"a"}
		response, _, _ := l.ask(r)
		if code := response.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode; code != 0 {
			t.Fatal(kafka.CodeName(code))
		}
	}
	for range 3 {
		l.create(topic("a", 2), topic("b", 1))
		note()
		r := kmsg.NewPtrCreatePartitionsRequest()
		more := kmsg.NewCreatePartitionsRequestTopic()
		more.Topic, more.Count = "a", 5
		r.Topics = append(r.Topics, more)
		if response, _, _ := l.ask(r); response.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode != 0 {
			t.Fatal("can't grow")
		}
		note()
		remove()
		l.restart()
	}
	if len(numbers) != 3*5+1 || len(ids) != 3+1 || numbers[kafka.MetadataPartition] {
		t.Errorf("%d numbers, %d ids", len(numbers), len(ids))
	}
	producers := map[int64]bool{}
	for i := range 2500 {
		response, _, _ := l.ask(kmsg.NewPtrInitProducerIDRequest())
		producers[response.(*kmsg.InitProducerIDResponse).ProducerID] = true
		if i%700 == 0 {
			l.restart()
		}
	}
	if len(producers) != 2500 {
		t.Errorf("%d producer ids for 2500 producers", len(producers))
	}
}

func TestCreatePartitionsOnlyGrows(t *testing.T) {
	l := newLab(t, 1)
	l.create(topic("a", 3))
	for count, want := range map[int32]int16{2: kerr.InvalidPartitions.Code, 3: kerr.InvalidPartitions.Code, 4: 0} {
		r := kmsg.NewPtrCreatePartitionsRequest()
		r.ValidateOnly = true
		r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "a", Count: count}, {Topic: "none", Count: count}}
		response, _, wrote := l.ask(r)
		got := response.(*kmsg.CreatePartitionsResponse).Topics
		if got[0].ErrorCode != want || got[1].ErrorCode != kerr.UnknownTopicOrPartition.Code || wrote {
			t.Errorf("%d: %+v", count, got)
		}
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

func TestAlterConfigs(t *testing.T) {
	l := newLab(t, 1)
	l.create(topic("a", 1, "retention.ms", "5"))
	incremental := func(kind kmsg.ConfigResourceType, name string, ops ...kmsg.IncrementalAlterConfigsRequestResourceConfig) int16 {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kind, ResourceName: name, Configs: ops}}
		response, _, _ := l.ask(r)
		return response.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode
	}
	op := func(name string, op kmsg.IncrementalAlterConfigOp, value string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
		return kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Op: op, Value: &value}
	}
	for _, test := range []struct {
		name string
		got  int16
		want int16
	}{
		{"set", incremental(2, "a", op("segment.bytes", 0, " 1048576 ")), 0},
		{"together or not at all", incremental(2, "a", op("segment.bytes", 1, ""), op("retention.ms", 0, "x")), kerr.InvalidConfig.Code},
		{"append to a number", incremental(2, "a", op("segment.bytes", 2, "1")), kerr.InvalidConfig.Code},
		{"no such topic", incremental(2, "b", op("segment.bytes", 0, "1048576")), kerr.UnknownTopicOrPartition.Code},
		{"a broker", incremental(4, "1", op("log.retention.ms", 0, "7")), 0},
		{"all brokers", incremental(4, "", op("log.retention.ms", 0, "8")), 0},
		{"no such broker", incremental(4, "2", op("log.retention.ms", 0, "7")), kerr.InvalidRequest.Code},
		{"a static setting", incremental(4, "", op("listeners", 0, "x")), kerr.InvalidRequest.Code},
		{"a broker's bad value", incremental(4, "1", op("log.retention.ms", 0, "soon")), kerr.InvalidRequest.Code},
		{"a broker that is no number", incremental(4, "one", op("log.retention.ms", 0, "7")), kerr.InvalidRequest.Code},
		{"a setting of Kafka's", incremental(4, "1", op("num.io.threads", 0, "7")), 0},
		{"no topic has that name", incremental(2, "bad name", op("segment.bytes", 0, "1048576")), kerr.InvalidTopicException.Code},
		{"all topics", incremental(2, "", op("segment.bytes", 0, "1048576")), kerr.InvalidRequest.Code},
		{"a resource without settings", incremental(8, "x", op("a", 0, "b")), kerr.InvalidRequest.Code},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.name, kafka.CodeName(test.got), kafka.CodeName(test.want))
		}
	}
	l.restart()
	if got, want := l.c.image.Config(Resource{TopicResource, "a"}), map[string]string{"retention.ms": "5", "segment.bytes": "1048576"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	whole := kmsg.NewPtrAlterConfigsRequest()
	value := "9"
	whole.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "a", Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}}}}
	l.ask(whole)
	if got, want := l.c.image.Config(Resource{TopicResource, "a"}), map[string]string{"retention.ms": "9"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The rows alone make the image again, whatever was done.
func TestImageComesBackFromItsRows(t *testing.T) {
	l := newLab(t, 1, 2)
	l.create(topic("a", 2, "retention.ms", "5"), topic("b", 1))
	l.ask(&CreateInternalTopic{Topic: "__consumer_offsets", Partitions: 4, ReplicationFactor: 1})
	before := l.c.image
	l.restart()
	if !reflect.DeepEqual(before, l.c.image) {
		t.Errorf("before %+v\nafter  %+v", before, l.c.image)
	}
	if l.c.image.ClusterID() != "founded" || l.c.image.PartitionCount() != 7 || !l.c.image.Topic("__consumer_offsets").Internal {
		t.Errorf("%+v", l.c.image)
	}
	if _, _, wrote := l.ask(&RegisterBroker{*l.c.image.Broker(2)}); wrote {
		t.Error("a broker that says what is known already is written again")
	}
	if _, err := l.c.image.Apply([]partition.KeyValue{{Key: []byte("quantum/1"), Value: []byte("{}")}}); err == nil {
		t.Error("a row of a newer version is taken for nothing")
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

// One request can't ask for more partitions than the node can hold, not even to see whether it could.
func TestPartitionsPerRequest(t *testing.T) {
	l := newLab(t, 1)
	l.create(topic("a", 1), topic("b", 1))
	for _, validateOnly := range []bool{true, false} {
		for _, wanted := range [][]kmsg.CreateTopicsRequestTopic{
			{topic("c", 1<<31-1)}, {topic("c", 10_000)}, {topic("c", 5000), topic("d", 5000)}, {topic("c", 9997), topic("d", -1)},
		} {
			r := kmsg.NewPtrCreateTopicsRequest()
			r.Topics, r.ValidateOnly = wanted, validateOnly
			response, _, wrote := l.ask(r)
			for _, a := range response.(*kmsg.CreateTopicsResponse).Topics {
				if a.ErrorCode != kerr.PolicyViolation.Code || wrote {
					t.Errorf("%d partitions: %+v", wanted[0].NumPartitions, a)
				}
			}
		}
		for _, counts := range [][2]int32{{1<<31 - 1, 1<<31 - 1}, {10_001, 2}, {5001, 5001}} {
			r := kmsg.NewPtrCreatePartitionsRequest()
			r.ValidateOnly = validateOnly
			r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "a", Count: counts[0]}, {Topic: "b", Count: counts[1]}}
			response, _, wrote := l.ask(r)
			for _, a := range response.(*kmsg.CreatePartitionsResponse).Topics {
				if a.ErrorCode != kerr.PolicyViolation.Code || wrote {
					t.Errorf("%v: %+v", counts, a)
				}
			}
		}
	}
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Topics, r.ValidateOnly = []kmsg.CreateTopicsRequestTopic{topic("c", 9999)}, true
	if response, _, _ := l.ask(r); response.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode != 0 {
		t.Errorf("%+v", response)
	}
	if _, err, _ := l.ask(&CreateInternalTopic{Topic: "__consumer_offsets", Partitions: 1<<31 - 1, ReplicationFactor: 1}); kafka.Code(err) != kerr.PolicyViolation.Code {
		t.Errorf("error %v", err)
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

// What one request says twice of a resource's settings is not done at all.
func TestAlterConfigsTwice(t *testing.T) {
	l := newLab(t, 1)
	l.create(topic("a", 1, "retention.ms", "5"))
	one, two := "1", "2"
	set := func(name string, value *string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
		return kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Value: value}
	}
	put := func(name string, value *string) kmsg.AlterConfigsRequestResourceConfig {
		return kmsg.AlterConfigsRequestResourceConfig{Name: name, Value: value}
	}
	incremental := func(resources ...[]kmsg.IncrementalAlterConfigsRequestResourceConfig) kmsg.Request {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		for _, configs := range resources {
			r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: 2, ResourceName: "a", Configs: configs})
		}
		return r
	}
	whole := func(resources ...[]kmsg.AlterConfigsRequestResourceConfig) kmsg.Request {
		r := kmsg.NewPtrAlterConfigsRequest()
		for _, configs := range resources {
			r.Resources = append(r.Resources, kmsg.AlterConfigsRequestResource{ResourceType: 2, ResourceName: "a", Configs: configs})
		}
		return r
	}
	type inc = []kmsg.IncrementalAlterConfigsRequestResourceConfig
	type alt = []kmsg.AlterConfigsRequestResourceConfig
	for name, r := range map[string]kmsg.Request{
		"a key, incrementally":      incremental(inc{set("segment.ms", &one), set("segment.ms", &two)}),
		"a resource, incrementally": incremental(inc{set("segment.ms", &one)}, inc{set("retention.ms", &two)}),
		"a key":                     whole(alt{put("segment.ms", &one), put("segment.ms", &two)}),
		"a resource":                whole(alt{put("segment.ms", &one)}, alt{put("retention.ms", &two)}),
	} {
		response, _, wrote := l.ask(r)
		var codes []int16
		switch response := response.(type) {
		case *kmsg.IncrementalAlterConfigsResponse:
			for _, a := range response.Resources {
				codes = append(codes, a.ErrorCode)
			}
		case *kmsg.AlterConfigsResponse:
			for _, a := range response.Resources {
				codes = append(codes, a.ErrorCode)
			}
		}
		if wrote || slices.ContainsFunc(codes, func(code int16) bool { return code != kerr.InvalidRequest.Code }) {
			t.Errorf("%s twice: %v, wrote: %v", name, codes, wrote)
		}
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
