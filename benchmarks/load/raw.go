package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/benchmarks/cluster"
	"troupe/partition/record"
)

// A conn is a connection on which requests are written and answers read by hand.
type conn struct {
	net.Conn
	in   *bufio.Reader
	last int32
}

func dial(address string) (*conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 256<<10)}, nil
}

func (c *conn) write(q kmsg.Request) error {
	c.last++
	_, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("load")).AppendRequest(nil, q, c.last))
	return err
}

// read returns the body of the next answer.
func (c *conn) read(flexible bool, into []byte) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[:])) - 4
	into = slices.Grow(into[:0], n)[:n]
	if _, err := io.ReadFull(c.in, into); err != nil {
		return nil, err
	}
	if flexible {
		return into[1:], nil
	}
	return into, nil
}

// ask writes a request and reads its answer.
func (c *conn) ask(q kmsg.Request) (kmsg.Response, error) {
	if err := c.write(q); err != nil {
		return nil, err
	}
	a := q.ResponseKind()
	b, err := c.read(a.IsFlexible(), nil)
	if err != nil {
		return nil, err
	}
	return a, a.ReadFrom(b)
}

// create makes topics, each with so many partitions, and waits until all partitions have leaders.
func create(nodes *cluster.Cluster, topics []string, partitions int32) error {
	c, err := dial(nodes.Nodes[0].Address)
	if err != nil {
		return err
	}
	defer c.Close()
	for chunk := range slices.Chunk(topics, 500) {
		q := kmsg.NewPtrCreateTopicsRequest()
		q.Version, q.TimeoutMillis = 5, 120_000
		for _, name := range chunk {
			t := kmsg.NewCreateTopicsRequestTopic()
			t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, int16(min(3, len(nodes.Nodes)))
			q.Topics = append(q.Topics, t)
		}
		a, err := c.ask(q)
		if err != nil {
			return err
		}
		for _, t := range a.(*kmsg.CreateTopicsResponse).Topics {
			if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
				return fmt.Errorf("create %s: %w", t.Topic, err)
			}
		}
	}
	return led(nodes, topics, partitions)
}

// led waits until all partitions of the topics have leaders.
func led(nodes *cluster.Cluster, topics []string, partitions int32) error {
	c, err := dial(nodes.Nodes[0].Address)
	if err != nil {
		return err
	}
	defer c.Close()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		m, err := c.metadata(topics...)
		if err != nil {
			return err
		}
		ready := true
		for _, t := range m.Topics {
			ready = ready && t.ErrorCode == 0 && len(t.Partitions) == int(partitions)
			for _, p := range t.Partitions {
				ready = ready && p.ErrorCode == 0 && p.Leader > 0
			}
		}
		if ready {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the topics' partitions have no leaders")
		}
	}
}

func (c *conn) metadata(topics ...string) (*kmsg.MetadataResponse, error) {
	m := kmsg.NewPtrMetadataRequest()
	m.Version = 9
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		m.Topics = append(m.Topics, t)
	}
	a, err := c.ask(m)
	if err != nil {
		return nil, err
	}
	return a.(*kmsg.MetadataResponse), nil
}

// leaders are the addresses of those that lead a topic's partitions, by partition.
func leaders(nodes *cluster.Cluster, topic string) ([]string, error) {
	c, err := dial(nodes.Nodes[0].Address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	m, err := c.metadata(topic)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(m.Topics[0].Partitions))
	for _, p := range m.Topics[0].Partitions {
		if p.Leader < 1 {
			return nil, fmt.Errorf("%s-%d has no leader", topic, p.Partition)
		}
		out[p.Partition] = nodes.Node(p.Leader).Address
	}
	return out, nil
}

// makeBatch returns a batch of records that can't be compressed.
func makeBatch(records, size int) (record.Batch, error) {
	var b record.Builder
	now := time.Now().UnixMilli()
	for range records {
		b.Add(record.Record{Timestamp: now, Value: randomValue(size)})
	}
	return b.Build()
}

func randomValue(size int) []byte {
	v := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.LittleEndian.PutUint64(v[i:], rand.Uint64())
	}
	return v
}

// frame returns a produce request with a batch for one partition.
func frame(topic string, partition int32, b record.Batch) []byte {
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks, q.TimeoutMillis = 9, -1, 60_000
	q.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: partition, Records: b}}}}
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("load")).AppendRequest(nil, q, 1)
}

