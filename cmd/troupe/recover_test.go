package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/supervisor"
)

// threeWithOrders starts three nodes with a topic that each of them has a replica of, in sync. The context is over after two minutes.
func threeWithOrders(t *testing.T, partitions int32) (context.Context, *cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	c := newCluster(t, 3)
	c.start(1, 2, 3)
	c.create(ctx, "orders", partitions, nil)
	c.awaitInSync(ctx, "orders", 3)
	return ctx, c
}

// empty deletes nodes' data folders.
func (c *cluster) empty(nodes ...int) {
	c.t.Helper()
	for _, node := range nodes {
		if err := os.RemoveAll(filepath.Join(c.dir, fmt.Sprint(node))); err != nil {
			c.t.Fatal(err)
		}
	}
}

// recover runs the command against a node.
func (c *cluster) recover(node int, args ...string) (code int, out, stderr string) {
	c.t.Helper()
	return troupe(c.t, "", append([]string{"partition", "recover", "--admin", c.admin[node-1]}, args...)...)
}

// awaitLost waits until a node lists partitions as lost.
func (c *cluster) awaitLost(ctx context.Context, node int, partitions ...string) (out string) {
	c.t.Helper()
	c.until(ctx, "the node does not list what is lost", func() bool {
		var code int
		code, out, _ = c.recover(node)
		for _, p := range partitions {
			if !strings.Contains(out, p+" has lost its majority: ") {
				return false
			}
		}
		return code == exitUsage
	})
	return out
}

// kept checks that a partition holds a prefix of the records that were written, as long as it was said, and of all that were there at a time.
func (c *cluster) kept(ctx context.Context, r *supervisor.Recovery, topic string, partition int32, least, most int) int {
	c.t.Helper()
	name := fmt.Sprintf("%s-%d", topic, partition)
	for _, p := range r.Recovered {
		if p.Partition != name {
			continue
		}
		if p.LogStart != 0 || p.LogEnd < int64(least) || p.LogEnd > int64(most) || len(p.GivenUp) != 2 {
			c.t.Errorf("%d records were written, %d of them to all replicas, and of %s is kept %+v", most, least, name, p)
		}
		c.read(ctx, topic, partition, int(p.LogEnd))
		return int(p.LogEnd)
	}
	c.t.Fatalf("%s is not among what is recovered: %+v", name, r)
	return 0
}

