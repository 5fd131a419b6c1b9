package main

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A server whose disk is full says so and ends with the exit code of a dead store; with room again it has every record that it acknowledged.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m"); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	server := launch(t, anyPorts(dir)...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(server.kafka), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation(), kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(0), kgo.RecordDeliveryTimeout(10*time.Second), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := int64(0)
	for value := make([]byte, 500_000); ; {
		if err := c.ProduceSync(ctx, &kgo.Record{Value: value}).FirstErr(); err != nil {
			break
		}
		acknowledged++
	}
	c.Close()
	select {
	case <-server.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the server goes on")
	}
	if code := server.cmd.ProcessState.ExitCode(); code != exitStoreDead || !strings.Contains(server.log.String(), "no space left on device") {
		t.Errorf("exit code %d: %s", code, server.log)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=400m"); err != nil {
		t.Fatal(err)
	}
	server = launch(t, anyPorts(dir)...)
	r, err := kgo.NewClient(kgo.SeedBrokers(server.kafka), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for read := int64(0); read < acknowledged; {
		f := r.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", read, acknowledged, err)
		}
		read += int64(f.NumRecords())
	}
	t.Logf("%d records", acknowledged)
}
