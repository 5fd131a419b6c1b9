package metadata

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// alter asks for replicas of partition 0 of topic t on brokers; none cancels.
func alter(brokers ...int32) *kmsg.AlterPartitionAssignmentsRequest {
	return alterOf("t", 0, brokers...)
}

func alterOf(topic string, partition int32, brokers ...int32) *kmsg.AlterPartitionAssignmentsRequest {
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	r.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{
		Topic: topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: partition, Replicas: brokers}},
	}}
	return r
}

func keepsFactor(r *kmsg.AlterPartitionAssignmentsRequest) *kmsg.AlterPartitionAssignmentsRequest {
	r.AllowReplicationFactorChange = false
	return r
}

func reached(voters ...uint64) *ReassignmentsDone {
	return &ReassignmentsDone{[]Reached{{Number: 1, Voters: voters}}}
}

// replicasOf are a partition's replicas as BROKER:RAFT ID, those that are added with +, those that are removed with -, and behind a bar those that leave.
func replicasOf(p *Partition) string {
	var words []string
	for _, r := range p.Replicas {
		sign := ""
		for _, id := range p.Adding {
			if id == r.Broker {
				sign += "+"
			}
		}
		for _, id := range p.Removing {
			if id == r.Broker {
				sign += "-"
			}
		}
		words = append(words, fmt.Sprintf("%s%d:%d", sign, r.Broker, r.RaftID))
	}
	if len(p.Leaving) > 0 {
		words = append(words, "|")
	}
	for _, r := range p.Leaving {
		words = append(words, fmt.Sprintf("%d:%d", r.Broker, r.RaftID))
	}
	return strings.Join(words, " ")
}

