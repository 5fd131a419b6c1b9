package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A cluster is servers that find each other by their links.
type cluster struct {
	t       *testing.T
	dir     string
	links   []string // of node 1, 2, …
	seeds   []string // all of these, unless a test says otherwise
	kafka   []string
	admin   []string
	more    []string // flags of all nodes
	binary  string   // another version's; empty for this one
	servers []*process
}

// freeAddresses are addresses of the loopback that nobody listens on now.
func freeAddresses(t *testing.T, n int) (out []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

func newCluster(t *testing.T, n int, more ...string) *cluster {
	t.Helper()
	free := freeAddresses(t, 3*n)
	return &cluster{t: t, dir: t.TempDir(), links: free[:n], seeds: free[:n], kafka: free[n : 2*n], admin: free[2*n:], more: more, servers: make([]*process, n)}
}

func (c *cluster) args(node int) []string {
	return append([]string{
		"--node-id", fmt.Sprint(node), "--link", c.links[node-1], "--seeds", strings.Join(c.seeds, ","),
		"--data", filepath.Join(c.dir, fmt.Sprint(node)), "--listen", c.kafka[node-1], "--admin", c.admin[node-1], "--set", fmt.Sprintf("broker.rack=rack-%d", node),
	}, c.more...)
}

// start starts nodes, all at once, and waits until they are ready.
func (c *cluster) start(nodes ...int) {
	c.t.Helper()
	var starting sync.WaitGroup
	for _, node := range nodes {
		starting.Go(func() {
			if c.binary != "" {
				c.servers[node-1] = launchBinary(c.t, c.binary, c.args(node)...)
				return
			}
			c.servers[node-1] = launch(c.t, c.args(node)...)
		})
	}
	starting.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

func (c *cluster) client(o ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.kafka...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RetryTimeout(time.Minute), kgo.RequestRetries(1 << 30),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }), kgo.MetadataMinAge(50 * time.Millisecond),
	}, o...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// create makes a topic on three replicas.
