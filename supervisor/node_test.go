package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"troupe/supervisor"
	"troupe/supervisor/troupetest"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func client(t *testing.T, n *supervisor.Node, o ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(n.KafkaAddr())}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// publish produces records numbered from first on to partitions in turn, and waits for the answers.
func publish(t *testing.T, c *kgo.Client, topic string, partitions, first, count int) {
	t.Helper()
	ctx := testContext(t)
	for i := first; i < first+count; i++ {
		r := &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: fmt.Append(nil, i)}
		c.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err != nil {
				t.Errorf("record %s: %v", r.Value, err)
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// readAll reads all partitions from their start and checks that they hold the numbers below count, each once and in order.
func readAll(t *testing.T, n *supervisor.Node, topic string, partitions, count int, o ...kgo.Opt) {
	t.Helper()
	ctx := testContext(t)
	c := client(t, n, append([]kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, o...)...)
	next := make([]int, partitions)
	for i := range next {
		next[i] = i
	}
	for got := 0; got < count; {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", got, count, err)
		}
		f.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprint(next[r.Partition]); string(r.Value) != want {
				t.Fatalf("partition %d offset %d holds %s, want %s", r.Partition, r.Offset, r.Value, want)
			}
			next[r.Partition] += partitions
			got++
		})
	}
	c.Close()
}

func byHand() kgo.Opt { return kgo.RecordPartitioner(kgo.ManualPartitioner()) }

func TestPublishAndRead(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n, byHand())
	if _, err := kadm.NewClient(c).CreateTopic(testContext(t), 6, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "orders", 6, 0, 3000)
	for range 3 { // many readers
		readAll(t, n, "orders", 6, 3000)
	}
}

func TestEveryCompression(t *testing.T) {
	n := troupetest.Start(t)
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		c := client(t, n, byHand(), kgo.ProducerBatchCompression(codec), kgo.AllowAutoTopicCreation())
		publish(t, c, name, 1, 0, 500)
		readAll(t, n, name, 1, 500)
	}
}

func TestAcks(t *testing.T) {
	n := troupetest.Start(t)
	for name, acks := range map[string]kgo.Acks{"none": kgo.NoAck(), "leader": kgo.LeaderAck(), "all": kgo.AllISRAcks()} {
		c := client(t, n, byHand(), kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite(), kgo.AllowAutoTopicCreation())
		publish(t, c, name, 1, 0, 100)
		readAll(t, n, name, 1, 100)
	}
}

// Everything is there again after a restart, and writing goes on where it stopped.
func TestRestart(t *testing.T) {
	dir := "data.dir=" + t.TempDir()
	count := 0
	for range 3 {
		n := troupetest.Start(t, dir)
		c := client(t, n, byHand())
		if count == 0 {
			if _, err := kadm.NewClient(c).CreateTopic(testContext(t), 3, 1, nil, "orders"); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, c, "orders", 3, count, 300)
		count += 300
		readAll(t, n, "orders", 3, count)
		c.Close()
		troupetest.Stop(t, n)
	}
}

func TestOffsets(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n, byHand())
	admin, ctx := kadm.NewClient(c), testContext(t)
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	start := time.UnixMilli(1_700_000_000_000)
	for i := range 100 {
		r := &kgo.Record{Topic: "orders", Value: []byte("x"), Timestamp: start.Add(time.Duration(i) * time.Second)}
		if err := c.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	deleted, err := admin.DeleteRecords(ctx, kadm.Offsets{"orders": {0: kadm.Offset{Topic: "orders", Partition: 0, At: 40}}})
	if err != nil || deleted.Error() != nil {
		t.Fatal(err, deleted.Error())
	}
	for name, c := range map[string]struct {
		list func() (kadm.ListedOffsets, error)
		want int64
	}{
		"start": {func() (kadm.ListedOffsets, error) { return admin.ListStartOffsets(ctx, "orders") }, 40},
		"end":   {func() (kadm.ListedOffsets, error) { return admin.ListEndOffsets(ctx, "orders") }, 100},
		"time": {func() (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, start.Add(70*time.Second).UnixMilli(), "orders")
		}, 70},
		"between": {func() (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, start.Add(70500*time.Millisecond).UnixMilli(), "orders")
		}, 71},
		"deleted time": {func() (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, start.UnixMilli(), "orders")
		}, 40},
		"max timestamp": {func() (kadm.ListedOffsets, error) { return admin.ListMaxTimestampOffsets(ctx, "orders") }, 99},
	} {
		got, err := c.list()
		if err != nil {
			t.Fatal(name, err)
		}
		if o, _ := got.Lookup("orders", 0); o.Err != nil || o.Offset != c.want {
			t.Errorf("%s: %+v, want %d", name, o, c.want)
		}
	}
}

