package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	disks "troupe/benchmarks/cluster"
)

// Without a reserve a server whose disk is full says so and ends with the exit code of a dead store; with room again it has every record that it acknowledged. That is what becomes of
// a disk that fills faster than a reserve can prevent, too.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m"); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	server := launch(t, anyPorts(dir, "--set", "disk.reserve.bytes=-1")...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	f := newFiller(t, server.kafka, 500_000)
	for f.write(ctx) == nil {
	}
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
	f.read(ctx, server.kafka, 0)
}

// A filler writes large records one by one, each once.
type filler struct {
	t            *testing.T
	client       *kgo.Client
	size         int
	acknowledged int64
}

func newFiller(t *testing.T, address string, size int) *filler {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation(), kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(0), kgo.RecordDeliveryTimeout(10*time.Second), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &filler{t: t, client: c, size: size}
}

func (f *filler) write(ctx context.Context) error {
	err := f.client.ProduceSync(ctx, &kgo.Record{Value: make([]byte, f.size)}).FirstErr()
	if err == nil {
		f.acknowledged++
	}
	return err
}

// fill writes until it is refused for want of room.
func (f *filler) fill(ctx context.Context) {
	f.t.Helper()
	for {
		if err := f.write(ctx); errors.Is(err, kerr.KafkaStorageError) {
			return
		} else if err != nil {
			f.t.Fatalf("after %d records: %v", f.acknowledged, err)
		}
	}
}

// read reads all records that were acknowledged, from an offset on.
func (f *filler) read(ctx context.Context, address string, from int64) {
	f.t.Helper()
	r, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(from)}}))
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	for read := from; read < f.acknowledged; {
		p := r.PollFetches(ctx)
		if err := p.Err(); err != nil {
			f.t.Fatalf("at %d of %d records: %v", read, f.acknowledged, err)
		}
		read += int64(p.NumRecords())
	}
	f.t.Logf("%d records", f.acknowledged-from)
}

// awaitRoom writes until a record is taken.
func (f *filler) awaitRoom(ctx context.Context) {
	f.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := f.write(ctx)
		switch {
		case err == nil:
			return
		case !errors.Is(err, kerr.KafkaStorageError) || time.Since(began) > 30*time.Second:
			f.t.Fatalf("there is room, and a record is refused: %v", err)
		}
	}
}

// smallDisk mounts a disk as a folder; the test is skipped where the machine can't.
func smallDisk(t *testing.T, dir string, bytes int64) *disks.Disk {
	t.Helper()
	if err := disks.CanMount(); err != nil {
		if os.Getenv("TEST_TOOLS") == "required" {
			t.Fatal(err)
		}
		t.Skip("skipped: ", err)
	}
	d, err := disks.NewDisk(filepath.Join(t.TempDir(), "image"), dir, bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// A node whose disk has less than its reserve refuses records with an error that clients wait out, goes on with reads and deletions, and takes records again once there is
// room, all by itself. It starts on a disk without a free byte. Room comes from segments of which no record is left, and the last is one of them.
func TestReserve(t *testing.T) {
	t.Run("short segments", func(t *testing.T) { reserve(t, true) })
	t.Run("one segment", func(t *testing.T) { reserve(t, false) })
}

func reserve(t *testing.T, short bool) {
	dir := filepath.Join(t.TempDir(), "disk")
	disk := smallDisk(t, dir, 192<<20)
	args := anyPorts(filepath.Join(dir, "data"))
	if short {
		args = append(args, "--set", "log.segment.bytes=4194304") // which is what deletions give back
	}
	server := launch(t, args...)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	f := newFiller(t, server.kafka, 200_000)
	if err := f.write(ctx); err != nil {
		t.Fatal(err)
	}
	f.fill(ctx)
	if got := server.get(t, "/readyz"); got != "ok\n" {
		t.Errorf("the node serves reads, and says %s", got)
	}
	if server.metric(t, "troupe_disk_full") != 1 {
		t.Error("the metrics don't say that the disk is full")
	}
	f.read(ctx, server.kafka, 0)

	deleteTo := func(offset int64) {
		t.Helper()
		c, err := kgo.NewClient(kgo.SeedBrokers(server.kafka))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var to kadm.Offsets
		to.AddOffset("orders", 0, offset, -1)
		answers, err := kadm.NewClient(c).DeleteRecords(ctx, to)
		if err == nil {
			err = answers.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	half := int64(0)
	if short {
		half = f.acknowledged / 2
		deleteTo(half)
		f.awaitRoom(ctx)
		f.read(ctx, server.kafka, half)
		f.fill(ctx)
	}

	if err := disk.Fill(0); err != nil {
		t.Fatal(err)
	}
	server.kill()
	server = launch(t, args...)
	f.read(ctx, server.kafka, half)
	f.client.Close()
	g := newFiller(t, server.kafka, f.size)
	g.acknowledged = f.acknowledged
	if err := g.write(ctx); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("a record on a full disk: %v", err)
	}
	deleteTo(f.acknowledged)
	g.awaitRoom(ctx)
	g.read(ctx, server.kafka, f.acknowledged)
	if code := server.stop(); code != 0 {
		t.Errorf("exit code %d: %s", code, server.log)
	}
}

// A node of three whose disk is full leads nothing that clients write to, and follows as far as it has room; no record is refused meanwhile. With room it catches up by itself.
func TestFullDiskInACluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 3, "--set", "replica.lag.time.max.ms=1000")
	disk := smallDisk(t, filepath.Join(c.dir, "1"), 256<<20)
	c.start(1, 2, 3)
	least := "2"
	c.create(ctx, "orders", 3, map[string]*string{"min.insync.replicas": &least})
	c.awaitInSync(ctx, "orders", 3)
	client := c.client()
	written := 0
	more := func(n int) {
		for p := range int32(3) {
			c.write(ctx, client, "orders", p, written, written+n)
		}
		written += n
	}
	leads := func(node int32) (n int) {
		t.Helper()
		topics, err := kadm.NewClient(client).ListTopics(ctx, "orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range topics["orders"].Partitions {
			if p.Leader == node {
				n++
			}
		}
		return n
	}
	more(50)
	if leads(1) == 0 {
		t.Fatal("node 1 leads nothing")
	}
	if err := disk.Fill(0); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); leads(1) > 0; more(1) { // on the leader, for as long as it is one
		if time.Since(began) > 20*time.Second {
			t.Fatal("node 1 goes on leading")
		}
	}
	more(1000) // on a follower
	c.awaitInSync(ctx, "orders", 2)
	if c.servers[0].metric(t, "troupe_disk_full") != 1 {
		t.Error("the metrics don't say that the disk is full")
	}
	for p := range int32(3) {
		c.read(ctx, "orders", p, written)
	}
	if err := disk.Free(); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(ctx, "orders", 3)
	c.servers[1].kill() // its part is node 1's now
	more(50)
	for p := range int32(3) {
		c.read(ctx, "orders", p, written)
	}
}
