package metadata

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// recoverOn has a replica go on that is in a term.
func recoverOn(broker kafka.BrokerID, raftID uint64, term consensus.Term, others ...kafka.PartitionNumber) *RecoverPartitions {
	q := &RecoverPartitions{Broker: broker, Survivors: []Survivor{{RaftID: raftID, Term: term}}}
	for _, number := range others {
		q.Survivors = append(q.Survivors, Survivor{Number: number, RaftID: raftID, Term: term})
	}
	return q
}

// Each script begins with a partition on brokers 1, 2 and 3 of six.
func TestRecoverPartitions(t *testing.T) {
	type step struct {
		body any
		want string // the answer
		row  string // what the partition is then; empty where it does not matter
	}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"others get new ids", []step{{recoverOn(2, 2, 7), "written", "1:4 2:2 3:5 since 50007 but 2"}, {recoverOn(3, 5, 1), "written", "1:6 2:7 3:5 since 50007 but 5"}}},
		{"one that comes is given up, one that goes stays", []step{
			{alter(1, 4, 5), "written", "1:1 +4:4 +5:5 -2:2 -3:3"},
			{recoverOn(3, 3, 1), "written", "1:6 +4:7 +5:8 -2:9 -3:3 since 50001 but 3"},
			{reached(6, 7, 8), "written", "1:6 4:7 5:8 since 50001 but 3"},
		}},
		{"one that comes is the only one", []step{{alter(1, 4, 5), "written", ""}, {recoverOn(4, 4, 1), "written", "1:6 +4:4 +5:7 -2:8 -3:9 since 50001 but 4"}}},
		{"of those that leave only the one that is left stays", []step{
			{alter(4, 5, 6), "written", ""}, {alter(), "written", "1:1 2:2 3:3 | 4:4 5:5 6:6"},
			{recoverOn(5, 5, 1), "written", "1:7 2:8 3:9 | 5:5 since 50001 but 5"},
			{reached(7, 8, 9), "written", "1:7 2:8 3:9 since 50001 but 5"},
		}},
		{"two want to go on at once", []step{
			{recoverOn(1, 1, 1), "written", "1:1 2:4 3:5 since 50001 but 1"},
			{recoverOn(2, 2, 1), "INVALID_REQUEST: The replica of t-0 on broker 2 was given up: another one goes on.", "1:1 2:4 3:5 since 50001 but 1"},
			{recoverOn(1, 1, 3), "written", "1:1 2:6 3:7 since 50003 but 1"},
		}},
		{"refusals", []step{
			{recoverOn(4, 4, 1), "INVALID_REQUEST: Broker 4 has no replica of t-0.", "1:1 2:2 3:3"},
			{recoverOn(2, 2, 1, 9), "UNKNOWN_TOPIC_OR_PARTITION: There is no partition of number 9.", "1:1 2:2 3:3"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, 1, 2, 3, 4, 5, 6)
			l.upgrade(1, 2, 3, 4, 5, 6)
			q := topic("t", -1)
			q.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2, 3}}, {Partition: 1, Replicas: []int32{1, 2, 3}}}
			l.create(q)
			number := l.c.image.Topic("t").Partitions[0].Number
			for i, s := range test.steps {
				l.restart()
				switch body := s.body.(type) {
				case *ReassignmentsDone:
					body.Reached[0].Number = number
				case *RecoverPartitions:
					body.Survivors[0].Number = number
				}
				if got := saidOfReassignment(l.ask(s.body)); got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
				p := &l.c.image.Topic("t").Partitions[0]
				if got := replicasOf(p) + sinceOf(p); s.row != "" && got != s.row {
					t.Errorf("step %d: %s, want %s", i, got, s.row)
				}
			}
			if other := replicasOf(&l.c.image.Topic("t").Partitions[1]); other != "1:1 2:2 3:3" {
				t.Errorf("the other partition has %s", other)
			}
		})
	}
}

// A broker of an older version would let given-up replicas vote. One that is not there is no hindrance, but has to be upgraded before it comes back, as long as there is a partition that was recovered.
func TestRecoverBesideOlderVersion(t *testing.T) {
	l := newLab(t, 1, 2)
	l.upgrade(1)
	q := topic("t", -1)
	q.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2}}}
	l.create(q)
	recover := recoverOn(1, 1, 7)
	recover.Survivors[0].Number = l.c.image.Topic("t").Partitions[0].Number
	want := "UNSUPPORTED_VERSION: Broker 2 is of an older version (feature level 0), which does not know of partitions that are recovered; start this version there first."
	if got := saidOfReassignment(l.ask(recover)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	l.ask(&FenceBroker{ID: 2, Incarnation: l.c.image.Broker(2).Incarnation})
	if got := saidOfReassignment(l.ask(recover)); got != "written" {
		t.Errorf("%q when the older one is gone", got)
	}
	register := func(level int32) string {
		b := *l.c.image.Broker(2)
		b.Fenced, b.Level = false, level
		return saidOfReassignment(l.ask(&RegisterBroker{b}))
	}
	want = "UNSUPPORTED_VERSION: Broker 2 is of an older version (feature level 1) than the cluster has already (2); start the version that the other brokers run."
	if got := register(1); got != want {
		t.Errorf("%q when it comes back", got)
	}
	if got := register(SurvivorLevel); got != "2, written" {
		t.Errorf("%q when it comes back upgraded", got)
	}
}