// Two of three nodes are lost for ever while records are written. Nothing is served, until an operator has the third go on alone; then everything is that it has, and what is
// kept was said. New nodes get everything, and go on without the first.
func TestRecoverLostMajority(t *testing.T) {
	ctx, c := threeWithOrders(t, 3)
	client := c.client()
	for p := range int32(3) {
		c.write(ctx, client, "orders", p, 0, 100)
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("orders", 0, 42, -1)
	if err := kadm.NewClient(client).CommitAllOffsets(ctx, "billing", offsets); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(ctx, "__consumer_offsets", 3)
	if code, out, stderr := c.recover(1, "--all", "--accept-data-loss"); code != exitOK || !strings.HasPrefix(out, "no partition") {
		t.Fatalf("nothing is lost, and recover says %d, %s%s", code, out, stderr)
	}
	if code, _, stderr := c.recover(1, "orders-0", "--accept-data-loss"); code != exitFailed || !strings.Contains(stderr, "not recovered orders-0: it is not lost") {
		t.Fatalf("orders-0 is not lost, and recover says %d, %s", code, stderr)
	}
	busy, stop := context.WithCancel(ctx)
	last := [3]int{100, 100, 100} // one more than the last record that was sent
	var acknowledged atomic.Int64
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := 100; busy.Err() == nil; i++ {
			for p := range int32(3) {
				client.Produce(busy, &kgo.Record{Topic: "orders", Partition: p, Value: fmt.Append(nil, i)}, func(_ *kgo.Record, err error) {
					if err == nil {
						acknowledged.Add(1)
					}
				})
				last[p] = i + 1
			}
		}
	}()
	c.until(ctx, "no records are acknowledged", func() bool { return acknowledged.Load() > 1000 })
	c.servers[1].kill()
	c.servers[2].kill()
	stop()
	<-writing
	client.Close() // what it has not sent it would send later
	c.empty(2, 3)

	out := c.awaitLost(ctx, 1, "__cluster_metadata-0", "orders-0", "orders-1", "orders-2")
	if !strings.Contains(out, "the replica on node 2 (gone since ") || !strings.Contains(out, "the replica on node 3 (gone since ") {
		t.Errorf("the list does not say what is lost: %s", out)
	}
	if code, _, stderr := c.recover(1, "--all"); code != exitUsage || !strings.Contains(stderr, "nothing was changed") {
		t.Errorf("without the flag: %d, %s", code, stderr)
	}
	if code, _, stderr := c.recover(1, "orders-0", "--accept-data-loss"); code != exitFailed || !strings.Contains(stderr, "recover __cluster_metadata-0 first") {
		t.Errorf("before the metadata: %d, %s", code, stderr)
	}
	none, cancelNone := context.WithTimeout(ctx, 500*time.Millisecond)
	if err := c.client().ProduceSync(none, &kgo.Record{Topic: "orders", Value: []byte("no")}).FirstErr(); err == nil {
		t.Error("a record was acknowledged by a minority")
	}
	cancelNone()

	code, out, stderr := c.recover(1, "--all", "--accept-data-loss", "--json")
	var r supervisor.Recovery
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK {
		t.Fatalf("recover says %d, %v: %s%s", code, err, out, stderr)
	}
	if len(r.Recovered) != 1+3+50 || fmt.Sprint(r.LostNodes) != "[2 3]" {
		t.Errorf("%d partitions are recovered, nodes %v are lost", len(r.Recovered), r.LostNodes)
	}
	var ends [3]int
	for p := range int32(3) {
		ends[p] = c.kept(ctx, &r, "orders", p, 100, last[p])
	}
	client = c.client(kgo.SeedBrokers(c.kafka[0]))
	write := func(n int) {
		t.Helper()
		for p := range int32(3) {
			c.write(ctx, client, "orders", p, ends[p], ends[p]+n)
			ends[p] += n
		}
	}
	write(50)
	fetched, err := kadm.NewClient(client).FetchOffsets(ctx, "billing")
	if o, ok := fetched.Lookup("orders", 0); err != nil || !ok || o.At != 42 {
		t.Errorf("the group's offset is %+v, %v", o, err)
	}

	c.start(2, 3)
	c.awaitInSync(ctx, "orders", 3)
	c.awaitInSync(ctx, "__consumer_offsets", 3)
	write(50)
	c.servers[0].kill()
	client = c.client(kgo.SeedBrokers(c.kafka[1:]...))
	write(50)
	for p := range int32(3) {
		c.read(ctx, "orders", p, ends[p])
	}
	c.start(1)
	c.awaitInSync(ctx, "orders", 3)
}

