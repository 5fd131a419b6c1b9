package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reassign asks for replicas of a partition on brokers, nil for none: to cancel.
func (c *cluster) reassign(ctx context.Context, topic string, brokers []int32) {
	c.t.Helper()
	q := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	p.Replicas = brokers
	q.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{p}}}
	a, err := q.RequestWith(ctx, c.client())
	if err == nil {
		err = kerr.ErrorForCode(a.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		c.t.Fatalf("to brokers %v: %v", brokers, err)
	}
}

// reassigning is what is under way.
func (c *cluster) reassigning(ctx context.Context) (out string) {
	c.t.Helper()
	q := kmsg.NewPtrListPartitionReassignmentsRequest()
	q.Topics = nil
	a, err := q.RequestWith(ctx, c.client())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, t := range a.Topics {
		for _, p := range t.Partitions {
			out += fmt.Sprintf("%s-%d %v +%v -%v;", t.Topic, p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas)
		}
	}
	return out
}

// until waits until something is so.
func (c *cluster) until(ctx context.Context, what string, so func() bool) {
	c.t.Helper()
	for !so() {
		select {
		case <-ctx.Done():
			c.t.Fatal(what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// holders are the brokers that have a replica of a partition in their data folders.
func (c *cluster) holders(ctx context.Context, topic string) (ids []int32) {
	c.t.Helper()
	all, err := kadm.NewClient(c.client()).DescribeAllLogDirs(ctx, kadm.TopicsSet{topic: {0: {}}})
	if err != nil {
		c.t.Fatal(err)
	}
	all.Each(func(d kadm.DescribedLogDir) {
		if _, ok := d.Topics[topic][0]; ok {
			ids = append(ids, d.Broker)
		}
	})
	slices.Sort(ids)
	return ids
}

// A partition moves to other nodes while records are written, each acknowledged once and in order; its data leaves the nodes that it left, a reassignment to a node
// that is dead can be cancelled, and the preferred leader leads when it is asked to.
func TestReassignment(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.start(1, 2, 3)
	admin := kadm.NewClient(c.client())
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", -1, -1
	topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2}}}
	create.Topics = append(create.Topics, topic)
	if a, err := create.RequestWith(ctx, c.client()); err != nil || a.Topics[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	writing, stop := context.WithCancel(ctx)
	written, ended := make(chan int, 1), make(chan struct{})
	client := c.client()
	t.Cleanup(func() { stop(); <-ended }) // before the client is closed
	go func() {
		defer close(ended)
		n := 0
		for ; writing.Err() == nil; n += 20 {
			c.write(ctx, client, "orders", 0, n, n+20)
		}
		written <- n
	}()
	replicas := func() []int32 {
		topics, err := admin.ListTopics(ctx, "orders")
		if err != nil {
			t.Fatal(err)
		}
		return topics["orders"].Partitions[0].Replicas
	}
	for _, to := range [][]int32{{3, 1}, {2, 3}, {1, 2, 3}, {3, 1}} {
		c.reassign(ctx, "orders", to)
		c.until(ctx, fmt.Sprintf("it does not come to brokers %v", to), func() bool { return c.reassigning(ctx) == "" && slices.Equal(replicas(), to) })
		want := slices.Sorted(slices.Values(to))
		c.until(ctx, fmt.Sprintf("not only brokers %v have its data", to), func() bool { return slices.Equal(c.holders(ctx, "orders"), want) })
	}
	elected, err := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{"orders": {0: {}}})
	if p := elected["orders"][0]; err != nil || p.Err != nil && p.Err != kerr.ElectionNotNeeded {
		t.Fatalf("%+v, %v", elected, err)
	}
	c.until(ctx, "the preferred leader does not lead", func() bool {
		topics, err := admin.ListTopics(ctx, "orders")
		return err == nil && topics["orders"].Partitions[0].Leader == 3
	})
	c.servers[1].kill()
	c.reassign(ctx, "orders", []int32{2, 1})
	if got, want := c.reassigning(ctx), "orders-0 [2 1 3] +[2] -[3];"; got != want {
		t.Errorf("under way: %s, want %s", got, want)
	}
	c.reassign(ctx, "orders", nil)
	c.until(ctx, "it is not cancelled", func() bool { return c.reassigning(ctx) == "" && slices.Equal(replicas(), []int32{1, 3}) })
	c.start(2)
	c.until(ctx, "not only brokers 1 and 3 have its data", func() bool { return slices.Equal(c.holders(ctx, "orders"), []int32{1, 3}) })
	stop()
	c.read(ctx, "orders", 0, <-written, kgo.ClientID("reader"))
	if code, out, stderr := troupe(t, "", "cluster", "status", "-b", c.kafka[0]); code != exitOK {
		t.Errorf("status ends with %d: %s%s", code, out, stderr)
	}
}
