package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Partition is what a node tells clients of a partition.
type Partition struct {
	Topic            string
	Partition        int32
	Leader           int32 // -1 where there is none
	Epoch            int32
	Replicas, InSync []int32
}

// statusWithin is how long a node may take to answer.
const statusWithin = time.Second

// ask sends a request to this node, whatever others there are.
func (n *Node) ask(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	a, err := n.client.SeedBrokers()[0].Request(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("ask node %d: %w", n.ID, err)
	}
	return a, nil
}

// Partitions returns all partitions as this node sees them, and the nodes that it names to clients. It may be called by any goroutine.
func (n *Node) Partitions(ctx context.Context) (partitions []Partition, brokers []int32, err error) {
	a, err := n.ask(ctx, kmsg.NewPtrMetadataRequest())
	if err != nil {
		return nil, nil, err
	}
	m := a.(*kmsg.MetadataResponse)
	for _, b := range m.Brokers {
		brokers = append(brokers, b.NodeID)
	}
	slices.Sort(brokers)
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			partitions = append(partitions, Partition{*t.Topic, p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR})
		}
	}
	slices.SortFunc(partitions, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return partitions, brokers, nil
}

// CreateTopic makes a topic with a replica of each partition on every node, up to three.
func (c *Cluster) CreateTopic(ctx context.Context, name string, partitions int, settings map[string]string) error {
	q := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, int32(partitions), int16(min(3, len(c.Nodes)))
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		value := settings[key]
		t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	q.Topics, q.TimeoutMillis = append(q.Topics, t), 30_000
	a, err := q.RequestWith(ctx, c.Nodes[0].client)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	if err := kerr.ErrorForCode(a.Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// HighWatermark asks this node, which must lead the partition, how far consumers may read. It may be called by any goroutine.
func (n *Node) HighWatermark(ctx context.Context, topic string, partition int32) (int64, error) {
	q := kmsg.NewPtrListOffsetsRequest()
	q.ReplicaID = -1
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = partition, -1
	q.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	a, err := n.ask(ctx, q)
	if err != nil {
		return 0, err
	}
	l := a.(*kmsg.ListOffsetsResponse)
	if len(l.Topics) != 1 || len(l.Topics[0].Partitions) != 1 {
		return 0, errors.New("ListOffsets is answered with something else than what was asked")
	}
	answer := l.Topics[0].Partitions[0]
	return answer.Offset, kerr.ErrorForCode(answer.ErrorCode)
}

// metadataTopic is how the partition of the metadata is called.
const metadataTopic = "__cluster_metadata"

// quorum returns why the metadata is not replicated as it should be, as its leader sees it: every node has a replica that lacks nothing, and three of them vote, where there are so many.
func (n *Node) quorum(ctx context.Context) error {
	q := kmsg.NewPtrDescribeQuorumRequest()
	q.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: metadataTopic, Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
	a, err := n.ask(ctx, q)
	if err != nil {
		return err
	}
	d := a.(*kmsg.DescribeQuorumResponse)
	if err := kerr.ErrorForCode(d.ErrorCode); err != nil {
		return fmt.Errorf("the metadata's quorum: %w", err)
	}
	if len(d.Topics) != 1 || len(d.Topics[0].Partitions) != 1 {
		return errors.New("DescribeQuorum is answered with something else than what was asked")
	}
	p := d.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return fmt.Errorf("the metadata's quorum: %w", err)
	}
	there := map[int32]bool{}
	for _, r := range slices.Concat(p.CurrentVoters, p.Observers) {
		if r.LogEndOffset < p.HighWatermark {
			return fmt.Errorf("the metadata's replica on node %d ends at %d, and should at %d", r.ReplicaID, r.LogEndOffset, p.HighWatermark)
		}
		there[r.ReplicaID] = true
	}
	for _, other := range n.cluster.Nodes {
		if !there[other.ID] {
			return fmt.Errorf("node %d has no replica of the metadata", other.ID)
		}
	}
	if voters := len(p.CurrentVoters); len(n.cluster.Nodes) >= votersLeast && voters < votersLeast {
		return fmt.Errorf("the metadata has %d voters", voters)
	}
	return nil
}

// votersLeast is how many nodes vote on the metadata at least, where there are so many.
const votersLeast = 3

// Whole returns why the cluster is not whole: nil where all nodes run, all of them agree that every partition has a leader and all its replicas in sync, and the metadata's replicas
// lack nothing.
func (c *Cluster) Whole(ctx context.Context) error {
	for _, n := range c.Nodes {
		if !n.Running() {
			return fmt.Errorf("node %d does not run", n.ID)
		}
	}
	if err := c.Nodes[0].quorum(ctx); err != nil {
		return err
	}
	return c.agreed(ctx, func(n *Node, p Partition) error {
		if len(p.InSync) < len(p.Replicas) {
			return fmt.Errorf("of %s/%d only %v are in sync, says node %d, of %v", p.Topic, p.Partition, p.InSync, n.ID, p.Replicas)
		}
		return nil
	})
}

// led returns why not every partition is led by a node that runs, as all of these see it.
func (c *Cluster) led(ctx context.Context) error {
	return c.agreed(ctx, func(*Node, Partition) error { return nil })
}

// agreed returns how the nodes that run see the cluster otherwise than each other, or see something that is not so: they know of each other and of nobody else, and of each partition they name the
// same leader, in the same epoch.
func (c *Cluster) agreed(ctx context.Context, so func(n *Node, p Partition) error) error {
	running := slices.DeleteFunc(slices.Clone(c.Nodes), func(n *Node) bool { return !n.Running() })
	var first []Partition
	for _, n := range running {
		partitions, brokers, err := n.Partitions(ctx)
		if err != nil {
			return err
		}
		if len(brokers) != len(running) {
			return fmt.Errorf("node %d knows of the nodes %v", n.ID, brokers)
		}
		for i, p := range partitions {
			switch {
			case p.Leader < 0:
				return fmt.Errorf("%s/%d has no leader, says node %d", p.Topic, p.Partition, n.ID)
			case first != nil && (len(first) != len(partitions) || first[i].Leader != p.Leader || first[i].Epoch != p.Epoch):
				return fmt.Errorf("nodes %d and %d do not agree on who leads %s/%d", running[0].ID, n.ID, p.Topic, p.Partition)
			}
			if err := so(n, p); err != nil {
				return err
			}
		}
		first = partitions
	}
	return nil
}