// All three nodes are down, and one comes back with its data, another with an empty folder. The first goes on alone and takes the second again. The third, which comes back with the folder of
// before, is refused with words, whoever is there, and taken with an empty one.
func TestRecoverAfterRestart(t *testing.T) {
	ctx, c := threeWithOrders(t, 1)
	c.write(ctx, c.client(), "orders", 0, 0, 100)
	for _, s := range c.servers {
		s.kill()
	}
	c.empty(2)
	var started sync.WaitGroup
	defer started.Wait()
	begin := func(node int) {
		started.Go(func() { c.servers[node-1] = launch(t, c.args(node)...) })
	}
	begin(1)
	begin(2)
	c.until(ctx, "node 2 does not come without its data", func() bool {
		out := c.awaitLost(ctx, 1, "__cluster_metadata-0", "orders-0")
		return strings.Contains(out, "the replica on node 2 (its node is there with another data folder, or without it)") && strings.Contains(out, "the replica on node 3 (gone since ")
	})
	code, out, stderr := c.recover(1, "--all", "--accept-data-loss")
	if want := "recovered orders-0: kept records from offset 0 up to 99\n"; code != exitOK || !strings.Contains(out, want) || !strings.Contains(out, "nodes 2,3 are given up") {
		t.Fatalf("recover says %d, %s%s", code, out, stderr)
	}
	started.Wait()
	c.write(ctx, c.client(), "orders", 0, 100, 150)
	refused := func() {
		t.Helper()
		p, line := try(t, c.args(3)...)
		<-p.ended
		if want := "the cluster went on without broker 3, whose data folder"; line != "" || !strings.Contains(p.log.String(), want) {
			t.Errorf("node 3 says %q, want %q in %s", line, want, p.log)
		}
	}
	refused()
	c.servers[0].kill()
	c.start(1)
	refused()
	c.empty(3)
	c.start(3)
	c.awaitInSync(ctx, "orders", 3)
	c.servers[0].kill()
	c.write(ctx, c.client(kgo.SeedBrokers(c.kafka[1:]...)), "orders", 0, 150, 200)
	c.read(ctx, "orders", 0, 200)
}

// The nodes that were given up come back at the same time with the folders of before. They are a majority of what was, and where nobody says otherwise they go on with it. The one that went on
// ends them as soon as it hears of them, and is not disturbed.
func TestLostMajorityComesBack(t *testing.T) {
	ctx, c := threeWithOrders(t, 3)
	written := 0
	write := func() {
		t.Helper()
		client := c.client(kgo.SeedBrokers(c.kafka[0]))
		defer client.Close()
		for p := range int32(3) {
			c.write(ctx, client, "orders", p, written, written+50)
			c.read(ctx, "orders", p, written+50, kgo.SeedBrokers(c.kafka[0]))
		}
		written += 50
	}
	write()
	c.servers[1].kill()
	c.servers[2].kill()
	c.awaitLost(ctx, 1, "__cluster_metadata-0", "orders-0", "orders-1", "orders-2")
	if code, out, stderr := c.recover(1, "--all", "--accept-data-loss"); code != exitOK {
		t.Fatalf("recover says %d, %s%s", code, out, stderr)
	}
	write()
	refused := func(node int, p *process) {
		t.Helper()
		select {
		case <-p.ended:
		case <-ctx.Done():
			t.Fatalf("node %d goes on", node)
		}
		if want := fmt.Sprintf("the cluster went on without broker %d, whose data folder", node); !strings.Contains(p.log.String(), want) {
			t.Errorf("node %d says %s", node, p.log)
		}
	}
	var both [2]*process
	var started sync.WaitGroup
	for i := range both {
		started.Go(func() { both[i], _ = try(t, c.args(i+2)...) })
	}
	write()
	started.Wait()
	for i, p := range both {
		refused(i+2, p)
	}
	write()

	c.servers[0].kill()
	c.start(2, 3)
	c.start(1)
	refused(2, c.servers[1])
	refused(3, c.servers[2])
	write()
	if s := c.servers[0]; s.cmd.ProcessState != nil {
		t.Errorf("node 1 has ended: %s", s.log)
	}
}

