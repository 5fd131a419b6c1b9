package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"troupe/benchmarks/cluster"
)

// A figure is one thing that is measured: a load on a fresh broker, and the measures that come of it.
type figure struct {
	name string
	doc  string
	run  func(e *turn) error
}

// A turn is one system's measurement in one round.
type turn struct {
	root   string // of the module
	system *cluster.System
	dir    string
	note   func(measure, unit string, value float64)
}

func figures() []figure {
	return []figure{
		{"bulk", "produce 1 KiB records in 1 MB batches, then consume what is in memory", bulk},
		{"perf", "Kafka's own producer-perf: 1 KiB records, Java's defaults (16 KiB batches), acks=all", perf},
		{"small", "produce 100 B records in 1 MB batches", small},
		{"latency", "single records of 1 KiB at 5 MB/s, without linger", latency},
		{"start", "start on an empty folder", start},
		{"many", "5,000 partitions: restart after kill -9, and memory", many},
	}
}

const topic = "load"

// broker starts the turn's system on a fresh folder, with the topic.
func (e *turn) broker() (*cluster.Broker, error) {
	b, err := e.system.Start(e.dir)
	if err != nil {
		return nil, err
	}
	if err := fresh(b.Address, topic); err != nil {
		b.Kill()
		return nil, err
	}
	return b, nil
}

// fresh creates a topic and writes to each of its partitions: Kafka names leaders that don't know of it yet.
func fresh(address, topic string) error {
	if err := create(address, []string{topic}, partitions); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := pump(address, topic, 1, 1, 100)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// cost measures CPU and time of f.
func cost(b *cluster.Broker, f func() error) (cpu, wall time.Duration, err error) {
	before, err := b.CPU()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := f(); err != nil {
		return 0, 0, err
	}
	wall = time.Since(began)
	after, err := b.CPU()
	return after - before, wall, err
}

const (
	mb = 1e6
	gb = 1e9
)

func bulk(e *turn) error {
	b, err := e.broker()
	if err != nil {
		return err
	}
	defer b.Kill()
	const size, records = 1024, 1000
	if err := pump(b.Address, topic, 20, records, size); err != nil { // warm-up
		return err
	}
	written, err := cluster.DeviceWritten(e.dir)
	if err != nil {
		return err
	}
	const batches = 400
	bytes := float64(batches * partitions * records * size)
	cpu, wall, err := cost(b, func() error { return pump(b.Address, topic, batches, records, size) })
	if err != nil {
		return err
	}
	memory, err := b.Memory()
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

	// What fits in the memory that troupe keeps for the newest records, read over and over.
	const hot = "hot"
	if err := fresh(b.Address, hot); err != nil {
		return err
	}
	const hotBatches, passes = 15, 16
	if err := pump(b.Address, hot, hotBatches, records, size); err != nil {
		return err
	}
	if _, err := drain(b.Address, hot, hotBatches*records); err != nil {
		return err
	}
	read := int64(0)
	cpu, wall, err = cost(b, func() error {
		for range passes {
			n, err := drain(b.Address, hot, hotBatches*records)
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
	b, err := e.broker()
	if err != nil {
		return err
	}
	defer b.Kill()
	const size, records = 100, 9000
	if err := pump(b.Address, topic, 10, records, size); err != nil {
		return err
	}
	const batches = 150
	_, wall, err := cost(b, func() error { return pump(b.Address, topic, batches, records, size) })
	if err != nil {
		return err
	}
	e.note("produce 100 B", "M rec/s", batches*partitions*records/1e6/wall.Seconds())
	return nil
}

func latency(e *turn) error {
	b, err := e.broker()
	if err != nil {
		return err
	}
	defer b.Kill()
	const perSecond, size = 4882, 1024
	if _, err := trickle(b.Address, topic, perSecond, size, 3*time.Second); err != nil {
		return err
	}
	var took []time.Duration
	cpu, _, err := cost(b, func() error {
		took, err = trickle(b.Address, topic, perSecond, size, 10*time.Second)
		return err
	})
	if err != nil {
		return err
	}
	e.note("ack p50", "ms", took[len(took)/2].Seconds()*1000)
	e.note("ack p99", "ms", took[len(took)*99/100].Seconds()*1000)
	e.note("CPU per request", "µs", cpu.Seconds()*1e6/float64(len(took)))
	return nil
}

var perfLine = regexp.MustCompile(`records sent, ([0-9.]+) records/sec \(([0-9.]+) MB/sec\)`)

func perf(e *turn) error {
	b, err := e.broker()
	if err != nil {
		return err
	}
	defer b.Kill()
	run := func(records int) (float64, error) {
		cmd := exec.Command(filepath.Join(e.root, "benchmarks/kafka/run-class"), "org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", strconv.Itoa(records),
			"--record-size", "1024", "--throughput", "-1", "--bootstrap-server", b.Address, "--command-property", "acks=all")
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
	b, err := e.system.Start(e.dir)
	if err != nil {
		return err
	}
	defer b.Kill()
	e.note("start, empty", "s", b.Started.Seconds())
	time.Sleep(2 * time.Second)
	memory, err := b.Memory()
	if err != nil {
		return err
	}
	e.note("memory idle", "MB", float64(memory)/mb)
	return nil
}

func many(e *turn) error {
	b, err := e.system.Start(e.dir)
	if err != nil {
		return err
	}
	var topics []string
	for i := range 50 {
		topics = append(topics, fmt.Sprint("many-", i))
	}
	if err := create(b.Address, topics, 100); err != nil {
		b.Kill()
		return err
	}
	time.Sleep(2 * time.Second)
	memory, err := b.Memory()
	if err != nil {
		b.Kill()
		return err
	}
	e.note("memory with 5,000 partitions", "MB", float64(memory)/mb)
	b.Kill()
	if b, err = e.system.Start(e.dir); err != nil {
		return err
	}
	defer b.Kill()
	began := time.Now()
	if err := led(b.Address, topics, 100); err != nil {
		return err
	}
	e.note("restart with 5,000 partitions", "s", (b.Started + time.Since(began)).Seconds())
	return nil
}
