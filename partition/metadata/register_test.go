package metadata

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// Each script is a list of steps, with what the controller answers to each and, last, the rows of the brokers and topics that come of it.
func TestRegisterBroker(t *testing.T) {
	type step struct {
		body any
		want string // raft id, error and whether rows were written
	}
	register := func(b Broker) *RegisterBroker {
		b.Host, b.Port = "h", 9092
		return &RegisterBroker{b}
	}
	unregister := func(id int32) *kmsg.UnregisterBrokerRequest {
		r := kmsg.NewPtrUnregisterBrokerRequest()
		r.BrokerID = id
		return r
	}
	create := func(name string, partitions int, replicas ...int32) *kmsg.CreateTopicsRequest {
		r := kmsg.NewPtrCreateTopicsRequest()
		q := topic(name, -1)
		for i := range partitions {
			q.ReplicaAssignment = append(q.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: replicas})
		}
		r.Topics = []kmsg.CreateTopicsRequestTopic{q}
		return r
	}
	founder := step{register(Broker{ID: 1, StoreID: "a", RaftID: 1, Link: "l1:1"}), "1, written"}
	second := step{register(Broker{ID: 2, StoreID: "b", Link: "l2:1"}), "2, written"}
	third := step{register(Broker{ID: 3, StoreID: "c", Link: "l3:1"}), "3, written"}
	for _, test := range []struct {
		name  string
		old   []string // rows that are there before, key and value
		steps []step
		want  []string
	}{
		{"the founder and two more", nil, []step{founder, second, third}, []string{
			`broker/1 {"store":"a","link":"l1:1","raft":1,"host":"h","port":9092}`,
			`broker/2 {"store":"b","link":"l2:1","raft":2,"host":"h","port":9092}`,
			`broker/3 {"store":"c","link":"l3:1","raft":3,"host":"h","port":9092}`,
		}},
		{"a row has what it needs of it", nil, []step{
			{register(Broker{ID: 1, StoreID: "a", RaftID: 1, Incarnation: 0xfedcba9876543210, Fenced: true, Level: 4, Rack: "r"}), "1, written"},
		}, []string{`broker/1 {"store":"a","fenced":true,"raft":1,"level":4,"host":"h","port":9092,"rack":"r","incarnation":"fedcba9876543210"}`}},
		{"nobody before the founder", nil, []step{
			{second.body, "BROKER_NOT_AVAILABLE: The node that founded the cluster has not registered yet; ask again."}, founder, second,
		}, nil},
		{"the same again", nil, []step{founder, second,
			{founder.body, "1"},
			{second.body, "2"},
			{register(Broker{ID: 2, StoreID: "b", RaftID: 2, Link: "l2:1"}), "2"},
		}, nil},
		{"another process with the same store", nil, []step{founder, second,
			{register(Broker{ID: 2, StoreID: "b", Link: "l2:1", Incarnation: 7, Fenced: true}), "2, written"},
			{register(Broker{ID: 2, StoreID: "b", Link: "l2:1", Incarnation: 7}), "2, written"},
		}, []string{``, `broker/2 {"store":"b","link":"l2:1","raft":2,"host":"h","port":9092,"incarnation":"7"}`}},
		{"a row of a time when there was one node", []string{`broker/1 {"store":"a","host":"h","port":9092}`}, []step{founder, second}, []string{
			`broker/1 {"store":"a","link":"l1:1","raft":1,"host":"h","port":9092}`,
		}},
		{"a wiped node", nil, []step{founder, second, {create("t", 1, 1, 2), "written"}, {create("u", 1, 1), "written"},
			{register(Broker{ID: 2, StoreID: "b2", Link: "l2:1"}), "3, written"},
			{register(Broker{ID: 2, StoreID: "b3", Link: "l2:1"}), "4, written"},
			{register(Broker{ID: 2, StoreID: "b3", Link: "l2:1"}), "4"},
			{third.body, "5, written"},
		}, []string{``, `broker/2 {"store":"b3","link":"l2:1","raft":4,"host":"h","port":9092}`, ``,
			`topic/t [{"number":2,"replicas":[{"broker":1,"raft":1},{"broker":2,"raft":4}],"founders":2,"next":5}]`,
			`topic/u [{"number":3,"replicas":[{"broker":1,"raft":1}],"founders":1}]`,
		}},
		{"the founder, wiped", nil, []step{founder, second, {create("t", 2, 1, 2), "written"},
			{register(Broker{ID: 1, StoreID: "a2", Link: "l1:1"}), "3, written"},
			// The old folder, put back, has no claim to what it had.
			{register(Broker{ID: 1, StoreID: "a", RaftID: 1, Link: "l1:1"}), "INVALID_REGISTRATION: The data folder of broker 1 (store a) was once of this cluster, and is not registered any more. Start the broker with an empty one."},
		}, []string{`broker/1 {"store":"a2","link":"l1:1","raft":3,"host":"h","port":9092}`, ``,
			`topic/t [{"number":2,"replicas":[{"broker":1,"raft":3},{"broker":2,"raft":2}],"founders":2,"next":4},` +
				`{"number":3,"replicas":[{"broker":1,"raft":3},{"broker":2,"raft":2}],"founders":2,"next":4}]`,
		}},
		{"a wiped node with partitions of a time when there was one", []string{
			`broker/1 {"store":"a","host":"h","port":9092}`, `topic/t {"partitions":[{"number":1,"replicas":[{"broker":1,"raft":1}]}]}`,
		}, []step{founder, second, {register(Broker{ID: 1, StoreID: "a2", Link: "l1:1"}), "3, written"}}, []string{``, ``,
			`topic/t [{"number":1,"replicas":[{"broker":1,"raft":2}],"next":3}]`,
		}},
		{"no store", nil, []step{{register(Broker{ID: 1, RaftID: 1}), "INVALID_REGISTRATION: Broker 1 says no store id; start it with a data folder of its own."}}, nil},
		{"a copied folder", nil, []step{founder,
			{register(Broker{ID: 2, StoreID: "a", Link: "l2:1"}), "INVALID_REGISTRATION: The data folder of broker 2 is a copy of broker 1's (store a); two nodes can't share a folder. Start broker 2 with an empty one."},
		}, nil},
		{"a link address that another has", nil, []step{founder, second,
			{register(Broker{ID: 3, StoreID: "c", Link: "l2:1"}), "INVALID_REGISTRATION: Broker 2 has the link address l2:1 already; give broker 3 another one, or, where it takes the place of broker 2, start it with that node id."},
			{&FenceBroker{ID: 2}, "written"},
			{register(Broker{ID: 3, StoreID: "c", Link: "l2:1"}), "3, written"},
		}, nil},
		{"levels", nil, []step{
			{register(Broker{ID: 1, StoreID: "a", RaftID: 1, Level: 2}), "1, written"},
			{register(Broker{ID: 2, StoreID: "b", Level: 1}), "UNSUPPORTED_VERSION: Broker 2 is of an older version (feature level 1) than the cluster has already (2); start the version that the other brokers run."},
			{register(Broker{ID: 2, StoreID: "b", Level: 3}), "2, written"},
			{register(Broker{ID: 2, StoreID: "b", Level: 2}), "2, written"}, // what the cluster has is what all know
			{register(Broker{ID: 2, StoreID: "b", Level: 3}), "2, written"},
			{register(Broker{ID: 1, StoreID: "a", Level: 3}), "1, written"},
			{register(Broker{ID: 1, StoreID: "a", Level: 2}), "UNSUPPORTED_VERSION: Broker 1 is of an older version (feature level 2) than the cluster has already (3); start the version that the other brokers run."},
		}, nil},
		{"fencing", nil, []step{founder,
			{register(Broker{ID: 2, StoreID: "b", Incarnation: 7}), "2, written"},
			{&FenceBroker{ID: 2, Incarnation: 6}, ""},
			{&FenceBroker{ID: 3, Incarnation: 6}, ""},
			{&FenceBroker{ID: 2, Incarnation: 7}, "written"},
			{&FenceBroker{ID: 2, Incarnation: 7}, ""},
		}, []string{``, `broker/2 {"store":"b","fenced":true,"raft":2,"host":"h","port":9092,"incarnation":"7"}`}},
		{"unregistering", nil, []step{founder, second, {create("t", 2, 1, 2), "written"}, {create("u", 1, 1), "written"},
			{unregister(3), "BROKER_ID_NOT_REGISTERED: Broker 3 is not registered."},
			{unregister(2), "INVALID_REQUEST: Broker 2 still has 2 replica(s), one of them of t-0; drain it first (troupe cluster drain 2), then unregister it."},
			{&kmsg.DeleteTopicsRequest{TopicNames: []string{"t"}}, "written"},
			{unregister(2), "INVALID_REQUEST: Broker 2 is not fenced: it may still be at work. Stop it first, then unregister it; where it has died, ten seconds later."},
			{&FenceBroker{ID: 2}, "written"},
			{unregister(2), "written"},
			{unregister(2), "BROKER_ID_NOT_REGISTERED: Broker 2 is not registered."},
			{register(Broker{ID: 2, StoreID: "b", RaftID: 2, Link: "l2:1"}), "INVALID_REGISTRATION: The data folder of broker 2 (store b) was once of this cluster, and is not registered any more. Start the broker with an empty one."},
			{second.body, "3, written"}, // its old raft id is not given again
		}, []string{``, `broker/2 {"store":"b","link":"l2:1","raft":3,"host":"h","port":9092}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			for _, kv := range test.old {
				key, value, _ := strings.Cut(kv, " ")
				l.rows = append(l.rows, partition.KeyValue{Key: []byte(key), Value: []byte(value)})
			}
			l.restart()
			for i, s := range test.steps {
				if i%2 == 1 {
					l.restart() // nothing hangs on what only one controller knows
				}
				if got := said(l.ask(s.body)); got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
			}
			got := l.told()
			for i, want := range test.want {
				if want != "" && (i >= len(got) || got[i] != want) {
					t.Errorf("row %d is not %s; all are\n%s", i, want, strings.Join(got, "\n"))
				}
			}
		})
	}
}

// said is a controller's answer in words.
func said(response any, err error, wrote bool) string {
	var out []string
	switch r := response.(type) {
	case *Registered:
		out = append(out, fmt.Sprint(r.RaftID))
	case *kmsg.UnregisterBrokerResponse:
		err = messageOf(r.ErrorCode, r.ErrorMessage)
	case *kmsg.CreateTopicsResponse:
		err = messageOf(r.Topics[0].ErrorCode, r.Topics[0].ErrorMessage)
	case *kmsg.DeleteTopicsResponse:
		err = messageOf(r.Topics[0].ErrorCode, r.Topics[0].ErrorMessage)
	}
	if err != nil {
		out = append(out, kafka.CodeName(kafka.Code(err))+": "+deref(kafka.Message(err)))
	}
	if wrote {
		out = append(out, "written")
	}
	return strings.Join(out, ", ")
}

func messageOf(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	return kafka.Errorf(kerr.TypedErrorForCode(code), "%s", deref(message))
}

// told are the rows of the brokers and then those of the topics, without their ids.
func (l *lab) told() (out []string) {
	for _, b := range l.c.image.Brokers() {
		kv := brokerRow(b)
		out = append(out, string(kv.Key)+" "+string(kv.Value))
	}
	for _, t := range l.c.image.Topics() {
		partitions, err := json.Marshal(t.Partitions)
		if err != nil {
			l.t.Fatal(err)
		}
		out = append(out, topicPrefix+t.Name+" "+string(partitions))
	}
	return out
}

// A broker that comes back wiped has all its replicas renewed in one batch, which stays near the size of what creating one large topic writes.
func TestWipedBrokerInOneBatch(t *testing.T) {
	l := newLab(t, 1, 2, 3)
	for i := range 100 {
		q := topic(fmt.Sprintf("a-topic-with-a-name-%d", i), 100)
		q.ReplicationFactor = 3
		if a := l.create(q)[0]; a.ErrorCode != 0 {
			t.Fatal(kafka.CodeName(a.ErrorCode))
		}
	}
	out := l.c.Handle(time.Time{}, &partition.Request{Body: &RegisterBroker{Broker{ID: 2, StoreID: "new"}}})
	bytes := 0
	for _, kv := range out.Records {
		bytes += len(kv.Key) + len(kv.Value)
	}
	t.Logf("%d rows, %d bytes", len(out.Records), bytes)
	if len(out.Records) != 102 || bytes > 3<<19 {
		t.Errorf("%d rows of %d bytes for 10,000 replicas", len(out.Records), bytes)
	}
	for _, tp := range l.c.image.ReplicasOn(2) {
		if r, ok := l.c.image.Partition(tp).ReplicaOn(2); !ok || r.RaftID != 4 {
			t.Fatalf("%v has %+v on the broker", tp, r)
		}
	}
}