// Two of four nodes are left, of which one votes on the metadata. There, or where more of it is, it goes on, and each node has its own replicas go on; what has a majority on the two is not
// touched.
func TestRecoverOnTwoNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 4)
	c.start(1, 2, 3, 4)
	var voters []int32
	c.until(ctx, "three nodes vote on the metadata", func() bool {
		voters = c.voters(ctx)
		return len(voters) == 3 && voters[0] > 0
	})
	a, b, x, y := voters[0], 1+2+3+4-voters[0]-voters[1]-voters[2], voters[1], voters[2]
	left, gone := []int{int(a), int(b)}, []int{int(x), int(y)}
	c.createOn(ctx, "orders", []int32{a, x, y}, []int32{x, y, b}, []int32{y, b, a}, []int32{b, a, x})
	c.createOn(ctx, "wide", []int32{a, b, x, y})
	c.awaitInSync(ctx, "orders", 3)
	c.awaitInSync(ctx, "wide", 4)
	written, reached := 0, kgo.SeedBrokers(c.kafka[a-1], c.kafka[b-1])
	write := func() {
		t.Helper()
		client := c.client(reached)
		defer client.Close()
		for p := range int32(4) {
			c.write(ctx, client, "orders", p, written, written+50)
			c.read(ctx, "orders", p, written+50, reached)
		}
		c.write(ctx, client, "wide", 0, written, written+50)
		c.read(ctx, "wide", 0, written+50, reached)
		written += 50
	}
	write()
	for _, node := range gone {
		c.servers[node-1].kill()
	}
	c.empty(gone...)
	c.awaitLost(ctx, left[0], "__cluster_metadata-0", "orders-0")
	c.awaitLost(ctx, left[1], "__cluster_metadata-0", "orders-1")
	recovered := ""
	for _, node := range []int{left[0], left[1], left[0]} { // where one has more of the metadata it goes on there, and then the other
		_, out, _ := c.recover(node, "--all", "--accept-data-loss")
		recovered += out
	}
	for _, partition := range []string{"__cluster_metadata-0", "orders-0", "orders-1", "wide-0"} { // of wide two replicas of four are left, and one of them is made anew from the other
		if strings.Count(recovered, "recovered "+partition+": ") != 1 {
			t.Errorf("%s is not recovered once: %s", partition, recovered)
		}
	}
	if strings.Contains(recovered, "orders-2") || strings.Contains(recovered, "orders-3") {
		t.Errorf("what is not lost is recovered: %s", recovered)
	}
	write()
	c.start(gone...)
	c.awaitInSync(ctx, "orders", 3)
	c.awaitInSync(ctx, "wide", 4)
	write()
}

// createOn creates a topic whose partitions have replicas on given nodes.
func (c *cluster) createOn(ctx context.Context, topic string, replicas ...[]int32) {
	c.t.Helper()
	q := kmsg.NewPtrCreateTopicsRequest()
	a := kmsg.NewCreateTopicsRequestTopic()
	a.Topic, a.NumPartitions, a.ReplicationFactor = topic, -1, -1
	for i, ids := range replicas {
		a.ReplicaAssignment = append(a.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: ids})
	}
	q.Topics, q.TimeoutMillis = append(q.Topics, a), 10_000
	r, err := q.RequestWith(ctx, c.client())
	if err == nil {
		err = kerr.ErrorForCode(r.Topics[0].ErrorCode)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Two of three replicas are given up while the metadata has its majority. They come back with their data while the one that went on is not there: they would be a majority of what was,
// and must not take a record; nor may a second start make their old data that of the replicas that take their place.
func TestGivenUpReplicasComeBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 5)
	c.start(1, 2, 3, 4, 5)
	c.until(ctx, "five nodes vote on the metadata", func() bool { return len(c.voters(ctx)) == 5 })
	c.createOn(ctx, "orders", []int32{1, 2, 3})
	c.awaitInSync(ctx, "orders", 3)
	c.write(ctx, c.client(), "orders", 0, 0, 50)
	c.servers[1].kill()
	c.servers[2].kill()
	c.awaitLost(ctx, 1, "orders-0")
	if code, out, stderr := c.recover(1, "orders-0", "--accept-data-loss"); code != exitOK {
		t.Fatalf("recover says %d, %s%s", code, out, stderr)
	}
	reached := kgo.SeedBrokers(c.kafka[0], c.kafka[3], c.kafka[4])
	c.write(ctx, c.client(reached), "orders", 0, 50, 100)
	c.servers[0].kill()

	none := func() {
		t.Helper()
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		r, err := c.client(kgo.SeedBrokers(c.kafka[1:]...)).ProduceSync(within, &kgo.Record{Topic: "orders", Value: []byte("lost")}).First()
		if err == nil {
			t.Errorf("a replica that was given up has acknowledged a record at offset %d", r.Offset)
		}
	}
	c.start(2, 3)
	none()
	c.servers[1].kill()
	c.servers[2].kill()
	c.start(2, 3)
	none()
	c.start(1)
	c.awaitInSync(ctx, "orders", 3)
	c.write(ctx, c.client(), "orders", 0, 100, 150)
	c.servers[0].kill()
	c.write(ctx, c.client(kgo.SeedBrokers(c.kafka[1:]...)), "orders", 0, 150, 200)
	c.read(ctx, "orders", 0, 200, kgo.SeedBrokers(c.kafka[1:]...))
}

