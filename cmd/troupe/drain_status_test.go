package main

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a drain still has to do, and whether that can go on by itself. Node 3 of four is not there.
func TestDrainStatus(t *testing.T) {
	moving := func(a *clusterAnswers) {
		p := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		p.Replicas, p.AddingReplicas, p.RemovingReplicas = []int32{4, 2, 1}, []int32{4}, []int32{1}
		a.reassignments.Topics = []kmsg.ListPartitionReassignmentsResponseTopic{{Topic: "t", Partitions: []kmsg.ListPartitionReassignmentsResponseTopicPartition{p}}}
	}
	gone := func(a *clusterAnswers) {
		moving(a)
		a.reassignments.Topics[0].Partitions[0].AddingReplicas = []int32{3}
	}
	drained := func(ids ...int32) func(*clusterAnswers) {
		return func(a *clusterAnswers) {
			for _, id := range ids {
				a.draining[id] = true
			}
		}
	}
	for _, test := range []struct {
		name      string
		node      int32
		partition [3][]int32 // LEADER REPLICAS IN SYNC
		change    func(*clusterAnswers)
		line      string
		goes      bool
		left      string
		drained   bool
	}{
		{"it has all", 1, [3][]int32{{1}, {1, 2}, {1, 2}}, nil, "node 1 has 1 leaders, 1 replicas, and a vote on the metadata", true, "", false},
		{"it has nothing", 4, [3][]int32{{1}, {1, 2}, {1, 2}}, nil, "node 4 has 0 leaders, 0 replicas", false, "", true},
		{"only a vote", 1, [3][]int32{{2}, {2, 4}, {2, 4}}, nil, "node 1 has 0 leaders, 0 replicas, and a vote on the metadata", true, "", false},
		{"a vote, and nobody else is there", 1, [3][]int32{{3}, {3}, {3}}, drained(2, 4), "node 1 has 0 leaders, 0 replicas, and a vote on the metadata", false, "no other node is there to vote on the metadata", false},
		{"a replica that can go", 4, [3][]int32{{1}, {1, 4}, {1, 4}}, nil, "node 4 has 0 leaders, 1 replicas", true, "", false},
		{"a replica that can't", 4, [3][]int32{{1}, {1, 2, 4}, {1, 2, 4}}, nil, "node 4 has 0 leaders, 1 replicas", false,
			"2 other nodes are there to take replicas, which is too few for 1 partitions of: t (3 replicas). Add a node, or lower the number of replicas of these topics with kafka-reassign-partitions.sh; the drain goes on by itself then", false},
		{"nor where the other node is drained too", 4, [3][]int32{{1}, {1, 4}, {1, 4}}, drained(2), "node 4 has 0 leaders, 1 replicas", false,
			"1 other nodes are there to take replicas, which is too few for 1 partitions of: t (2 replicas). Add a node, or lower the number of replicas of these topics with kafka-reassign-partitions.sh; the drain goes on by itself then", false},
		{"leadership can go where the replica can't", 4, [3][]int32{{4}, {1, 2, 4}, {1, 4}}, nil, "node 4 has 1 leaders, 1 replicas", true, "", false},
		{"on its way", 4, [3][]int32{{1}, {4, 2, 1}, {1, 2}}, moving, "node 4 has 0 leaders, 1 replicas", true, "", false},
		{"on its way to a node that is not there", 4, [3][]int32{{2}, {3, 2, 4, 1}, {1, 2, 4}}, gone, "node 4 has 0 leaders, 1 replicas", false,
			"1 partitions are being reassigned to nodes that are not there (3), and the drain waits for that: t-0. Start these nodes, or end the reassignments with kafka-reassign-partitions.sh --cancel; the drain goes on by itself then", false},
		{"leadership can go meanwhile", 4, [3][]int32{{4}, {3, 2, 4, 1}, {1, 2, 4}}, gone, "node 4 has 1 leaders, 1 replicas", true, "", false},
		{"but not to a replica that goes too", 4, [3][]int32{{4}, {3, 2, 4, 1}, {1, 4}}, gone, "node 4 has 1 leaders, 1 replicas", false,
			"1 partitions are being reassigned to nodes that are not there (3), and the drain waits for that: t-0. Start these nodes, or end the reassignments with kafka-reassign-partitions.sh --cancel; the drain goes on by itself then", false},
		{"nobody leads", 4, [3][]int32{{-1}, {4}, nil}, nil, "node 4 has 0 leaders, 1 replicas", false,
			"1 partitions have no leader, so that they can't be moved: t-0. Start the nodes that hold their other replicas; see 'troupe partition recover --help' where these are lost for ever", false},
		{"nobody tells who votes", 4, [3][]int32{{1}, {1, 2}, {1, 2}}, func(a *clusterAnswers) { a.quorum = nil }, "node 4 has 0 leaders, 0 replicas, and a vote on the metadata", true, "", false},
	} {
		a := newClusterAnswers()
		a.topic("t", test.partition)
		if test.change != nil {
			test.change(a)
		}
		s := a.drainOf(test.node)
		if s.line() != test.line || s.goes != test.goes || s.Drained != test.drained {
			t.Errorf("%s: %s, goes %v, drained %v", test.name, s.line(), s.goes, s.Drained)
		}
		if got := s.left(); !test.goes && got != test.left {
			t.Errorf("%s: %s\nwant %s", test.name, got, test.left)
		}
	}
	for node, want := range map[int32]string{
		3: "node 3 holds nothing but a copy of the metadata; now, or ten seconds after its death: troupe cluster unregister 3 -b h:9094",
		4: "node 4 holds nothing but a copy of the metadata; stop it, and then: troupe cluster unregister 4 -b h:9091",
	} {
		if got := newClusterAnswers().drainOf(node).done(); got != want {
			t.Error(got)
		}
	}
	a := newClusterAnswers()
	if err := a.knows(9); fmt.Sprint(err) != "there is no node 9; there are 4,1,3,2" {
		t.Error(err)
	}
	a.cluster.Brokers = a.cluster.Brokers[:1]
	a.cluster.Brokers[0].NodeID = 0
	if err := a.knows(3); err == nil {
		t.Error("a cluster with a single address tells about its nodes")
	}
}
