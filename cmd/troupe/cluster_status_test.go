package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// newClusterAnswers are of three nodes, of which 3 is not there and 4 only follows the metadata.
func newClusterAnswers() *clusterAnswers {
	a := &clusterAnswers{cluster: kmsg.NewPtrDescribeClusterResponse(), metadata: kmsg.NewPtrMetadataResponse(), quorum: kmsg.NewPtrDescribeQuorumResponse(), reassignments: kmsg.NewPtrListPartitionReassignmentsResponse(), draining: map[int32]bool{}}
	a.cluster.ClusterID, a.cluster.ControllerID = "the-cluster", 2
	rack := "east"
	for _, id := range []int32{4, 1, 3, 2} {
		a.cluster.Brokers = append(a.cluster.Brokers, kmsg.DescribeClusterResponseBroker{NodeID: id, Host: "h", Port: 9090 + id, IsFenced: id == 3})
	}
	a.cluster.Brokers[1].Rack = &rack
	state := func(id int32, end, contact int64) kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
		s := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		s.ReplicaID, s.LogEndOffset, s.LastFetchTimestamp = id, end, contact
		return s
	}
	p := kmsg.NewDescribeQuorumResponseTopicPartition()
	p.LeaderID, p.LeaderEpoch, p.HighWatermark = 2, 7, 40
	p.CurrentVoters = append(p.CurrentVoters, state(1, 41, 99), state(2, 42, 100), state(3, -1, -1), state(-1, 0, -1))
	p.Observers = append(p.Observers, state(4, 30, 98))
	a.quorum.Topics = []kmsg.DescribeQuorumResponseTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumResponseTopicPartition{p}}}
	return a
}

// topic adds a topic with its partitions, each as LEADER REPLICAS IN SYNC.
func (a *clusterAnswers) topic(name string, partitions ...[3][]int32) {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic = &name
	for i, p := range partitions {
		t.Partitions = append(t.Partitions, kmsg.MetadataResponseTopicPartition{Partition: int32(i), Leader: p[0][0], Replicas: p[1], ISR: p[2]})
	}
	a.metadata.Topics = append(a.metadata.Topics, t)
}

func TestClusterStatus(t *testing.T) {
	a := newClusterAnswers()
	a.topic("t", [3][]int32{{1}, {1, 2, 3}, {1, 2}}, [3][]int32{{2}, {4, 2, 1}, {2, 1}}, [3][]int32{{-1}, {3}, nil}, [3][]int32{{1}, {1, 2}, {1, 2}})
	a.topic("many")
	moving := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
	moving.Partition, moving.Replicas, moving.AddingReplicas = 1, []int32{4, 2, 1}, []int32{4}
	a.reassignments.Topics = []kmsg.ListPartitionReassignmentsResponseTopic{{Topic: "t", Partitions: []kmsg.ListPartitionReassignmentsResponseTopicPartition{moving}}}
	s := a.status()
	var out bytes.Buffer
	b := &broker{c: &console{out: &out}}
	if err := b.printStatus(s); err != nil {
		t.Fatal(err)
	}
	const want = `cluster the-cluster
NODE  ADDRESS                  RACK  STATE   METADATA    LAG
1     h:9091                   east  live    voter       1
2     h:9092                   -     live    controller  0
3     h:9093                   -     fenced  voter       ?
4     h:9094                   -     live    observer    12
-     of a store that is gone  -     fenced  voter       ?
partitions 4  leaderless 1  under-replicated 1  reassignments 1
leaderless:
  t-2
under-replicated:
  t-0 (replicas 1,2,3, in sync 1,2)
reassignments:
  t-1 (replicas 4,2,1, adding 4, removing none)
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	const wantJSON = `{"cluster_id":"the-cluster","controller":2,"nodes":[{"id":1,"host":"h","port":9091,"rack":"east","state":"live"},{"id":2,"host":"h","port":9092,"state":"live"},` +
		`{"id":3,"host":"h","port":9093,"state":"fenced"},{"id":4,"host":"h","port":9094,"state":"live"}],` +
		`"metadata":{"leader_epoch":7,"high_watermark":40,"voters":[{"node":1,"log_end":41,"lag":1,"last_contact_ms":99},{"node":2,"log_end":42,"lag":0,"last_contact_ms":100},` +
		`{"node":3,"log_end":null,"lag":null,"last_contact_ms":null},{"node":-1,"log_end":0,"lag":42,"last_contact_ms":null}],"observers":[{"node":4,"log_end":30,"lag":12,"last_contact_ms":98}]},` +
		`"partitions":{"total":4,"under_replicated":[{"partition":"t-0","replicas":[1,2,3],"in_sync":[1,2]}],"leaderless":["t-2"]},` +
		`"reassignments":[{"partition":"t-1","replicas":[4,2,1],"adding":[4],"removing":[]}]}`
	if got, err := json.Marshal(s); err != nil || string(got) != wantJSON {
		t.Errorf("%s\nwant\n%s", got, wantJSON)
	}
	if err := s.lacksLeaders(); err == nil || err.Error() != "1 of 4 partitions have no leader" {
		t.Error(err)
	}
}

// What matters for the exit code is whether everything can be written and read.
func TestClusterStatusCode(t *testing.T) {
	led := [3][]int32{{1}, {1, 3}, {1}}
	for _, test := range []struct {
		name   string
		change func(*clusterAnswers)
		want   string
	}{
		{"replicas are missing", func(*clusterAnswers) {}, "<nil>"},
		{"no controller", func(a *clusterAnswers) { a.cluster.ControllerID = -1 }, "the cluster's metadata has no leader: most of its voters must be there"},
		{"one that does not answer", func(a *clusterAnswers) { a.quorum = nil }, "the cluster's metadata has no leader: most of its voters must be there"},
		{"a leaderless partition", func(a *clusterAnswers) { a.topic("u", [3][]int32{{-1}, {3}, nil}) }, "1 of 2 partitions have no leader"},
	} {
		a := newClusterAnswers()
		a.topic("t", led)
		test.change(a)
		if got := fmt.Sprint(a.status().lacksLeaders()); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// People are shown the first of many.
func TestClusterStatusIsShort(t *testing.T) {
	a := newClusterAnswers()
	for i := range 30 {
		a.topic(fmt.Sprintf("t%02d", i), [3][]int32{{-1}, {3}, nil})
	}
	var out bytes.Buffer
	b := &broker{c: &console{out: &out}}
	if err := b.printStatus(a.status()); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasSuffix(got, "  t19-0\n  and 10 more: --json has them all\n") {
		t.Error(got)
	}
}