// Each script begins with a partition on brokers 1, 2 and 3 of six, whose log began there.
func TestReassignments(t *testing.T) {
	type step struct {
		body any
		want string // the answer
		row  string // what the partition is then; empty where it does not matter
	}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"all replicas go elsewhere", []step{
			{alter(4, 5, 6), "written", "+4:4 +5:5 +6:6 -1:1 -2:2 -3:3"},
			{alter(4, 5, 6), "", "+4:4 +5:5 +6:6 -1:1 -2:2 -3:3"},
			{reached(1, 2, 3), "", "+4:4 +5:5 +6:6 -1:1 -2:2 -3:3"},
			{reached(4, 5, 6), "written", "4:4 5:5 6:6"},
			{reached(4, 5, 6), "", "4:4 5:5 6:6"},
			{alter(1, 5, 6), "written", "+1:7 5:5 6:6 -4:4"}, // what was on broker 1 is gone
		}},
		{"one for another", []step{{alter(1, 4, 3), "written", "1:1 +4:4 3:3 -2:2"}, {reached(1, 3, 4), "written", "1:1 4:4 3:3"}}},
		{"another order", []step{{alter(3, 1, 2), "written", "3:3 1:1 2:2"}, {alter(), "NO_REASSIGNMENT_IN_PROGRESS: No partition reassignment is in progress.", ""}}},
		{"as it is", []step{{alter(1, 2, 3), "", "1:1 2:2 3:3"}}},
		{"fewer, and then more", []step{
			{alter(2), "written", "2:2 -1:1 -3:3"}, {reached(2), "written", "2:2"},
			{alter(2, 3), "written", "2:2 +3:4"}, // no id is given twice
			{reached(2, 4), "written", "2:2 3:4"},
		}},
		{"cancelled", []step{
			{alter(4, 5, 3), "written", "+4:4 +5:5 3:3 -1:1 -2:2"},
			{alter(), "written", "3:3 1:1 2:2 | 4:4 5:5"},
			{alter(), "NO_REASSIGNMENT_IN_PROGRESS: No partition reassignment is in progress.", "3:3 1:1 2:2 | 4:4 5:5"},
			{reached(3, 4, 5), "", "3:3 1:1 2:2 | 4:4 5:5"},
			{reached(1, 2, 3), "written", "3:3 1:1 2:2"},
		}},
		{"cancelled by asking for what was", []step{{alter(1, 4, 5), "written", "1:1 +4:4 +5:5 -2:2 -3:3"}, {alter(1, 2, 3), "written", "1:1 2:2 3:3 | 4:4 5:5"}}},
		{"back to what was cancelled", []step{
			{alter(4, 2, 3), "written", ""}, {alter(), "written", "2:2 3:3 1:1 | 4:4"}, {alter(4, 2, 3), "written", "+4:4 2:2 3:3 -1:1"},
			{reached(2, 3, 4), "written", "4:4 2:2 3:3"},
		}},
		{"replaced by another", []step{
			{alter(4, 5, 3), "written", "+4:4 +5:5 3:3 -1:1 -2:2"},
			{alter(6, 5, 2), "written", "+6:6 +5:5 2:2 -1:1 -3:3 | 4:4"},
			{alter(), "written", "2:2 1:1 3:3 | 6:6 5:5 4:4"},
		}},
		{"a broker is wiped on the way", []step{
			{alter(4, 2, 3), "written", "+4:4 2:2 3:3 -1:1"},
			{&RegisterBroker{Broker{ID: 4, StoreID: "new", Host: "h"}}, "7, written", "+4:5 2:2 3:3 -1:1"},
			{reached(2, 3, 4), "", ""},
			{alter(), "written", "2:2 3:3 1:1 | 4:5"},
			{&RegisterBroker{Broker{ID: 4, StoreID: "newer", Host: "h"}}, "8, written", "2:2 3:3 1:1"},
		}},
		{"a broker with a replica that leaves stays registered", []step{
			{alter(4, 2, 3), "written", ""}, {alter(), "written", "2:2 3:3 1:1 | 4:4"},
			{&kmsg.UnregisterBrokerRequest{BrokerID: 4}, "INVALID_REQUEST: Broker 4 still has 1 replica(s), one of them of t-0; drain it first (troupe cluster drain 4), then unregister it.", ""},
		}},
		{"fenced brokers may be asked", []step{{&FenceBroker{ID: 4}, "written", ""}, {&FenceBroker{ID: 5}, "written", ""}, {alter(4, 5), "written", "+4:4 +5:5 -1:1 -2:2 -3:3"}}},
		{"refusals", []step{
			{alterOf("u", 0, 1), "UNKNOWN_TOPIC_OR_PARTITION: Unable to find a topic named u.", ""},
			{alterOf("t", 1, 1), "UNKNOWN_TOPIC_OR_PARTITION: Unable to find partition t:1.", ""},
			{alterOf("t", -1, 1), "UNKNOWN_TOPIC_OR_PARTITION: Unable to find partition t:-1.", ""},
			{alter(), "NO_REASSIGNMENT_IN_PROGRESS: No partition reassignment is in progress.", ""},
			{alter([]int32{}...), "INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.", ""},
			{alter(1, 7), "INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 7, but no such broker is registered.", ""},
			{alter(4, 2, 4), "INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 4 more than once.", ""},
			{keepsFactor(alter(4, 5)), "INVALID_REPLICATION_FACTOR: The replication factor is changed from 3 to 2", "1:1 2:2 3:3"},
			{alter(4, 5), "written", "+4:4 +5:5 -1:1 -2:2 -3:3"},
			{keepsFactor(alter(4, 5, 6)), "INVALID_REPLICATION_FACTOR: The replication factor is changed from 2 to 3", ""},
			{keepsFactor(alter(4, 6)), "written", "+4:4 +6:6 -1:1 -2:2 -3:3 | 5:5"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, 1, 2, 3, 4, 5, 6)
			q := topic("t", -1)
			q.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2, 3}}}
			l.create(q)
			number := l.c.image.Topic("t").Partitions[0].Number
			for i, s := range test.steps {
				if i%2 == 1 {
					l.restart()
				}
				if done, ok := s.body.(*ReassignmentsDone); ok {
					done.Reached[0].Number = number
				}
				if got := saidOfReassignment(l.ask(s.body)); got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
				p := &l.c.image.Topic("t").Partitions[0]
				if unfinished := len(l.c.image.Unfinished()) == 1; unfinished != p.Unfinished() {
					t.Errorf("step %d: %s is among the unfinished: %v", i, replicasOf(p), unfinished)
				}
				if got := replicasOf(p); s.row != "" && got != s.row {
					t.Errorf("step %d: %s, want %s", i, got, s.row)
				}
			}
		})
	}
}