func (c *cluster) create(ctx context.Context, topic string, partitions int32, settings map[string]*string) {
	c.t.Helper()
	answers, err := kadm.NewClient(c.client()).CreateTopics(ctx, partitions, 3, settings, topic)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// write sends records to a partition, until all are acknowledged.
func (c *cluster) write(ctx context.Context, client *kgo.Client, topic string, partition int32, from, to int) {
	c.t.Helper()
	for i := from; i < to; i++ {
		client.Produce(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Append(nil, i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				c.t.Errorf("record %d was given up: %v", i, err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// read checks that a partition holds the records [0, n), each once and in order.
func (c *cluster) read(ctx context.Context, topic string, partition int32, n int, o ...kgo.Opt) {
	c.t.Helper()
	reader := c.client(append(o, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))...)
	for next := 0; next < n; {
		f := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("partition %d: after %d of %d records: %v", partition, next, n, ctx.Err())
		}
		f.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != fmt.Sprint(next) || r.Offset != int64(next) {
				c.t.Fatalf("partition %d has record %s at offset %d, want %d", partition, r.Value, r.Offset, next)
			}
			next++
		})
	}
}

// awaitInSync waits until every partition of the topic has a leader and so many replicas in sync.
func (c *cluster) awaitInSync(ctx context.Context, topic string, replicas int) {
	c.t.Helper()
	admin := kadm.NewClient(c.client())
	for {
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			c.t.Fatal(err)
		}
		behind := ""
		for _, p := range topics[topic].Partitions.Sorted() {
			if p.Leader < 0 || len(p.ISR) != replicas {
				behind = fmt.Sprintf("partition %d: leader %d, in sync %v of %v", p.Partition, p.Leader, p.ISR, p.Replicas)
			}
		}
		if behind == "" && len(topics[topic].Partitions) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("the topic is not whole again: %s", behind)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Three nodes form a cluster, whoever is first. Records are acknowledged while any one of them is dead, each node that comes back catches up, and what was acknowledged is there
// after all three have died at once.
func TestCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.start(1, 2, 3)
	for _, s := range c.servers {
		if s.cluster == "" || s.cluster != c.servers[0].cluster {
			t.Fatalf("nodes are in clusters %q and %q", s.cluster, c.servers[0].cluster)
		}
	}
	least := "2"
	c.create(ctx, "orders", 3, map[string]*string{"min.insync.replicas": &least})
	c.awaitInSync(ctx, "orders", 3)
	client := c.client()
	written := 0
	more := func() {
		for p := range int32(3) {
			c.write(ctx, client, "orders", p, written, written+50)
		}
		written += 50
	}
	more()
	for node := 1; node <= 3; node++ {
		c.servers[node-1].kill()
		more()
		c.awaitInSync(ctx, "orders", 2)
		c.start(node)
		c.awaitInSync(ctx, "orders", 3)
		more()
	}
	for _, s := range c.servers {
		s.kill()
	}
	c.start(3, 1, 2)
	for p := range int32(3) {
		c.read(ctx, "orders", p, written)
	}
	c.servers[1].stop() // hands over
	more()
	for p := range int32(3) {
		c.read(ctx, "orders", p, written)
	}
}

// A client that knows one address works with all partitions and groups, wherever they are.
func TestSingleAddress(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.more = []string{"--advertise-single", c.kafka[1]}
	c.start(1, 2, 3)
	all := c.kafka
	c.kafka = all[1:2]
	c.create(ctx, "orders", 6, nil)
	client := c.client()
	for p := range int32(6) {
		c.write(ctx, client, "orders", p, 0, 20)
		c.read(ctx, "orders", p, 20)
	}
	admin := kadm.NewClient(client)
	brokers, err := admin.ListBrokers(ctx)
	if err != nil || len(brokers) != 1 || brokers[0].NodeID != 0 {
		t.Fatalf("clients are told of %v, %v", brokers, err)
	}
	for g := range 5 {
		group := fmt.Sprint("group-", g)
		reader := c.client(kgo.ConsumerGroup(group), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
		for n := 0; n < 6*20; {
			f := reader.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatalf("%s read %d records: %v", group, n, ctx.Err())
			}
			n += f.NumRecords()
		}
		if err := reader.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		reader.Close()
	}
	groups, err := admin.ListGroups(ctx)
	if err != nil || len(groups) != 5 {
		t.Errorf("%d groups are listed, %v", len(groups), err)
	}
	c.servers[2].kill()
	for p := range int32(6) {
		c.write(ctx, client, "orders", p, 20, 40)
		c.read(ctx, "orders", p, 40)
	}
}

// fetches counts the fetches that brokers answer.
type fetches struct {
	mu sync.Mutex
	by map[int32]int
}

// OnBrokerE2E is called for each answer.
func (f *fetches) OnBrokerE2E(b kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if key == kmsg.Fetch.Int16() && e.Err() == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.by[b.NodeID]++
	}
}

// A consumer that says where it stands reads from the replica there, whoever leads, and sees what is written meanwhile; when that node dies it goes on elsewhere.
func TestNearestReplica(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.start(1, 2, 3)
	c.create(ctx, "orders", 3, nil)
	c.awaitInSync(ctx, "orders", 3)
	writer := c.client()
	heard := &fetches{by: map[int32]int{}}
	reader := c.client(kgo.Rack("rack-2"), kgo.WithHooks(heard), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.RecheckPreferredReplicaInterval(5*time.Second))
	read, next := 0, [3]int64{}
	rounds := 0
	round := func() {
		for p := range int32(3) {
			c.write(ctx, writer, "orders", p, rounds*20, rounds*20+20)
		}
		rounds++
		for read < rounds*60 {
			f := reader.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatalf("after %d of %d records: %v", read, rounds*60, ctx.Err())
			}
			f.EachRecord(func(r *kgo.Record) {
				if r.Offset != next[r.Partition] {
					t.Fatalf("partition %d: offset %d, want %d", r.Partition, r.Offset, next[r.Partition])
				}
				next[r.Partition]++
				read++
			})
		}
	}
	for range 5 {
		round()
	}
	heard.mu.Lock()
	by := maps.Clone(heard.by)
	clear(heard.by)
	heard.mu.Unlock()
	for range 5 {
		round()
	}
	heard.mu.Lock()
	later := maps.Clone(heard.by)
	heard.mu.Unlock()
	if later[2] == 0 || later[1]+later[3] > 0 {
		t.Errorf("fetches by node were %v at first, and %v once the client knew; it stands beside node 2", by, later)
	}
	c.servers[1].kill()
	for range 2 {
		round()
	}
}

// Nodes that don't fit are refused with words that say why, and cost the others nothing. Who is told to take another id does so with the folder that it has.
func TestStrangers(t *testing.T) {
	c := newCluster(t, 3)
	c.start(1, 2, 3)
	free := freeAddresses(t, 2)
	refused := func(want string, node int, dir string) {
		t.Helper()
		p, line := try(t, "--node-id", fmt.Sprint(node), "--link", free[0], "--seeds", strings.Join(c.links[:2], ","), "--data", dir, "--listen", free[1], "--admin", "127.0.0.1:0")
		<-p.ended
		if line != "" || !strings.Contains(p.log.String(), want) {
			t.Errorf("node %d: %q, want %q in %s", node, line, want, p.log)
		}
	}
	late := t.TempDir()
	refused("node id 2 is taken", 2, late) // that of a seed
	refused("node id 3 is taken", 3, late) // that of a node that is none
	other := t.TempDir()
	alone := launch(t, anyPorts(other, "--node-id", "7")...)
	alone.stop()
	refused("belongs to cluster "+alone.cluster, 7, other)
	if s := c.servers[2]; s.cmd.ProcessState != nil {
		t.Errorf("node 3 has ended: %s", s.log)
	}
	p := launch(t, "--node-id", "4", "--link", free[0], "--seeds", strings.Join(c.links[:2], ","), "--data", late, "--listen", free[1], "--admin", "127.0.0.1:0")
	if p.cluster != c.servers[0].cluster {
		t.Errorf("the node that took another id is in cluster %s", p.cluster)
	}
}
