package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// voters are the nodes that vote on the metadata, -1 for one of a store that is gone; nil where nobody tells.
func (c *cluster) voters(ctx context.Context) (ids []int32) {
	c.t.Helper()
	a, err := askCluster(ctx, c.client())
	if err != nil || a.quorum == nil {
		return nil
	}
	for _, v := range a.status().Metadata.Voters {
		ids = append(ids, v.Node)
	}
	slices.Sort(ids)
	return ids
}

func (c *cluster) awaitVoters(ctx context.Context, want ...int32) {
	c.t.Helper()
	var got []int32
	c.until(ctx, fmt.Sprintf("the voters of the metadata don't become %v", want), func() bool {
		got = c.voters(ctx)
		return slices.Equal(got, want)
	})
}

// replicas are the nodes that have replicas of a topic's partitions.
func (c *cluster) replicas(ctx context.Context, topic string) (ids []int32) {
	c.t.Helper()
	topics, err := kadm.NewClient(c.client()).ListTopics(ctx, topic)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range topics[topic].Partitions {
		ids = append(ids, p.Replicas...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A node that was alone becomes one of three: its data, its offsets and its cluster's id stay, and the topics that nobody has given a number of replicas grow by themselves, and so do
// the metadata's voters, while records are written. Then any node can die, the first one too.
func TestGrowth(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(t, 3, "--set", "offsets.topic.num.partitions=10")
	alone := launch(t, append([]string{"--node-id", "1", "--data", filepath.Join(c.dir, "1"), "--listen", c.kafka[0], "--admin", "127.0.0.1:0"}, c.more...)...)
	for _, args := range []string{"topic create orders -p 4", "topic create single -p 1 -r 1"} {
		if code, _, stderr := troupe(t, "", append(strings.Fields(args), "-b", c.kafka[0])...); code != exitOK {
			t.Fatal(stderr)
		}
	}
	c.write(ctx, c.client(), "single", 0, 0, 100)
	reader := c.client(kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("single"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	for n := 0; n < 100; n += reader.PollFetches(ctx).NumRecords() {
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	if err := reader.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	alone.stop()
	c.start(1)
	load := c.load(ctx, "orders", 4)
	c.start(2, 3)
	for _, s := range c.servers {
		if s.cluster != alone.cluster {
			t.Fatalf("a node is in cluster %s, and the first one was in %s", s.cluster, alone.cluster)
		}
	}
	c.awaitInSync(ctx, "orders", 3)
	c.awaitInSync(ctx, "__consumer_offsets", 3)
	c.awaitVoters(ctx, 1, 2, 3)
	if got := c.replicas(ctx, "single"); !slices.Equal(got, []int32{1}) {
		t.Errorf("a topic that was made with one replica has some on %v", got)
	}
	c.read(ctx, "single", 0, 100)
	c.servers[0].kill()
	load.check(ctx, t)
	c.until(ctx, "the group's offset is not there", func() bool {
		offsets, err := kadm.NewClient(c.client()).FetchOffsets(ctx, "billing") // it does not try another seed by itself
		o, _ := offsets.Lookup("single", 0)
		return err == nil && o.At == 100
	})
}

// A fourth node gets what is made from then on. One that is drained under load leads nothing, has no replicas and no vote in the end, and can be stopped and unregistered. Where too few are left
// the drain says what is in its way.
func TestDrain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 4, "--set", "offsets.topic.num.partitions=4")
	c.seeds = c.links[:3]
	c.start(1, 2, 3)
	c.create(ctx, "orders", 6, nil)
	load := c.load(ctx, "orders", 6)
	command := func(want int, args string) string {
		t.Helper()
		code, out, stderr := troupe(t, "", append(strings.Fields(args), "-b", c.kafka[0])...)
		if code != want {
			t.Fatalf("%s: exit code %d: %s%s", args, code, out, stderr)
		}
		return out + stderr
	}
	command(exitFailed, "cluster drain 9")
	c.start(4)
	c.create(ctx, "events", 4, nil)
	if got := c.replicas(ctx, "events"); !slices.Contains(got, 4) {
		t.Errorf("a new topic is on nodes %v", got)
	}
	out := command(exitOK, "cluster drain 2 --timeout 40s")
	if !strings.Contains(out, "holds nothing but a copy of the metadata") {
		t.Error(out)
	}
	if out := command(exitOK, "cluster status"); !strings.Contains(out, "draining  observer") {
		t.Error(out)
	}
	for _, topic := range []string{"orders", "events"} {
		c.awaitInSync(ctx, topic, 3)
		if got := c.replicas(ctx, topic); !slices.Equal(got, []int32{1, 3, 4}) {
			t.Errorf("%s is on nodes %v", topic, got)
		}
	}
	c.awaitVoters(ctx, 1, 3, 4)
	c.until(ctx, "node 2 keeps data", func() bool { return !slices.Contains(c.holders(ctx, "orders"), 2) })
	if out := command(exitFailed, "cluster unregister 2"); !strings.Contains(out, "Stop it first") {
		t.Error(out)
	}
	c.servers[1].stop()
	command(exitOK, "cluster unregister 2")
	if out := command(exitOK, "cluster status"); strings.Contains(out, c.kafka[1]) {
		t.Error(out)
	}
	again, line := try(t, c.args(2)...)
	if line != "" {
		t.Errorf("a node that was unregistered serves again: %s", line)
	}
	if <-again.ended; !strings.Contains(again.log.String(), "Start the broker with an empty one") {
		t.Error(again.log)
	}
	if out := command(exitFailed, "cluster drain 3"); !strings.Contains(out, "2 other nodes are there to take replicas, which is too few for 10 partitions of: events (3 replicas), orders (3 replicas). Add a node") {
		t.Error(out)
	}
	command(exitOK, "cluster drain 3 --cancel")
	c.awaitVoters(ctx, 1, 3, 4)
	load.check(ctx, t)
}

// A node whose folder is lost comes back under its id with an empty one, while records are written, and is a full member again: another node may die then. Of a log whose older
// records are deleted it has the rest.
func TestWipedNode(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.start(1, 2, 3)
	c.create(ctx, "orders", 6, nil)
	load := c.load(ctx, "orders", 6)
	c.create(ctx, "short", 1, nil)
	c.write(ctx, c.client(), "short", 0, 0, 100)
	sixty := kadm.Offsets{}
	sixty.Add(kadm.Offset{Topic: "short", Partition: 0, At: 60})
	if a, err := kadm.NewClient(c.client()).DeleteRecords(ctx, sixty); err != nil || a.Error() != nil {
		t.Fatal(err, a.Error())
	}
	c.awaitInSync(ctx, "orders", 3)
	c.awaitVoters(ctx, 1, 2, 3)
	c.servers[1].kill()
	c.awaitInSync(ctx, "orders", 2)
	if err := os.RemoveAll(filepath.Join(c.dir, "2")); err != nil {
		t.Fatal(err)
	}
	c.start(2)
	c.awaitInSync(ctx, "orders", 3)
	c.awaitInSync(ctx, "short", 3)
	c.awaitVoters(ctx, 1, 2, 3)
	c.servers[0].kill()
	c.awaitInSync(ctx, "orders", 2)
	load.check(ctx, t)
	reader := c.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"short": {0: kgo.NewOffset().AtStart()}}))
	for next := int64(60); next < 100; {
		f := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("the topic whose older records are deleted has no offset %d", next)
		}
		f.EachRecord(func(r *kgo.Record) {
			if r.Offset != next || string(r.Value) != fmt.Sprint(next) {
				t.Fatalf("record %s at offset %d, want %d", r.Value, r.Offset, next)
			}
			next++
		})
	}
}

// A node that is gone with its disk is replaced by one with another id: it joins, the dead one is drained and unregistered.
func TestDeadNodeIsReplaced(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(t, 4)
	c.seeds = c.links[:3]
	c.start(1, 2, 3)
	c.create(ctx, "orders", 6, nil)
	load := c.load(ctx, "orders", 6)
	c.awaitInSync(ctx, "orders", 3)
	c.awaitVoters(ctx, 1, 2, 3)
	c.servers[2].kill()
	if err := os.RemoveAll(filepath.Join(c.dir, "3")); err != nil {
		t.Fatal(err)
	}
	c.start(4)
	if code, out, stderr := troupe(t, "", "cluster", "drain", "3", "-b", c.kafka[0], "--timeout", "30s"); code != exitOK {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	c.awaitInSync(ctx, "orders", 3)
	c.awaitVoters(ctx, 1, 2, 4)
	c.until(ctx, "node 3 can't be unregistered", func() bool {
		code, _, _ := troupe(t, "", "cluster", "unregister", "3", "-b", c.kafka[0])
		return code == exitOK
	})
	c.servers[0].kill()
	load.check(ctx, t)
}
