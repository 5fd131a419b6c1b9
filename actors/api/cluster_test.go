package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// newClusterBench has brokers 1, 2, 3 and 4, of which 1 is this node, 3 is not there and 4 is fenced, and the topic "spread" of six partitions: the preferred leader
// of the first leads it, that of the others (2, 3, 4, 2, 2) does not.
func newClusterBench(t *testing.T, change func(*Options)) *bench {
	b := newBench(t, change)
	row := func(key, value string) partition.KeyValue {
		return partition.KeyValue{Key: []byte(key), Value: []byte(value)}
	}
	partitions := ""
	for i, replicas := range []string{"1,2,3", "2,1,3", "3,1,2", "4,1,2", "2,1,3", "2,1,3"} {
		var ids [3]int
		fmt.Sscanf(replicas, "%d,%d,%d", &ids[0], &ids[1], &ids[2])
		partitions += fmt.Sprintf(`,{"number":%d,"replicas":[{"broker":%d,"raft":1},{"broker":%d,"raft":2},{"broker":%d,"raft":3}],"founders":3}`, 100+i, ids[0], ids[1], ids[2])
	}
	view, err := b.env.Router.View().After([]partition.KeyValue{
		row("broker/1", `{"store":"a","raft":1,"link":"127.0.0.1:7101","host":"one","port":9092}`),
		row("broker/2", `{"store":"AQIDBAUGBwgJCgsMDQ4PEA","raft":2,"link":"127.0.0.1:7102","host":"two","port":9092}`),
		row("broker/3", `{"store":"c","raft":3,"host":"three","port":9092}`),
		row("broker/4", `{"store":"d","raft":4,"fenced":true,"host":"four","port":9092}`),
		row("topic/spread", `{"partitions":[`+partitions[1:]+`]}`),
	}, false, 99)
	if err != nil {
		t.Fatal(err)
	}
	b.env.Router.Set(view.With(epoch, messages.Led{
		Number: kafka.MetadataPartition, Leader: messages.Leader{Broker: 1, Epoch: 3, Replica: b.leader, Coordinator: b.leader},
	}).Live(2).Live(4))
	for i := range 6 {
		b.lead(kafka.PartitionNumber(100+i), 1, 1, 1, 2, 4)
	}
	b.lead(104, 1, 1, 1) // broker 2 is not in sync
	return b
}

// lead has the view know who leads a partition.
func (b *bench) lead(number kafka.PartitionNumber, broker kafka.BrokerID, term kafka.LeaderEpoch, inSync ...kafka.BrokerID) {
	b.env.Router.Set(b.env.Router.View().With(epoch, messages.Led{Number: number, Leader: messages.Leader{
		Broker: broker, Epoch: term, Replica: b.leader, InSync: inSync, Voters: []uint64{1, 2, 3},
	}}))
}

func electRequest(version int16, kind int8, topic string, partitions ...int32) *kmsg.ElectLeadersRequest {
	q := kmsg.NewPtrElectLeadersRequest()
	q.Version, q.ElectionType = version, kind
	if topic != "" {
		q.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: topic, Partitions: partitions}}
	}
	return q
}

func elected(a *kmsg.ElectLeadersResponse) (out string) {
	for _, t := range a.Topics {
		for _, p := range t.Partitions {
			out += fmt.Sprintf("%s-%d %s", t.Topic, p.Partition, kafka.CodeName(p.ErrorCode))
			if p.ErrorCode != 0 {
				out += " " + *p.ErrorMessage
			}
			out += "\n"
		}
	}
	return out
}

