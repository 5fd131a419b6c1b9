package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"troupe/benchmarks/cluster"
)

// A figure is one thing that is measured: a load on fresh nodes, and the measures that come of it.
type figure struct {
	name  string
	doc   string
	nodes int
	run   func(e *turn) error
	// once says that one round is enough, and one configuration of Kafka: a turn has a value for each of many events, or takes minutes.
	once bool
}

// A turn is one system's measurement in one round.
type turn struct {
	root   string // of the module
	system *cluster.System
	nodes  int
	dir    string
	note   func(measure, unit string, value float64)
}

func figures() []figure {
	return []figure{
		{name: "bulk", doc: "produce 1 KiB records in 1 MB batches, then consume what is in memory", nodes: 1, run: bulk},
		{name: "perf", doc: "Kafka's own producer-perf: 1 KiB records, Java's defaults (16 KiB batches), acks=all", nodes: 1, run: perf},
		{name: "small", doc: "produce 100 B records in 1 MB batches", nodes: 1, run: small},
		{name: "latency", doc: "single records of 1 KiB at 5 MB/s, without linger", nodes: 1, run: latency},
		{name: "start", doc: "start on an empty folder", nodes: 1, run: start},
		{name: "many", doc: "5,000 partitions: making them, restart after kill -9, and memory", nodes: 1, run: many},
		{name: "bulk-3", doc: "produce 1 KiB records in 1 MB batches to three replicas", nodes: 3, run: bulk3},
		{name: "small-3", doc: "produce 100 B records in 1 MB batches to three replicas", nodes: 3, run: small},
		{name: "latency-3", doc: "records of 1 KiB at 5 MB/s to three replicas, through franz-go, without linger and with its defaults", nodes: 3, run: latency3},
		{name: "many-3", doc: "5,000 partitions with three replicas: making them, restart of all nodes after kill -9, and memory", nodes: 3, run: many, once: true},
		{name: "catch-up", doc: "a node comes back that has missed 1.2 GB, while single records of 1 KiB come at 0.5 MB/s", nodes: 3, run: catchUp},
		{name: "kill", doc: "20 times kill -9 of the node that leads most", nodes: 3, run: failover("kill", 20, 0, 0), once: true},
		{name: "freeze", doc: "5 times SIGSTOP for 10 s of the node that leads most", nodes: 3, run: failover("freeze", 5, 10*time.Second, 0), once: true},
		{name: "rolling", doc: "5 times Ctrl+C and a start, one node after another", nodes: 3, run: failover("rolling", 5, 0, 0), once: true},
		{name: "kill-all", doc: "5 times kill -9 of all nodes, and a start", nodes: 3, run: failover("kill-all", 5, 0, 0), once: true},
		{name: "power", doc: "loss of power on all nodes at once; it needs root", nodes: 3, run: failover("power", 1, 0, 2<<30), once: true},
	}
}

const topic = "load"

// start starts the turn's system on a fresh folder.
func (e *turn) start() (*cluster.Cluster, error) {
	return cluster.Start(cluster.Options{System: e.system, Dir: filepath.Join(e.dir, "nodes"), Nodes: e.nodes})
}