// upgrade has brokers register as those of the version that recovers partitions.
func (l *lab) upgrade(brokers ...kafka.BrokerID) {
	l.t.Helper()
	for _, id := range brokers {
		b := *l.c.image.Broker(id)
		b.Level = SurvivorLevel
		if _, err, _ := l.ask(&RegisterBroker{b}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sinceOf says which terms were given up, and of which replica not.
func sinceOf(p *Partition) string {
	if p.Since == 0 {
		return ""
	}
	return fmt.Sprintf(" since %d but %d", p.Since, p.Survivor)
}

// Who has registered in a part of the log that is not known to be committed is known when the image has read that, too.
func TestGivingUpWhatIsPending(t *testing.T) {
	var b record.Builder
	for _, row := range []partition.KeyValue{
		brokerRow(&Broker{ID: 2, StoreID: "b2", RaftID: 5}), brokerRow(&Broker{ID: 3, StoreID: "c", RaftID: 6}), counterRow(nextReplica, 7),
	} {
		b.Add(record.Record{Key: row.Key, Value: row.Value})
	}
	pending, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	image, err := NewImage().Apply([]partition.KeyValue{brokerRow(&Broker{ID: 2, StoreID: "b", RaftID: 2}), counterRow(nextReplica, 5)})
	if err != nil {
		t.Fatal(err)
	}
	next, err := image.Read([]record.Batch{pending})
	if err == nil {
		next, err = next.Apply(next.GiveUp([]kafka.BrokerID{2, 3}))
	}
	if err != nil {
		t.Fatal(err)
	}
	for id, store := range map[kafka.BrokerID]string{2: "b2", 3: "c"} {
		if next.Broker(id).Refusal(store) == nil {
			t.Errorf("broker %d is taken with its store", id)
		}
	}
	if n := next.counter(nextReplica, 0); n != 1007 {
		t.Errorf("the next replica is %d", n)
	}
}

// Brokers that were given up are refused with the store that they had, for good, and taken with another one, with new ids everywhere.
func TestLostBrokers(t *testing.T) {
	l := newLab(t)
	for id, store := range []string{"a", "b", "c", "d"} {
		l.ask(&RegisterBroker{Broker{ID: kafka.BrokerID(id + 1), StoreID: store, RaftID: uint64(1 - min(id, 1)), Host: "h"}})
	}
	q := topic("t", -1)
	q.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2, 3}}}
	l.create(q)
	before := l.c.image.NextPartition()
	rows := l.c.image.GiveUp([]kafka.BrokerID{2, 3, 9})
	l.rows = append(l.rows, rows...)
	l.restart()
	if next := l.c.image.NextPartition(); next <= before {
		t.Errorf("partition %d may have been given to another topic", next)
	}
	const refused = "INVALID_REGISTRATION: the cluster went on without broker 2, whose data folder (store b) was given up: empty the data folder and start the broker again"
	for i, s := range []struct {
		b    Broker
		want string
		lost bool
	}{
		{Broker{ID: 2, StoreID: "b", RaftID: 2}, refused, true},
		{Broker{ID: 2, StoreID: "b"}, refused, true},
		{Broker{ID: 4, StoreID: "d", RaftID: 4}, "4", false},
		{Broker{ID: 2, StoreID: "b2", Lost: true}, "1005, written", false},
		{Broker{ID: 2, StoreID: "b2", RaftID: 1005}, "1005", false},
		{Broker{ID: 5, StoreID: "e"}, "1006, written", false},
	} {
		s.b.Host = "h"
		if got := said(l.ask(&RegisterBroker{s.b})); got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
		b := l.c.image.Broker(s.b.ID)
		if b.Lost != s.lost || s.lost && (!b.Fenced || b.RaftID != 0) {
			t.Errorf("step %d: the row is %+v", i, *b)
		}
		l.restart()
	}
	if got := replicasOf(&l.c.image.Topic("t").Partitions[0]); got != "1:1 2:4 3:3" {
		t.Errorf("replicas %s", got)
	}
}