func produced(b []byte) error {
	var a kmsg.ProduceResponse
	a.Version = 9
	if err := a.ReadFrom(b); err != nil {
		return err
	}
	return kerr.ErrorForCode(a.Topics[0].Partitions[0].ErrorCode)
}

// partitions is how many the measured topic has.
const partitions = 6

// together runs f for each partition, on a connection of its own to the one that leads it.
func together(nodes *cluster.Cluster, topic string, f func(c *conn, partition int32) error) error {
	addresses, err := leaders(nodes, topic)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(addresses))
	for p, address := range addresses {
		wg.Go(func() {
			c, err := dial(address)
			if err != nil {
				errs[p] = err
				return
			}
			defer c.Close()
			errs[p] = f(c, int32(p))
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// inFlight is how many requests a producer's connection has at most without an answer.
const inFlight = 2

// pump writes batches of one form until so many were acknowledged in each partition.
func pump(nodes *cluster.Cluster, topic string, batches, records, size int) error {
	b, err := makeBatch(records, size)
	if err != nil {
		return err
	}
	return together(nodes, topic, func(c *conn, p int32) error {
		f := frame(topic, p, b)
		window := make(chan struct{}, inFlight)
		go func() {
			for range batches {
				window <- struct{}{}
				if _, err := c.Write(f); err != nil {
					c.Close() // the reader sees it
					return
				}
			}
		}()
		var buffer []byte
		for range batches {
			if buffer, err = c.read(true, buffer); err != nil {
				return err
			}
			if err := produced(buffer); err != nil {
				return err
			}
			<-window
		}
		return nil
	})
}

// trickle sends single records at a steady rate, whatever the answers take, and returns for each the time from when it was due until it was
// acknowledged.
func trickle(nodes *cluster.Cluster, topic string, perSecond, size int, d time.Duration) ([]time.Duration, error) {
	b, err := makeBatch(1, size)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all []time.Duration
	err = together(nodes, topic, func(c *conn, p int32) error {
		f := frame(topic, p, b)
		gap := time.Second * partitions / time.Duration(perSecond)
		count := int(d / gap)
		start := time.Now().Add(gap * time.Duration(p) / partitions)
		go func() {
			for i := range count {
				pause(time.Until(start.Add(gap * time.Duration(i))))
				if _, err := c.Write(f); err != nil {
					c.Close() // the reader sees it
					return
				}
			}
		}()
		took := make([]time.Duration, 0, count)
		var buffer []byte
		for i := range count {
			var err error
			if buffer, err = c.read(true, buffer); err != nil {
				return err
			}
			took = append(took, time.Since(start.Add(gap*time.Duration(i))))
			if err := produced(buffer); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, took...)
		return nil
	})
	slices.Sort(all)
	return all, err
}

// pause sleeps in the kernel: the runtime's timers are a millisecond late on an idle process.
func pause(d time.Duration) {
	if d > 0 {
		t := syscall.NsecToTimespec(d.Nanoseconds())
		_ = syscall.Nanosleep(&t, nil) // a signal only makes it shorter
	}
}

// drain reads all partitions from their start to an offset, and returns the bytes of the batches.
func drain(nodes *cluster.Cluster, topic string, end int64) (int64, error) {
	var mu sync.Mutex
	total := int64(0)
	err := together(nodes, topic, func(c *conn, p int32) error {
		q := kmsg.NewPtrFetchRequest()
		q.Version, q.MaxWaitMillis, q.MinBytes, q.MaxBytes, q.SessionEpoch = 11, 500, 1, 50<<20, -1
		x := kmsg.NewFetchRequestTopicPartition()
		x.Partition, x.PartitionMaxBytes, x.CurrentLeaderEpoch = p, 4<<20, -1
		q.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{x}}}
		at := &q.Topics[0].Partitions[0].FetchOffset
		var buffer []byte
		read := int64(0)
		for *at < end {
			if err := c.write(q); err != nil {
				return err
			}
			var err error
			if buffer, err = c.read(false, buffer); err != nil {
				return err
			}
			var a kmsg.FetchResponse
			a.Version = 11
			if err := a.UnsafeReadFrom(buffer); err != nil {
				return err
			}
			got := a.Topics[0].Partitions[0]
			if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
				return err
			}
			for b, err := range record.Batches(got.RecordBatches) {
				if err != nil {
					return err
				}
				*at = int64(b.NextOffset())
				read += int64(len(b))
			}
		}
		mu.Lock()
		defer mu.Unlock()
		total += read
		return nil
	})
	return total, err
}
