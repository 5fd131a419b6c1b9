package metadata

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// imageOf is the image of six brokers in three racks, a, b and c in turn, and of topic t, which is the rows of its partitions, a semicolon, and the rest of its row. Those named
// in fenced or draining are.
func imageOf(t *testing.T, fenced, draining []int, topic string) *Image {
	t.Helper()
	var rows []partition.KeyValue
	add := func(key, value string) {
		rows = append(rows, partition.KeyValue{Key: []byte(key), Value: []byte(value)})
	}
	for id := 1; id <= 6; id++ {
		add(fmt.Sprint("broker/", id), fmt.Sprintf(`{"store":"s%d","rack":"%c","fenced":%v}`, id, 'a'+(id-1)%3, slices.Contains(fenced, id)))
	}
	for _, id := range draining {
		add(fmt.Sprint("config/broker/", id), `{"broker.draining":"true"}`)
	}
	partitions, more, _ := strings.Cut(topic, ";")
	add("topic/t", fmt.Sprintf(`{"partitions":[%s],%s}`, partitions, more))
	image, err := NewImage().Apply(rows)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// at is the row of a partition on brokers, each with a raft id like its own.
func at(number int, more string, brokers ...int) string {
	var replicas []string
	for _, b := range brokers {
		replicas = append(replicas, fmt.Sprintf(`{"broker":%d,"raft":%d}`, b, b))
	}
	return fmt.Sprintf(`{"number":%d,"founders":6,"replicas":[%s]%s}`, number, strings.Join(replicas, ","), more)
}

const (
	fixed    = `;"internal":false`
	internal = `;"internal":true`
	growing  = `;"grows":true`
	stays    = `;"internal":true,"grows":false`
)

func TestMoves(t *testing.T) {
	all := []kafka.BrokerID{1, 2, 3, 4, 5, 6}
	var many []string
	for number := 1; number <= 12; number++ {
		many = append(many, at(number, "", 1))
	}
	const (
		added    = `,"automatic":true,"adding":[5]`                 // of 1 and 2 and 5
		replaced = `,"automatic":true,"adding":[6],"removing":[3]`  // of 1, 2, 6, 3
		asked    = `,"adding":[6],"removing":[3]`                   // by somebody
		both     = `,"automatic":true,"adding":[5,6],"removing":[]` // of 1, 5, 6
	)
	for _, test := range []struct {
		name             string
		topic            string
		fenced, draining []int
		live             []kafka.BrokerID
		leaderless       []kafka.PartitionNumber
		want             string
	}{
		{name: "nothing to do", topic: at(1, "", 1, 2, 3) + growing, want: ""},
		{name: "a topic of users of before stays", topic: at(1, "", 1) + fixed, want: ""},
		{name: "one that grows, over the racks", topic: at(1, "", 1) + growing, want: "0:1,2,3"},
		{name: "and one of troupe's own of before", topic: at(1, "", 1) + internal, want: "0:1,2,3"},
		{name: "and not where its factor was set", topic: at(1, "", 1) + stays, want: ""},
		{name: "two brokers", topic: at(1, "", 1) + growing, live: all[:2], want: "0:1,2"},
		{name: "brokers that are fenced or drained don't count", topic: at(1, "", 1) + growing, live: all[:4], fenced: []int{3}, draining: []int{2}, want: "0:1,4"},
		{name: "more than three stay", topic: at(1, "", 1, 2, 3, 4) + growing, want: ""},
		{name: "where there are few, and preferred leaders on all", topic: at(1, "", 1) + "," + at(2, "", 1) + "," + at(3, "", 1) + "," + at(4, "", 1) + growing,
			want: "0:2,1,3 1:5,1,6 2:3,1,2 3:1,5,6"},
		{name: "few at a time", topic: strings.Join(many, ",") + growing, want: "0:2,1,3 1:5,1,6 2:3,1,2 3:6,1,5 4:2,1,3 5:5,1,6 6:3,1,2 7:6,1,5"},
		{name: "no leader", topic: at(1, "", 1) + "," + at(2, "", 1) + growing, leaderless: []kafka.PartitionNumber{1}, want: "1:2,1,3"},
		{name: "drained, to its rack", topic: at(1, "", 1, 2, 3) + fixed, draining: []int{3}, want: "0:1,2,6"},
		{name: "drained, where it was preferred", topic: at(1, "", 3, 1, 2) + "," + at(2, "", 1, 2, 4) + "," + at(3, "", 2, 4, 5) + fixed, draining: []int{3}, want: "0:6,1,2"},
		{name: "drained, and it is dead", topic: at(1, "", 1, 2, 3) + fixed, draining: []int{3}, fenced: []int{3}, live: []kafka.BrokerID{1, 2, 4, 5, 6}, want: "0:1,2,6"},
		{name: "two are drained", topic: at(1, "", 1, 2, 3) + fixed, draining: []int{1, 3}, want: "0:4,2,6"},
		{name: "two are drained, one is there", topic: at(1, "", 1, 2, 3) + fixed, draining: []int{1, 3}, live: all[:4], want: "0:4,2,3"},
		{name: "drained, and nobody is there", topic: at(1, "", 1, 2, 3) + growing, draining: []int{3}, live: all[:3], want: ""},
		{name: "drains come before growth", topic: strings.Join(many[:11], ",") + "," + at(20, "", 1, 2, 3) + growing, draining: []int{3}, live: []kafka.BrokerID{1, 2, 3, 6},
			want: "11:1,2,6 0:2,1,6 1:6,1,2 2:2,1,6 3:6,1,2 4:2,1,6 5:6,1,2 6:2,1,6"},
		{name: "under way", topic: at(1, added, 1, 2, 5) + growing, want: ""},
		{name: "those under way count", topic: at(1, added, 1, 2, 5) + "," + at(2, replaced, 1, 2, 6, 3) + "," + strings.Join(many[2:], ",") + growing, draining: []int{3}, want: "2:5,1,6 3:2,1,6 4:6,1,5 5:2,1,6 6:5,1,6 7:6,1,2"},
		{name: "but not those that can't go on", topic: at(1, added, 1, 2, 5) + "," + strings.Join(many[1:10], ",") + growing, live: []kafka.BrokerID{1, 2, 3, 4},
			want: "1:3,1,2 2:2,1,3 3:3,1,2 4:2,1,3 5:3,1,2 6:2,1,3 7:1,3,2 8:1,3,2"},
		{name: "what somebody has asked for", topic: at(1, asked, 1, 2, 6, 3) + fixed, draining: []int{2}, want: ""},
		{name: "it is sent to a broker that is fenced", topic: at(1, replaced, 1, 2, 6, 3) + fixed, draining: []int{3}, fenced: []int{6}, want: "0:1,2,4"},
		{name: "or drained, too", topic: at(1, replaced, 1, 2, 6, 3) + fixed, draining: []int{3, 6}, want: "0:1,2,4"},
		{name: "and there is no other", topic: at(1, replaced, 1, 2, 6, 3) + fixed, draining: []int{3}, fenced: []int{4, 5, 6}, want: "0:1,2,3"},
		{name: "one of two is fenced", topic: at(1, both, 1, 5, 6) + growing, fenced: []int{6}, want: "0:1,5,3"},
		{name: "a drain is cancelled", topic: at(1, replaced, 1, 2, 6, 3) + fixed, want: "0:1,2,3"},
		{name: "a broker is away for a moment", topic: at(1, replaced, 1, 2, 6, 3) + fixed, draining: []int{3}, live: all[:5], want: ""},
	} {
		if test.live == nil {
			test.live = all
		}
		image := imageOf(t, test.fenced, test.draining, test.topic)
		q := &MoveReplicas{Live: test.live, Leaderless: test.leaderless}
		var got []string
		for _, m := range image.Moves(q) {
			got = append(got, fmt.Sprintf("%d:%s", m.Partition.Partition, strings.Trim(strings.ReplaceAll(fmt.Sprint(m.To), " ", ","), "[]")))
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s: %q, want %q", test.name, s, test.want)
		}
		checkMovesEnd(t, test.name, image, q)
	}
}

// checkMovesEnd has every move come to its end, and checks that there are no more soon, and that nobody has lost a replica.
func checkMovesEnd(t *testing.T, name string, image *Image, q *MoveReplicas) {
	t.Helper()
	c := &Controller{image: image}
	for range 10 {
		var out partition.Outcome
		c.moveReplicas(&out, q)
		if len(out.Records) == 0 && len(c.image.Moves(q)) == 0 {
			break
		}
		done := &ReassignmentsDone{}
		for _, number := range c.image.Unfinished() {
			tp, _ := c.image.NameOf(number)
			p := c.image.Partition(tp)
			if !slices.ContainsFunc(p.Adding, func(id kafka.BrokerID) bool { return !slices.Contains(q.Live, id) }) {
				done.Reached = append(done.Reached, Reached{number, p.WishedVoters()})
			}
		}
		c.reassignmentsDone(&out, done)
	}
	if more := c.image.Moves(q); len(more) > 0 {
		t.Errorf("%s: there is no end: %v", name, more)
	}
	for _, before := range image.Topics() {
		for index, p := range c.image.Topic(before.Name).Partitions {
			if was := before.Partitions[index].originals(); len(p.Wish()) < len(was) {
				t.Errorf("%s: partition %d has %v, and had %v", name, index, p.Wish(), was)
			}
		}
	}
}

// A topic grows where nobody has said how many replicas it has, and no more once somebody has.
func TestGrows(t *testing.T) {
	l := newLab(t, 1)
	l.c.o.DefaultReplicationFactor = -1
	chosen := topic("chosen", -1)
	chosen.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1}}}
	one := topic("one", 1)
	one.ReplicationFactor = 1
	l.create(topic("default", 1), topic("lowered", 1), topic("raised", 1), topic("cancelled", 2), chosen, one, topic("kept", 1))
	l.c.o.DefaultReplicationFactor = 1
	l.create(topic("set", 1))
	l.ask(&CreateInternalTopic{Topic: "__consumer_offsets", Partitions: 1, ReplicationFactor: -1})
	l.ask(&CreateInternalTopic{Topic: "__other", Partitions: 1, ReplicationFactor: 1})
	for id := kafka.BrokerID(2); id <= 5; id++ {
		if _, err, _ := l.ask(&RegisterBroker{Broker{ID: id, StoreID: fmt.Sprint("s", id), Host: "h"}}); err != nil {
			t.Fatal(err)
		}
	}
	l.ask(alterOf("lowered", 0, 2, 3))
	l.ask(alterOf("raised", 0, 1, 2, 3, 4))
	l.ask(alterOf("kept", 0, 1))
	more := kmsg.NewPtrCreatePartitionsRequest()
	more.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "default", Count: 2}}
	l.ask(more)
	l.restart()
	for name, want := range map[string]bool{"default": true, "lowered": false, "raised": true, "kept": false, "chosen": false, "one": false, "set": false, "__consumer_offsets": true, "__other": false} {
		if got := l.c.image.Topic(name).grows(); got != want {
			t.Errorf("%s grows: %v", name, got)
		}
	}
	q := &MoveReplicas{Live: []kafka.BrokerID{1, 2, 3, 4, 5}}
	if _, _, wrote := l.ask(q); !wrote {
		t.Fatal("nothing is begun")
	}
	if _, _, wrote := l.ask(q); wrote {
		t.Error("what is under way is begun again")
	}
	for index, p := range l.c.image.Topic("default").Partitions {
		if len(p.Wish()) != 3 || !p.Automatic {
			t.Errorf("partition %d: %+v", index, p)
		}
	}
	if p := l.c.image.Topic("__consumer_offsets").Partitions[0]; len(p.Wish()) != 3 {
		t.Errorf("%+v", p)
	}
	l.ask(alterOf("cancelled", 1)) // whoever does that does not want it to begin again
	l.ask(q)
	for index, p := range l.c.image.Topic("cancelled").Partitions {
		if len(p.Wish()) != 1 || l.c.image.Topic("cancelled").grows() {
			t.Errorf("partition %d, whose growth was cancelled: %+v", index, p)
		}
	}
	if _, _, wrote := l.ask(q); wrote {
		t.Error("what was cancelled is begun again")
	}
}