// loaded starts the system and makes the topic.
func (e *turn) loaded() (*cluster.Cluster, error) {
	c, err := e.start()
	if err != nil {
		return nil, err
	}
	if err := fresh(c, topic); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// fresh creates a topic and writes to each of its partitions: Kafka names leaders that don't know of it yet.
func fresh(c *cluster.Cluster, topic string) error {
	if err := create(c, []string{topic}, partitions); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := pump(c, topic, 1, 1, 100)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// cost measures CPU and time of f.
func cost(c *cluster.Cluster, f func() error) (cpu, wall time.Duration, err error) {
	before, err := c.CPU()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := f(); err != nil {
		return 0, 0, err
	}
	wall = time.Since(began)
	after, err := c.CPU()
	return after - before, wall, err
}

const (
	mb = 1e6
	gb = 1e9
)

// The records of bulk, and how many of them make a batch.
const bulkSize, bulkRecords = 1024, 1000

func bulk(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := produceBulk(e, c); err != nil {
		return err
	}
	return consumeHot(e, c)
}

func bulk3(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	return produceBulk(e, c)
}

func produceBulk(e *turn, c *cluster.Cluster) error {
	const size, records = bulkSize, bulkRecords
	if err := pump(c, topic, 20, records, size); err != nil { // warm-up
		return err
	}
	written, err := cluster.DeviceWritten(e.dir)
	if err != nil {
		return err
	}
	const batches = 400
	bytes := float64(batches * partitions * records * size)
	cpu, wall, err := cost(c, func() error { return pump(c, topic, batches, records, size) })
	if err != nil {
		return err
	}
	memory, err := c.Memory()
	if err != nil {
		return err
	}
	e.note("produce 1 KiB", "MB/s", bytes/mb/wall.Seconds())
	e.note("CPU in", "s/GB", cpu.Seconds()/(bytes/gb))
	e.note("memory under load", "MB", float64(memory)/mb)
	if err := settle(e.dir); err != nil {
		return err
	}
	after, err := cluster.DeviceWritten(e.dir)
	if err != nil {
		return err
	}
	e.note("device bytes per byte", "", float64(after-written)/bytes)
	return nil
}

// consumeHot reads what fits in the memory that troupe keeps for the newest records, over and over.
func consumeHot(e *turn, c *cluster.Cluster) error {
	const size, records, hot = bulkSize, bulkRecords, "hot"
	if err := fresh(c, hot); err != nil {
		return err
	}
	const hotBatches, passes = 15, 16
	if err := pump(c, hot, hotBatches, records, size); err != nil {
		return err
	}
	if _, err := drain(c, hot, hotBatches*records); err != nil {
		return err
	}
	read := int64(0)
	cpu, wall, err := cost(c, func() error {
		for range passes {
			n, err := drain(c, hot, hotBatches*records)
			if err != nil {
				return err
			}
			read += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.note("consume 1 KiB from memory", "MB/s", float64(read)/mb/wall.Seconds())
	e.note("CPU out", "s/GB", cpu.Seconds()/(float64(read)/gb))
	return nil
}

// settle waits until the broker has written to the device what it has to: until the device is quiet for a second after a sync.
func settle(dir string) error {
	if out, err := exec.Command("sync").CombinedOutput(); err != nil {
		return fmt.Errorf("sync: %w: %s", err, out)
	}
	last, err := cluster.DeviceWritten(dir)
	for range 30 {
		if err != nil {
			return err
		}
		time.Sleep(time.Second)
		now, err := cluster.DeviceWritten(dir)
		if err != nil {
			return err
		}
		if now-last < mb {
			return nil
		}
		last = now
	}
	return nil
}

func small(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	const size, records = 100, 9000
	if err := pump(c, topic, 10, records, size); err != nil {
		return err
	}
	const batches = 150
	const all = batches * partitions * records
	cpu, wall, err := cost(c, func() error { return pump(c, topic, batches, records, size) })
	if err != nil {
		return err
	}
	e.note("produce 100 B", "M rec/s", all/1e6/wall.Seconds())
	e.note("CPU in, 100 B", "s/GB", cpu.Seconds()/(all*size/gb))
	return nil
}

// The load of the figures of latency: 5 MB/s.
const latencyPerSecond, latencySize = 4882, 1024

// latency has each record be a request of its own, whatever the answers take.
func latency(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := trickle(c, topic, latencyPerSecond, latencySize, 3*time.Second); err != nil {
		return err
	}
	var took []time.Duration
	cpu, _, err := cost(c, func() error {
		took, err = trickle(c, topic, latencyPerSecond, latencySize, 10*time.Second)
		return err
	})
	if err != nil {
		return err
	}
	e.noteAcks(took, "")
	e.note("CPU per request", "µs", cpu.Seconds()*1e6/float64(len(took)))
	return nil
}

// noteAcks takes down how long acknowledgements took, in ascending order, and when that was.
func (e *turn) noteAcks(took []time.Duration, when string) {
	e.note("ack p50"+when, "ms", took[len(took)/2].Seconds()*1000)
	e.note("ack p99"+when, "ms", took[len(took)*99/100].Seconds()*1000)
}

var perfLine = regexp.MustCompile(`records sent, ([0-9.]+) records/sec \(([0-9.]+) MB/sec\)`)

func perf(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	run := func(records int) (float64, error) {
		cmd := exec.Command(filepath.Join(e.root, "benchmarks/kafka/run-class"), "org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", strconv.Itoa(records),
			"--record-size", "1024", "--throughput", "-1", "--bootstrap-server", c.Nodes[0].Address, "--command-property", "acks=all")
		cmd.Env = append(os.Environ(), "KAFKA_HEAP=-Xmx512m")
		out, err := cmd.CombinedOutput()
		lines := perfLine.FindAllSubmatch(out, -1)
		if err != nil || len(lines) == 0 {
			return 0, fmt.Errorf("producer-perf: %w: %s", err, out)
		}
		perSecond, err := strconv.ParseFloat(string(lines[len(lines)-1][1]), 64) // the last line is about all of them
		return perSecond * 1024 / mb, err
	}
	if _, err := run(20_000); err != nil {
		return err
	}
	rate, err := run(250_000)
	if err != nil {
		return err
	}
	e.note("producer-perf, 16 KiB batches", "MB/s", rate)
	return nil
}

func start(e *turn) error {
	c, err := e.start()
	if err != nil {
		return err
	}
	defer c.Close()
	e.note("start, empty", "s", c.Nodes[0].Started().Seconds())
	time.Sleep(2 * time.Second)
	memory, err := c.Memory()
	if err != nil {
		return err
	}
	e.note("memory idle", "MB", float64(memory)/mb)
	return nil
}

func many(e *turn) error {
	c, err := e.start()
	if err != nil {
		return err
	}
	defer c.Close()
	var topics []string
	for i := range 50 {
		topics = append(topics, fmt.Sprint("many-", i))
	}
	began := time.Now()
	if err := create(c, topics, 100); err != nil {
		return err
	}
	e.note("create 5,000 partitions", "s", time.Since(began).Seconds())
	time.Sleep(2 * time.Second)
	memory, err := c.Memory()
	if err != nil {
		return err
	}
	e.note("memory with 5,000 partitions", "MB", float64(memory)/mb)
	c.Kill(c.Nodes...)
	began = time.Now()
	for _, n := range c.Nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	if err := c.AwaitReady(); err != nil {
		return err
	}
	if err := led(c, topics, 100); err != nil {
		return err
	}
	e.note("restart with 5,000 partitions", "s", time.Since(began).Seconds())
	return nil
}