func saidOfReassignment(response any, err error, wrote bool) string {
	if r, ok := response.(*kmsg.AlterPartitionAssignmentsResponse); ok {
		p := r.Topics[0].Partitions[0]
		err = messageOf(p.ErrorCode, p.ErrorMessage)
	}
	return said(response, err, wrote)
}

// Reassignments of one topic in one request are one row, and the list shows what is under way, as Kafka shows it.
func TestListReassignments(t *testing.T) {
	l := newLab(t, 1, 2, 3)
	q := topic("t", -1)
	for i := range int32(4) {
		q.ReplicaAssignment = append(q.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: i, Replicas: []int32{1, 2}})
	}
	l.create(q)
	r := alter(2, 3)
	for _, p := range []int32{2, 3} {
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, kmsg.AlterPartitionAssignmentsRequestTopicPartition{Partition: p, Replicas: []int32{3, 1}})
	}
	before := len(l.rows)
	if _, _, wrote := l.ask(r); !wrote || len(l.rows) != before+1 {
		t.Errorf("%d rows were written", len(l.rows)-before)
	}
	l.ask(alterOf("t", 3)) // cancelled: not under way any more
	for _, test := range []struct {
		topics []kmsg.ListPartitionReassignmentsRequestTopic
		want   string
	}{
		{nil, "t-0 [2 3 1] +[3] -[1]; t-2 [3 1 2] +[3] -[2]; "},
		{[]kmsg.ListPartitionReassignmentsRequestTopic{{Topic: "t", Partitions: []int32{2, 1, 9}}, {Topic: "u", Partitions: []int32{0}}}, "t-2 [3 1 2] +[3] -[2]; "},
		{[]kmsg.ListPartitionReassignmentsRequestTopic{}, ""},
	} {
		response, _, wrote := l.ask(&kmsg.ListPartitionReassignmentsRequest{Topics: test.topics})
		got := ""
		for _, topic := range response.(*kmsg.ListPartitionReassignmentsResponse).Topics {
			for _, p := range topic.Partitions {
				got += fmt.Sprintf("%s-%d %v +%v -%v; ", topic.Topic, p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas)
			}
		}
		if got != test.want || wrote {
			t.Errorf("%v: %s, want %s (written: %v)", test.topics, got, test.want, wrote)
		}
	}
}

// A row says only what there is of a reassignment, and new partitions have as many replicas as the topic will have.
func TestRowsOfReassignments(t *testing.T) {
	l := newLab(t, 1, 2, 3)
	q := topic("t", -1)
	q.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1}}}
	l.create(q)
	l.ask(alter(2, 3))
	row := func(want string) {
		t.Helper()
		if rows := l.told(); rows[len(rows)-1] != want {
			t.Errorf("%s\nwant %s", rows[len(rows)-1], want)
		}
	}
	row(`topic/t [{"number":2,"replicas":[{"broker":2,"raft":2},{"broker":3,"raft":3},{"broker":1,"raft":1}],"founders":1,"next":4,"adding":[2,3],"removing":[1]}]`)
	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "t", Count: 2}}
	l.ask(grow)
	if p := l.c.image.Partition(kafka.TopicPartition{Topic: "t", Partition: 1}); p == nil || len(p.Replicas) != 2 {
		t.Errorf("the new partition is %+v", p)
	}
	l.ask(alter())
	image, err := NewImage().Apply(l.rows)
	if err != nil {
		t.Fatal(err)
	}
	p := image.Partition(kafka.TopicPartition{Topic: "t"})
	if got, want := replicasOf(p), "1:1 | 2:2 3:3"; got != want {
		t.Errorf("read again: %s, want %s", got, want)
	}
	if got := image.ReplicasOn(3); len(got) != 2 {
		t.Errorf("on broker 3 are %v", got)
	}
}