func TestElectLeaders(t *testing.T) {
	const (
		absent = "spread-2 PREFERRED_LEADER_NOT_AVAILABLE The preferred leader, broker 3, is not there.\n"
		fenced = "spread-3 PREFERRED_LEADER_NOT_AVAILABLE The preferred leader, broker 4, is fenced.\n"
		behind = "spread-4 PREFERRED_LEADER_NOT_AVAILABLE The replica of the preferred leader, broker 2, is not in sync.\n"
	)
	for _, test := range []struct {
		name string
		q    *kmsg.ElectLeadersRequest
		asks int // how many leaders hand over
		want string
	}{
		{"one", electRequest(2, 0, "spread", 1), 1, "spread-1 NONE\n"},
		{"version 0", electRequest(0, 0, "spread", 1, 0), 1, "spread-1 NONE\nspread-0 ELECTION_NOT_NEEDED Leader election not needed for topic partition\n"},
		{"those that can't lead", electRequest(1, 0, "spread", 2, 3, 4), 0, absent + fenced + behind},
		{"nobody leads", electRequest(1, 0, "orders", 2), 0, "orders-2 PREFERRED_LEADER_NOT_AVAILABLE The partition has no leader; it gets one as soon as most of its replicas are there.\n"},
		{"all", electRequest(2, 0, ""), 2, "orders-2 PREFERRED_LEADER_NOT_AVAILABLE The partition has no leader; it gets one as soon as most of its replicas are there.\n" +
			"spread-1 NONE\n" + absent + fenced + behind + "spread-5 NONE\n"},
		{"what does not exist", electRequest(2, 0, "spread", 6), 0, "spread-6 UNKNOWN_TOPIC_OR_PARTITION No such partition as spread-6\n"},
		{"no such topic", electRequest(2, 0, "gone", 6), 0, "gone-6 UNKNOWN_TOPIC_OR_PARTITION No such topic as gone\n"},
		{"unclean", electRequest(1, 1, "spread", 1), 0, "spread-1 ELECTION_NOT_NEEDED Leader election not needed for topic partition\n"},
		{"unclean and no leader", electRequest(1, 1, "orders", 2), 0, "orders-2 ELIGIBLE_LEADERS_NOT_AVAILABLE " + errNoUncleanElection.Error()[len("ELIGIBLE_LEADERS_NOT_AVAILABLE: "):] + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newClusterBench(t, nil)
			r := b.send(test.q)
			for range test.asks {
				m := next[*messages.Transfer](b)
				if m.To != 1 {
					t.Errorf("to raft id %d", m.To)
				}
				b.reply(m.Reply, nil, nil)
			}
			if test.asks > 0 {
				m := next[*messages.AwaitLedBy](b)
				if len(m.Leaders) != test.asks || response[*kmsg.ElectLeadersResponse](b, r) != nil {
					t.Errorf("waits for %+v", m)
				}
				b.lead(101, 2, 2, 1, 2)
				b.lead(105, 2, 2, 1, 2)
				b.reply(m.Reply, nil, nil)
			}
			if got := elected(response[*kmsg.ElectLeadersResponse](b, r)); got != test.want {
				t.Errorf("%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// A leader that does not hand over, or does not lead any more, is an error for its partition alone.
func TestElectLeadersThatFail(t *testing.T) {
	b := newClusterBench(t, nil)
	r := b.send(electRequest(2, 0, "spread", 1, 5))
	one, two := next[*messages.Transfer](b), next[*messages.Transfer](b)
	b.reply(one.Reply, nil, kerr.NotLeaderForPartition)
	b.reply(two.Reply, nil, nil)
	b.reply(next[*messages.AwaitLedBy](b).Reply, nil, kerr.RequestTimedOut)
	want := "spread-1 NOT_LEADER_FOR_PARTITION " + kerr.NotLeaderForPartition.Description + "\nspread-5 REQUEST_TIMED_OUT Broker 2 has not taken over in time.\n"
	if got := elected(response[*kmsg.ElectLeadersResponse](b, r)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if a := response[*kmsg.ElectLeadersResponse](b, b.send(electRequest(1, 2, "spread", 1))); a.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("an unknown type of election: %+v", a)
	}
}

// Replicas on nodes that are not there, and those that have failed for good, are offline; whether a node is fenced does not matter.
func TestOfflineReplicas(t *testing.T) {
	b := newClusterBench(t, nil)
	view := b.env.Router.View()
	b.env.Router.Set(view.Of(epoch, &messages.Leaders{Node: 2, Led: []messages.Led{
		{Number: view.Image.Topic("spread").Partitions[3].Number, Leader: messages.Leader{Broker: 2, OutOfService: true}},
	}}))
	a := response[*kmsg.MetadataResponse](b, b.send(metadataRequest(13, "spread")))
	q := kmsg.NewPtrDescribeTopicPartitionsRequest()
	q.ResponsePartitionLimit = 10
	q.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "spread"}}
	described := response[*kmsg.DescribeTopicPartitionsResponse](b, b.send(q))
	for i, want := range map[int]string{0: "[1 2 3] [1 2 4] [3]", 3: "[4 1 2] [1 2 4] [2]", 4: "[2 1 3] [1] [3]"} {
		p := a.Topics[0].Partitions[i]
		if got := fmt.Sprint(p.Replicas, p.ISR, p.OfflineReplicas); got != want {
			t.Errorf("Metadata, partition %d: %s, want %s", i, got, want)
		}
		d := described.Topics[0].Partitions[i]
		if got := fmt.Sprint(d.Replicas, d.ISR, d.OfflineReplicas); got != want {
			t.Errorf("DescribeTopicPartitions, partition %d: %s, want %s", i, got, want)
		}
	}
}

func TestDescribeLogDirs(t *testing.T) {
	b := newClusterBench(t, func(o *Options) {
		o.LogDir, o.Disk = "/data", func() (int64, int64) { return 1000, 400 }
	})
	for i := range 5 { // that of spread-5 does not run
		b.env.System.Alias(messages.ReplicaName(kafka.PartitionNumber(100+i)), b.leader)
	}
	q := kmsg.NewPtrDescribeLogDirsRequest()
	q.Version = 5
	q.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "spread", Partitions: []int32{1, 0, 5, 9}}, {Topic: "gone", Partitions: []int32{0}}}
	r := b.send(q)
	for i := range 2 {
		b.reply(next[*messages.DescribeReplica](b).Reply, &messages.ReplicaDescription{HighWatermark: 7, LogEnd: 9, Bytes: int64(10 + i)}, nil)
	}
	b.at(patience) // whoever does not answer is left out
	a := response[*kmsg.DescribeLogDirsResponse](b, r)
	if a == nil || len(a.Dirs) != 1 {
		t.Fatalf("%+v", a)
	}
	if d := a.Dirs[0]; d.Dir != "/data" || d.TotalBytes != 1000 || d.UsableBytes != 400 || d.IsCordoned || d.ErrorCode != 0 {
		t.Errorf("%+v", d)
	}
	got := ""
	for _, topic := range a.Dirs[0].Topics {
		for _, p := range topic.Partitions {
			got += fmt.Sprintf("%s-%d %d %d %v;", topic.Topic, p.Partition, p.Size, p.OffsetLag, p.IsFuture)
		}
	}
	if want := "spread-0 10 0 false;spread-1 11 0 false;"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Where clients know one address, they are told of the replicas on all nodes that are there.
func TestDescribeLogDirsOfAllNodes(t *testing.T) {
	b := newClusterBench(t, func(o *Options) { o.Single = &Endpoint{Host: "one", Port: 1} })
	b.env.System.Alias(messages.ReplicaName(100), b.leader)
	q := kmsg.NewPtrDescribeLogDirsRequest()
	q.Version = 4
	q.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "spread", Partitions: []int32{0}}}
	r := b.send(q)
	b.reply(next[*messages.DescribeReplica](b).Reply, &messages.ReplicaDescription{Bytes: 10}, nil)
	b.at(patience)
	got := ""
	for _, d := range response[*kmsg.DescribeLogDirsResponse](b, r).Dirs {
		got += fmt.Sprint(d.Dir, " ", len(d.Topics), "; ")
	}
	if want := "node-1 1; node-2 0; node-4 0; "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDescribeQuorum(t *testing.T) {
	b := newClusterBench(t, nil)
	ask := func(topic string, partition int32) *Request {
		q := kmsg.NewPtrDescribeQuorumRequest()
		q.Version = 2
		q.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: topic, Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: partition}}}}
		return b.send(q)
	}
	r := ask("__cluster_metadata", 0)
	now := epoch.Add(time.Second).UnixMilli()
	b.reply(next[*messages.DescribeReplica](b).Reply, &messages.ReplicaDescription{HighWatermark: 40, LogEnd: 42, Progress: []messages.ReplicaProgress{
		{RaftID: 1, LogEnd: 42, ContactMillis: now, CaughtUpMillis: now}, {RaftID: 2, LogEnd: 40, ContactMillis: now - 5, CaughtUpMillis: now - 9},
		{RaftID: 3, LogEnd: kafka.NoOffset, ContactMillis: -1, CaughtUpMillis: -1, Learner: true}, {RaftID: 9, LogEnd: 0, ContactMillis: -1, CaughtUpMillis: -1},
	}}, nil)
	a := response[*kmsg.DescribeQuorumResponse](b, r)
	p := a.Topics[0].Partitions[0]
	if a.ErrorCode != 0 || p.ErrorCode != 0 || p.LeaderID != 1 || p.LeaderEpoch != 3 || p.HighWatermark != 40 {
		t.Errorf("%+v", a)
	}
	words := func(states []kmsg.DescribeQuorumResponseTopicPartitionReplicaState) (out string) {
		for _, s := range states {
			out += fmt.Sprint(s.ReplicaID, " ", s.LogEndOffset, " ", s.LastFetchTimestamp-now, " ", s.LastCaughtUpTimestamp-now, "; ")
		}
		return out
	}
	never := fmt.Sprint(-1 - now)
	if got, want := words(p.CurrentVoters), "1 42 0 0; 2 40 -5 -9; -1 0 "+never+" "+never+"; "; got != want {
		t.Errorf("voters %s, want %s", got, want)
	}
	if got, want := words(p.Observers), "3 -1 "+never+" "+never+"; "; got != want {
		t.Errorf("observers %s, want %s", got, want)
	}
	if ids := p.CurrentVoters; ids[0].ReplicaDirectoryID != [16]byte{} || ids[1].ReplicaDirectoryID != [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16} {
		t.Errorf("directory ids %v", ids)
	}
	if len(a.Nodes) != 2 || a.Nodes[1].NodeID != 2 || a.Nodes[1].Listeners[0].Host != "127.0.0.1" || a.Nodes[1].Listeners[0].Port != 7102 {
		t.Errorf("nodes %+v", a.Nodes)
	}
	for _, other := range []*Request{ask("spread", 0), ask("__cluster_metadata", 1)} {
		if p := response[*kmsg.DescribeQuorumResponse](b, other).Topics[0].Partitions[0]; p.ErrorCode != kerr.UnknownTopicOrPartition.Code || p.LeaderID != -1 {
			t.Errorf("%+v", p)
		}
	}
	r = ask("__cluster_metadata", 0)
	b.reply(next[*messages.DescribeReplica](b).Reply, &messages.ReplicaDescription{HighWatermark: 40}, nil) // it does not lead any more
	if p := response[*kmsg.DescribeQuorumResponse](b, r).Topics[0].Partitions[0]; p.ErrorCode != kerr.NotLeaderForPartition.Code {
		t.Errorf("%+v", p)
	}
}

