package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"troupe/benchmarks/cluster"
)

// latency3 has an application write at a steady rate through franz-go: the same load for all systems, and one that overwhelms none of them, since records share a request where answers are
// late. How long an acknowledgement takes is measured for each record, from when it was due. It is measured without linger, where a record waits for nothing but earlier requests, and with
// all of the client's defaults, with which it lingers for 10 ms.
func latency3(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, how := range []struct {
		name    string
		options []kgo.Opt
	}{
		{"through a client without linger", []kgo.Opt{kgo.ProducerLinger(0)}},
		{"through a client with its defaults", nil},
	} {
		if _, err := stream(c, 3*time.Second, how.options...); err != nil {
			return err
		}
		var took []time.Duration
		cpu, _, err := cost(c, func() error {
			took, err = stream(c, 10*time.Second, how.options...)
			return err
		})
		if err != nil {
			return err
		}
		e.noteAcks(took, " "+how.name)
		e.note("CPU per record "+how.name, "µs", cpu.Seconds()*1e6/float64(len(took)))
	}
	return nil
}

// stream hands records to a client of its own, at the rate of the figures of latency, and returns how long each took to be acknowledged, in ascending order.
func stream(c *cluster.Cluster, d time.Duration, options ...kgo.Opt) ([]time.Duration, error) {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(c.Addresses()...), kgo.DefaultProduceTopic(topic))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	values := make([][]byte, 512) // more than share a request, so that they can't be compressed together
	for i := range values {
		values[i] = randomValue(latencySize)
	}
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	gap := time.Second / latencyPerSecond
	start := time.Now()
	for i := range int(d / gap) {
		due := start.Add(gap * time.Duration(i))
		pause(time.Until(due))
		client.Produce(context.Background(), &kgo.Record{Value: values[i%len(values)]}, func(_ *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			if err != nil {
				failed = err
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	return took, failed
}
