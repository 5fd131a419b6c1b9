package main

import (
	"context"
	"sync"
	"testing"
)

// A load is records that are written to the partitions of a topic, without a pause, until it is stopped.
type load struct {
	c       *cluster
	topic   string
	stop    context.CancelFunc
	writing sync.WaitGroup
	written []int // by partition
}

// load begins to write. What is written is numbered from 0 on in each partition.
func (c *cluster) load(ctx context.Context, topic string, partitions int) *load {
	c.t.Helper()
	writing, stop := context.WithCancel(ctx)
	l := &load{c: c, topic: topic, stop: stop, written: make([]int, partitions)}
	client := c.client()
	for p := range l.written {
		l.writing.Go(func() {
			for ; writing.Err() == nil; l.written[p] += 20 {
				c.write(ctx, client, topic, int32(p), l.written[p], l.written[p]+20)
			}
		})
	}
	c.t.Cleanup(func() { stop(); l.writing.Wait() }) // before the client is closed
	return l
}

// check stops the load, and checks that all of it is there, once and in order.
func (l *load) check(ctx context.Context, t *testing.T) {
	t.Helper()
	l.stop()
	l.writing.Wait()
	for p, n := range l.written {
		if n == 0 {
			t.Errorf("nothing was written to %s-%d", l.topic, p)
		}
		l.c.read(ctx, l.topic, int32(p), n)
	}
}