func TestAdminListener(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n, kgo.AllowAutoTopicCreation(), byHand())
	publish(t, c, "orders", 1, 0, 10)
	get := func(path string) string {
		t.Helper()
		a, err := http.Get("http://" + n.AdminAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", path, a.StatusCode, b, err)
		}
		return string(b)
	}
	post := func(path, origin string) (code int, body string) {
		t.Helper()
		q, err := http.NewRequest(http.MethodPost, "http://"+n.AdminAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if origin != "" {
			q.Header.Set("Origin", origin)
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(b)
	}
	get("/healthz")
	get("/readyz")
	if lost := get("/partitions/lost"); lost != "[]\n" {
		t.Errorf("partitions are lost: %s", lost)
	}
	for _, c := range []struct {
		query, origin string
		code          int
		want          string
	}{
		{"", "", http.StatusBadRequest, "no partition is named"},
		{"?all=true", "https://elsewhere.example", http.StatusForbidden, ""},
		{"?all=true", "", http.StatusOK, `{"recovered":[],"failed":[],"lost_nodes":[]}`},
		{"?partition=orders-0&partition=none-1", "", http.StatusOK, `"failed":[{"partition":"orders-0","reason":"it is not lost, or has no replica on this node"},{"partition":"none-1",`},
	} {
		if code, body := post("/partitions/recover"+c.query, c.origin); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("recover%s from %q: %d %s", c.query, c.origin, code, body)
		}
	}
	for _, want := range []string{`troupe_requests_total{api="Produce",error="NONE"}`, "troupe_request_seconds_bucket", "troupe_fsync_seconds_count", "troupe_partitions 2", "troupe_sessions "} {
		if !strings.Contains(get("/metrics"), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, want := range []string{`"kind":"directory"`, `orders-0`, `__cluster_metadata-0:1/coordinator/controller`, `"kind":"session"`} {
		if !strings.Contains(get("/tree"), want) {
			t.Errorf("the tree lacks %s", want)
		}
	}
}

// Retention moves the log start by size and by time, and what lies behind it stays.
func TestRetention(t *testing.T) {
	n := troupetest.Start(t, "log.retention.check.interval.ms=20")
	c := client(t, n, byHand(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin, ctx := kadm.NewClient(c), testContext(t)
	value := make([]byte, 100_000)
	until := func(topic string, holds func(start int64) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			starts, err := admin.ListStartOffsets(ctx, topic)
			if err != nil {
				t.Fatal(err)
			}
			start, _ := starts.Lookup(topic, 0)
			if holds(start.Offset) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s still starts at %d", topic, start.Offset)
			}
		}
	}
	write := func(topic string, count int, at time.Time) {
		t.Helper()
		for range count {
			if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: value, Timestamp: at}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	set := func(kv ...string) map[string]*string {
		out := map[string]*string{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = &kv[i+1]
		}
		return out
	}
	if _, err := admin.CreateTopic(ctx, 1, 1, set("segment.bytes", "1048576", "retention.bytes", "2000000"), "sized"); err != nil {
		t.Fatal(err)
	}
	write("sized", 60, time.Now()) // six segments
	until("sized", func(start int64) bool { return start >= 20 && start <= 40 })
	if _, err := admin.CreateTopic(ctx, 1, 1, set("segment.bytes", "1048576"), "timed"); err != nil {
		t.Fatal(err)
	}
	write("timed", 30, time.Now().Add(-48*time.Hour))
	write("timed", 15, time.Now())
	day := "86400000"
	if _, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &day}}, "timed"); err != nil {
		t.Fatal(err)
	}
	until("timed", func(start int64) bool { return start >= 20 && start <= 30 })
	reader := client(t, n, kgo.ConsumeTopics("timed"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	last := int64(0)
	for last < 44 {
		f := reader.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		f.EachRecord(func(r *kgo.Record) { last = r.Offset })
	}
}

func TestGroupLag(t *testing.T) {
	dir := "data.dir=" + t.TempDir()
	n := troupetest.Start(t, dir, "group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=2")
	c := client(t, n, byHand(), kgo.AllowAutoTopicCreation())
	publish(t, c, "orders", 1, 0, 100)
	ctx := testContext(t)
	if err := kadm.NewClient(c).CommitAllOffsets(ctx, "billing", kadm.Offsets{"orders": {0: kadm.Offset{Topic: "orders", At: 60}}}); err != nil {
		t.Fatal(err)
	}
	const line = `troupe_group_lag_records{group="billing",partition="0",topic="orders"} `
	if !metric(t, n, line+"40") {
		t.Error("the lag is not shown")
	}
	c.Close()
	troupetest.Stop(t, n)
	n = troupetest.Start(t, dir)
	if !metric(t, n, line+"40") {
		t.Error("the lag is not shown after a restart")
	}
	admin := kadm.NewClient(client(t, n))
	if _, err := admin.DeleteTopic(ctx, "orders"); err != nil {
		t.Fatal(err)
	}
	if metric(t, n, line+"40") {
		t.Error("the lag in a deleted topic is shown")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the offsets go with the topic
		offsets, err := admin.FetchOffsets(ctx, "billing")
		if err != nil {
			t.Fatal(err)
		}
		if len(offsets) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the offsets of a deleted topic are left: %v", offsets)
		}
	}
}

// A transactional producer is told once and for all that there are no transactions.
func TestTransactionsAreRefused(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n, kgo.TransactionalID("tx"))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := c.BeginTransaction()
	if err == nil {
		err = c.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}
	if !errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		t.Errorf("error %v", err)
	}
}
