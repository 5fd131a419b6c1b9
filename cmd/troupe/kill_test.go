package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKill kills the server with SIGKILL at random moments while idempotent producers write at full speed, and starts it again. In the end every
// acknowledged record is there, none is there twice, and each partition has them in the order in which they were sent.
//
// KILL_ROUNDS says how often (10), and KILL_SEED repeats a run's moments.
func TestKill(t *testing.T) {
	const partitions = 4
	rounds := envNumber(t, "KILL_ROUNDS", 10)
	seed := envNumber(t, "KILL_SEED", int(time.Now().UnixNano()))
	t.Logf("KILL_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	dir := t.TempDir()
	server := launch(t, anyPorts(dir)...)
	args := []string{"--data", dir, "--listen", server.kafka, "--admin", "127.0.0.1:0"}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rounds)*5*time.Second+time.Minute)
	defer cancel()

	client, err := kgo.NewClient(kgo.SeedBrokers(server.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(2000),
		kgo.RetryTimeout(time.Minute), kgo.RecordRetries(1<<30), kgo.RequestRetries(1<<30), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}

	var acknowledged [partitions]atomic.Int64 // how many of a partition's records, which are acknowledged in their order
	producing, stop := context.WithCancel(ctx)
	done := make(chan int)
	for p := range partitions {
		go func() {
			n := 0
			for ; producing.Err() == nil; n++ {
				r := &kgo.Record{Topic: "orders", Partition: int32(p), Value: fmt.Appendf(nil, "%d %0200d", n, n)}
				client.Produce(ctx, r, func(r *kgo.Record, err error) {
					if err != nil {
						t.Errorf("a record was given up: %v", err)
						return
					}
					acknowledged[p].Add(1)
				})
			}
			done <- n
		}()
	}
	for round := range rounds {
		time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond) // the moment of the crash is what chance decides
		server.kill()
		if round%2 == 1 {
			tear(t, dir, chance)
		}
		server = launch(t, args...)
	}
	stop()
	sent := 0
	for range partitions {
		sent += <-done
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	server.kill()
	server = launch(t, args...)

	reader, err := kgo.NewClient(kgo.SeedBrokers(server.kafka), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	next := [partitions]int64{}
	for read := 0; read < sent; {
		f := reader.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", read, sent, err)
		}
		f.EachRecord(func(r *kgo.Record) {
			got, _, _ := strings.Cut(string(r.Value), " ")
			if want := strconv.FormatInt(next[r.Partition], 10); got != want {
				t.Fatalf("partition %d has record %s at offset %d, want %s", r.Partition, got, r.Offset, want)
			}
			next[r.Partition]++
			read++
		})
	}
	for p := range partitions {
		if acknowledged[p].Load() != next[p] {
			t.Errorf("partition %d: %d records were acknowledged, %d are there", p, acknowledged[p].Load(), next[p])
		}
	}
	ends, err := kadm.NewClient(reader).ListEndOffsets(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	for p := range partitions {
		if end, _ := ends.Lookup("orders", int32(p)); end.Offset != next[p] {
			t.Errorf("partition %d ends at %d, want %d", p, end.Offset, next[p])
		}
	}
	t.Logf("%d records, %d kills", sent, rounds)
}

// tear leaves a part of a write behind the end of the newest write-ahead log, as a crash of the machine in the midst of it would: bytes of which none are right,
// or a whole header and the beginning of what it announces.
func tear(t *testing.T, dir string, chance *rand.Rand) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no write-ahead log in %s: %v", dir, err)
	}
	f, err := os.OpenFile(logs[len(logs)-1], os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 1+chance.IntN(5000))
	for i := range part {
		part[i] = byte(chance.Uint32())
	}
	// A chunk begins with a checksum of four bytes and the length of its payload in two (pebble/record); its header has 19 at most.
	var head [6]byte
	if _, err := f.ReadAt(head[:], 0); err == nil && chance.IntN(2) == 0 {
		part = make([]byte, 6+chance.IntN(max(1, int(binary.LittleEndian.Uint16(head[4:])))))
		if _, err := f.ReadAt(part, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Write(part); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func envNumber(t *testing.T, name string, or int) int {
	t.Helper()
	v, ok := os.LookupEnv(name)
	if !ok {
		return or
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
