package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A group that is at work is left alone, and one that does not exist is said not to, also where no group ever was.
func TestGroupStates(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir(), "--set", "group.initial.rebalance.delay.ms=0")...)
	if code, _, stderr := troupe(t, "", "group", "describe", "nope", "-b", server.kafka); code != exitFailed || stderr != "troupe: there is no group nope\n" {
		t.Errorf("describe ends with %d: %s", code, stderr)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(server.kafka), kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if f := c.PollFetches(ctx); f.Err() != nil { // the group is stable
		t.Fatal(f.Err())
	}
	code, _, stderr := troupe(t, "", "group", "reset-offsets", "billing", "--topic", "orders", "--to-earliest", "-b", server.kafka)
	if code != exitFailed || !strings.Contains(stderr, "group billing has members") {
		t.Errorf("reset-offsets ends with %d: %s", code, stderr)
	}
}