// What the controller says reaches the client, and so does that it says nothing.
func TestReassignmentsAreTheControllers(t *testing.T) {
	b := newClusterBench(t, nil)
	q := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	q.TimeoutMillis = 1000
	q.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: "spread", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Replicas: []int32{1}}}}}
	r := b.send(q)
	asked := next[*messages.Coordinate](b)
	if body := asked.Body.(*kmsg.AlterPartitionAssignmentsRequest); !body.AllowReplicationFactorChange || len(body.Topics) != 1 {
		t.Errorf("asks %+v", body) // an earlier version allows it without a word
	}
	answer := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	answer.Topics = []kmsg.AlterPartitionAssignmentsResponseTopic{{Topic: "spread", Partitions: []kmsg.AlterPartitionAssignmentsResponseTopicPartition{{}}}}
	b.reply(asked.Reply, answer, nil)
	b.reply(next[*messages.AwaitLeaders](b).Reply, nil, nil)
	if a := response[*kmsg.AlterPartitionAssignmentsResponse](b, r); a == nil || a.ErrorCode != 0 || len(a.Topics) != 1 {
		t.Errorf("%+v", a)
	}
	r = b.send(q)
	b.at(time.Second)
	if a := response[*kmsg.AlterPartitionAssignmentsResponse](b, r); a == nil || a.ErrorCode != kerr.RequestTimedOut.Code {
		t.Errorf("nobody answers: %+v", a)
	}
	b.asked = nil
	list := kmsg.NewPtrListPartitionReassignmentsRequest()
	r = b.send(list)
	b.reply(next[*messages.Coordinate](b).Reply, nil, kerr.NotController)
	if a := response[*kmsg.ListPartitionReassignmentsResponse](b, r); a.ErrorCode != kerr.NotController.Code {
		t.Errorf("%+v", a)
	}
	r = b.send(&kmsg.UnregisterBrokerRequest{BrokerID: 4})
	gone := kmsg.NewPtrUnregisterBrokerResponse()
	b.reply(next[*messages.Coordinate](b).Reply, gone, nil)
	b.reply(next[*messages.AwaitLeaders](b).Reply, nil, nil)
	if a := response[*kmsg.UnregisterBrokerResponse](b, r); a == nil || a.ErrorCode != 0 {
		t.Errorf("%+v", a)
	}
}