// A broker that is being drained gets nothing new, and what it has may stay until it has gone. What is set for it goes with it.
func TestDrainedBrokerGetsNothing(t *testing.T) {
	l := newLab(t, 1, 2, 3)
	chosen := topic("t", -1)
	chosen.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1}}}
	l.create(chosen)
	set := func(broker, value string) int16 {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		q := kmsg.NewIncrementalAlterConfigsRequestResource()
		q.ResourceType, q.ResourceName = kmsg.ConfigResourceTypeBroker, broker
		q.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: DrainingConfig, Value: &value}}
		r.Resources = append(r.Resources, q)
		response, _, _ := l.ask(r)
		return response.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode
	}
	if set("", "true") == 0 || set("3", "perhaps") == 0 || set("3", "true") != 0 || !l.c.image.Draining(3) || l.c.image.Draining(2) {
		t.Fatal("it can't be set, or where it should not be")
	}
	for i := range 6 {
		q := topic(fmt.Sprint("t", i), 2)
		q.ReplicationFactor = 2
		if a := l.create(q)[0]; a.ErrorCode != 0 {
			t.Fatalf("%+v", a)
		}
	}
	if got := l.c.image.ReplicasOn(3); len(got) != 0 {
		t.Errorf("it has got %v", got)
	}
	three := topic("three", 1)
	three.ReplicationFactor = 3
	const want = "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 2 broker(s) are registered. 1 broker(s) that are being drained don't count."
	if a := l.create(three)[0]; deref(a.ErrorMessage) != want {
		t.Errorf("%s, want %s", deref(a.ErrorMessage), want)
	}
	code := func(brokers ...int32) int16 {
		response, _, _ := l.ask(alter(brokers...))
		return response.(*kmsg.AlterPartitionAssignmentsResponse).Topics[0].Partitions[0].ErrorCode
	}
	if code(3, 1) == 0 {
		t.Error("a partition is sent there")
	}
	set("3", "false")
	if code(3, 1) != 0 {
		t.Error("a partition is not sent there though nobody drains it any more")
	}
	set("3", "true")
	if code(1, 3) != 0 {
		t.Error("what it has may not stay")
	}
	l.ask(alter(1))
	l.ask(&ReassignmentsDone{[]Reached{{Number: l.c.image.Topic("t").Partitions[0].Number, Voters: []uint64{1}}}})
	l.ask(&FenceBroker{ID: 3})
	response, _, _ := l.ask(&kmsg.UnregisterBrokerRequest{BrokerID: 3})
	if a := response.(*kmsg.UnregisterBrokerResponse); a.ErrorCode != 0 || l.c.image.Draining(3) {
		t.Errorf("%v, draining %v", deref(a.ErrorMessage), l.c.image.Draining(3))
	}
}
