package metadata

import (
	"fmt"
	"reflect"
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
	for i, id := range brokers {
		b := Broker{ID: id, StoreID: fmt.Sprintf("s%d", id), Host: "localhost", Port: 9092}
		if i == 0 {
			b.RaftID = FounderRaftID
		}
		if _, err, _ := l.ask(&RegisterBroker{b}); err != nil {
			t.Fatal(err)
		}
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

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
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
	if l.c.image.ClusterID() != "founded" || len(l.c.image.byNumber) != 7 || !l.c.image.Topic("__consumer_offsets").Internal {
		t.Errorf("%+v", l.c.image)
	}
	if _, _, wrote := l.ask(&RegisterBroker{*l.c.image.Broker(2)}); wrote {
		t.Error("a broker that says what is known already is written again")
	}
	if _, err := l.c.image.Apply([]partition.KeyValue{{Key: []byte("quantum/1"), Value: []byte("{}")}}); err == nil {
		t.Error("a row of a newer version is taken for nothing")
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