// Three of five nodes are lost, and an operator has the other two go on at the same time. One of them does, with each partition; two would each have a log of its own.
func TestRecoverOnTwoNodesAtOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 5)
	c.start(1, 2, 3, 4, 5)
	c.until(ctx, "five nodes vote on the metadata", func() bool { return len(c.voters(ctx)) == 5 })
	c.createOn(ctx, "orders", []int32{1, 2, 3, 4, 5}, []int32{2, 1, 3, 4, 5})
	c.awaitInSync(ctx, "orders", 5)
	for p := range int32(2) {
		c.write(ctx, c.client(), "orders", p, 0, 50)
	}
	for node := 3; node <= 5; node++ {
		c.servers[node-1].kill()
	}
	all := []string{"__cluster_metadata-0", "orders-0", "orders-1"}
	c.awaitLost(ctx, 1, all...)
	c.awaitLost(ctx, 2, all...)
	recovered := ""
	for round := 0; ; round++ {
		var codes [2]int
		var outs [2]string
		var asked sync.WaitGroup
		for i := range 2 {
			asked.Go(func() { codes[i], outs[i], _ = c.recover(i+1, "--all", "--accept-data-loss") })
		}
		asked.Wait()
		recovered += outs[0] + outs[1]
		if codes == [2]int{} {
			break
		}
		if round == 5 {
			t.Fatalf("the nodes end with %v: %s", codes, recovered)
		}
	}
	for _, partition := range all {
		if n := strings.Count(recovered, "recovered "+partition+": "); n != 1 {
			t.Errorf("%s was recovered %d times: %s", partition, n, recovered)
		}
	}
	for _, node := range []int{0, 1} {
		reached := kgo.SeedBrokers(c.kafka[node])
		for p := range int32(2) {
			c.write(ctx, c.client(reached), "orders", p, 50+50*node, 100+50*node)
			c.read(ctx, "orders", p, 100+50*node, reached)
		}
	}
}

// Nodes that stand still for a moment are not lost, whatever the operator believes: what was acknowledged with them is there when they go on.
func TestNobodyIsLostAtOnce(t *testing.T) {
	ctx, c := threeWithOrders(t, 1)
	c.write(ctx, c.client(), "orders", 0, 0, 50)
	for _, s := range c.servers[1:] {
		if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	c.until(ctx, "the others are still there", func() bool {
		_, metrics, err := get(ctx, c.admin[0], "/metrics")
		return err == nil && strings.Contains(string(metrics), "\ntroupe_nodes_up 1\n")
	})
	const want = "was there less than 5s ago, or may be on its way: ask again when it has been gone for longer"
	if code, out, stderr := c.recover(1, "--all", "--accept-data-loss"); code != exitFailed || !strings.Contains(stderr, want) {
		t.Errorf("the others were there a moment ago, and recover says %d, %s%s", code, out, stderr)
	}
	for _, s := range c.servers[1:] {
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitInSync(ctx, "orders", 3)
	c.write(ctx, c.client(), "orders", 0, 50, 100)
	c.read(ctx, "orders", 0, 100)
}
