package main

import (
	"context"
	"slices"
	"time"
)

// catchUp measures what it costs live traffic that a node comes back which has missed a lot: single records at a steady rate, before and meanwhile.
func catchUp(e *turn) error {
	c, err := e.loaded()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := c.AwaitWhole(ctx); err != nil {
		return err
	}
	back := c.Nodes[len(c.Nodes)-1]
	back.Kill()
	if err := c.AwaitLed(ctx); err != nil {
		return err
	}
	const batches = 200 // 1.2 GB
	if err := pump(c, topic, batches, bulkRecords, bulkSize); err != nil {
		return err
	}
	if err := settle(e.dir); err != nil {
		return err
	}
	const perSecond = 488
	before, err := trickle(c, topic, perSecond, bulkSize, 8*time.Second)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := back.Start(); err != nil {
		return err
	}
	whole := make(chan error, 1)
	go func() { whole <- c.AwaitWhole(ctx) }()
	var during []time.Duration
	for {
		took, err := trickle(c, topic, perSecond, bulkSize, time.Second)
		if err != nil {
			return err
		}
		during = append(during, took...)
		select {
		case err := <-whole:
			if err != nil {
				return err
			}
			e.note("catch-up of 1.2 GB", "s", time.Since(began).Seconds())
			slices.Sort(during)
			e.noteAcks(before, " before a catch-up")
			e.noteAcks(during, " during a catch-up")
			return nil
		default:
		}
	}
}