// A broker that is fenced leads until others have taken over, where only the controller does not reach it. Clients are told where it is as long. One that has only begun has no address.
func TestFencedLeadersAreFound(t *testing.T) {
	b := newClusterBench(t, nil)
	ask := func(row string) (brokers []int32, leader *kmsg.ProduceResponse) {
		t.Helper()
		view, err := b.env.Router.View().After([]partition.KeyValue{{Key: []byte("broker/4"), Value: []byte(row)}}, false, b.env.Router.View().Upto+1)
		if err != nil {
			t.Fatal(err)
		}
		b.env.Router.Set(view)
		q := kmsg.NewPtrMetadataRequest()
		q.Version = 9
		for _, broker := range response[*kmsg.MetadataResponse](b, b.send(q)).Brokers {
			brokers = append(brokers, broker.NodeID)
		}
		p := produceRequest(10, -1, map[int32]record.Batch{3: batch(t, 0, 1, 1)})
		p.Topics[0].Topic = "spread"
		return brokers, response[*kmsg.ProduceResponse](b, b.send(p))
	}
	const cutOff = `{"store":"d","raft":4,"fenced":true,"host":"four","port":9092}`
	if got, _ := ask(cutOff); fmt.Sprint(got) != "[1 2]" {
		t.Errorf("it leads nothing, and clients are told of %v", got)
	}
	b.lead(103, 4, 2, 4)
	for _, test := range []struct {
		row, brokers string
		leader       int32
	}{
		{cutOff, "[1 2 4]", 4},
		{`{"store":"d","raft":4,"fenced":true}`, "[1 2]", -1},
	} {
		got, produced := ask(test.row)
		if p := produced.Topics[0].Partitions[0]; fmt.Sprint(got) != test.brokers || p.ErrorCode != kerr.NotLeaderForPartition.Code || p.CurrentLeader.LeaderID != test.leader {
			t.Errorf("%s: clients are told of %v, and of the leader %+v", test.row, got, p.CurrentLeader)
		}
	}
}
