package supervisor_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/record"
	"troupe/supervisor"
	"troupe/supervisor/troupetest"
)

func connect(t *testing.T, n *supervisor.Node) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.KafkaAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ended waits until the broker closes a connection, and returns what it sent before.
func ended(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is left open")
	}
	return b
}

func header(length int32, key, version int16) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(length))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	return binary.BigEndian.AppendUint32(b, 7)
}

// What is no request ends its connection, and costs nobody else anything.
func TestGarbage(t *testing.T) {
	n := troupetest.Start(t, "socket.request.max.bytes=1000000")
	healthy := client(t, n, byHand())
	if _, err := kadm.NewClient(healthy).CreateTopic(testContext(t), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	goroutines := runtime.NumGoroutine()
	written := 0
	for name, b := range map[string][]byte{
		"HTTP":                 []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"TLS":                  {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03},
		"a negative length":    header(-5, 3, 1),
		"a huge length":        header(1_000_001, 3, 1),
		"an unknown API":       append(header(10, 999, 0), 0, 0),
		"an unserved version":  append(header(10, 1, 0), 0xff, 0xff),
		"an API of brokers":    append(header(10, 7, 0), 0, 0),
		"a body of nothing":    append(header(10, 1, 11), 0xff, 0xff),
		"a body of anything":   append(append(header(1010, 1, 11), 0xff, 0xff), bytes.Repeat([]byte{0x7f}, 1000)...),
		"a header of nothing":  binary.BigEndian.AppendUint32(nil, 0),
		"a header of too much": append(header(12, 3, 9), 0, 0, 0xff, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, n)
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
			if got := ended(t, c); len(got) > 0 {
				t.Errorf("answered with %x", got)
			}
			publish(t, healthy, "orders", 1, written, 1)
			written++
		})
	}
	for range 50 { // half a request, and then nobody
		c := connect(t, n)
		if _, err := c.Write(header(900_000, 0, 9)); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	publish(t, healthy, "orders", 1, written, 100)
	readAll(t, n, "orders", 1, written+100)
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > goroutines+20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
	}
}

// apiVersions is a request that is answered at once.
func apiVersions(correlation int32) []byte {
	q := kmsg.NewPtrApiVersionsRequest()
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, q, correlation)
}

// longPoll asks for records of the topic orders, and waits for them longer than any test.
func longPoll(correlation int32) []byte {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.MaxWaitMillis, q.MinBytes, q.MaxBytes, q.SessionEpoch = 11, 1_000_000, 1, 1<<20, -1
	x := kmsg.NewFetchRequestTopicPartition()
	x.PartitionMaxBytes, x.CurrentLeaderEpoch = 1<<20, -1
	q.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", Partitions: []kmsg.FetchRequestTopicPartition{x}}}
	return kmsg.NewRequestFormatter().AppendRequest(nil, q, correlation)
}

// answers returns the correlation ids of the frames in b.
func answers(t *testing.T, b []byte) (ids []int32) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 8 || len(b) < 4+int(binary.BigEndian.Uint32(b)) {
			t.Fatalf("%d bytes are no whole answer", len(b))
		}
		ids = append(ids, int32(binary.BigEndian.Uint32(b[4:])))
		b = b[4+binary.BigEndian.Uint32(b):]
	}
	return ids
}

// What a client has sent before its last word, or before a frame that can't be understood, is answered.
func TestLastAnswers(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n)
	if _, err := kadm.NewClient(c).CreateTopic(testContext(t), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	for name, last := range map[string][]byte{"it shuts down its side": nil, "an API that is not served": header(8, 4000, 0)} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, n)
			sent := slices.Concat(apiVersions(1), apiVersions(2), longPoll(3), last)
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			if last == nil {
				if err := c.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if got := answers(t, ended(t, c)); !slices.Equal(got, []int32{1, 2, 3}) {
				t.Errorf("answered are %v", got)
			}
		})
	}
}

// A member of a group that waits for another one keeps nobody from being heard, however much it says of itself: least of all that other one.
func TestParkedRequestsLeaveRoom(t *testing.T) {
	n := troupetest.Start(t, "group.initial.rebalance.delay.ms=0")
	join := func(c *kgo.Client, member string, bytes int) *kmsg.JoinGroupResponse {
		q := kmsg.NewPtrJoinGroupRequest()
		q.Group, q.ProtocolType, q.SessionTimeoutMillis, q.RebalanceTimeoutMillis, q.MemberID = "g", "consumer", 45_000, 300_000, member
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = "range", make([]byte, bytes)
		q.Protocols = append(q.Protocols, p)
		a, err := q.RequestWith(testContext(t), c)
		if err != nil {
			t.Error(err)
			return kmsg.NewPtrJoinGroupResponse()
		}
		return a
	}
	first, second := client(t, n), client(t, n)
	one := join(first, join(first, "", 10).MemberID, 10)
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.Generation, sync.MemberID, sync.ProtocolType, sync.Protocol = "g", one.Generation, one.MemberID, kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	if a, err := sync.RequestWith(testContext(t), first); err != nil || a.ErrorCode != 0 {
		t.Fatal(a, err)
	}
	other := join(second, "", 10)
	parked := make(chan *kmsg.JoinGroupResponse)
	go func() { parked <- join(second, other.MemberID, 2_200_000) }() // of which each byte might stand for something large
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.Generation, beat.MemberID = "g", one.Generation, one.MemberID
	for { // until the first member learns of it
		a, err := beat.RequestWith(testContext(t), first)
		if err != nil {
			t.Fatal(err)
		}
		if a.ErrorCode == kerr.RebalanceInProgress.Code {
			break
		}
	}
	join(first, one.MemberID, 10)
	if a := <-parked; a.ErrorCode != 0 {
		t.Errorf("the member that waited is answered with %d", a.ErrorCode)
	}
}

// A node that ends does not wait for clients that wait for records: they are answered with none.
func TestDrainEndsLongPolls(t *testing.T) {
	asked := make(chan struct{})
	n := troupetest.StartWith(t, supervisor.Options{Fault: func(_, _ string, message any) {
		if f, ok := message.(*messages.Fetch); ok && f.Wait {
			close(asked)
		}
	}})
	if _, err := kadm.NewClient(client(t, n)).CreateTopic(testContext(t), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	c := connect(t, n)
	if _, err := c.Write(longPoll(7)); err != nil {
		t.Fatal(err)
	}
	<-asked
	troupetest.Stop(t, n)
	if got := answers(t, ended(t, c)); !slices.Equal(got, []int32{7}) {
		t.Errorf("answered are %v", got)
	}
}

// Batches that must not be stored are refused with Kafka's error for each, and the connection goes on.
func TestBadBatches(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n)
	ctx := testContext(t)
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	good := func(size int) []byte {
		var b record.Builder
		b.Add(record.Record{Timestamp: time.Now().UnixMilli(), Value: make([]byte, size)})
		out, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	changed := func(change func(b []byte) []byte) []byte {
		b := change(good(100))
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	bomb := func() []byte {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		zeros := make([]byte, 1<<20)
		value := binary.AppendVarint([]byte{0, 0, 0, 1}, 300<<20) // attributes, deltas, no key, and so long a value
		if _, err := z.Write(append(binary.AppendVarint(nil, int64(len(value)+(300<<20)+1)), value...)); err != nil {
			t.Fatal(err)
		}
		for range 300 { // 300 MB in 300 kB
			if _, err := z.Write(zeros); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		b := append(good(0)[:record.HeaderSize:record.HeaderSize], packed.Bytes()...)
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		binary.BigEndian.PutUint16(b[21:], uint16(record.Gzip))
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	for _, x := range []struct {
		name    string
		records []byte
		acks    int16
		want    *kerr.Error
	}{
		{"a good one", good(100), -1, nil},
		{"nothing", nil, -1, kerr.InvalidRecord},
		{"half a batch", good(100)[:80], -1, kerr.InvalidRecord},
		{"a wrong checksum", func() []byte { b := good(100); b[70] ^= 1; return b }(), -1, kerr.CorruptMessage},
		{"the format of 0.10", changed(func(b []byte) []byte { b[16] = 1; return b }), -1, kerr.InvalidRecord},
		{"a count that is not true", changed(func(b []byte) []byte { b[60] = 9; return b }), -1, kerr.InvalidRecord},
		{"two batches", append(good(10), good(10)...), -1, kerr.InvalidRecord},
		{"too large a batch", good(2 << 20), -1, kerr.MessageTooLarge},
		{"a decompression bomb", bomb(), -1, kerr.MessageTooLarge},
		{"acks that don't exist", good(100), 7, kerr.InvalidRequiredAcks},
		{"a good one again", good(100), -1, nil},
	} {
		q := kmsg.NewPtrProduceRequest()
		q.Version, q.Acks, q.TimeoutMillis = 9, x.acks, 10_000
		q.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: x.records}}}}
		conn := connect(t, n)
		if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, q, 1)); err != nil {
			t.Fatal(err)
		}
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:])-5)
		if _, err := io.ReadFull(conn, body); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		a := kmsg.NewPtrProduceResponse()
		a.Version = 9
		if err := a.ReadFrom(body); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if got := kerr.ErrorForCode(a.Topics[0].Partitions[0].ErrorCode); !errors.Is(got, x.want) && (got != nil || x.want != nil) {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}

// A client that sends a byte at a time, one that reads nothing, and many that announce much hold up nobody.
func TestSlowClients(t *testing.T) {
	n := troupetest.Start(t, "queued.max.request.bytes=4000000")
	healthy := client(t, n, byHand())
	if _, err := kadm.NewClient(healthy).CreateTopic(testContext(t), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	for range 100 { // together they announce 10 GB
		c := connect(t, n)
		if _, err := c.Write(header(100_000_000, 0, 9)); err != nil {
			t.Fatal(err)
		}
	}
	deaf := connect(t, n)
	m := kmsg.NewPtrMetadataRequest()
	m.Version = 9
	ask := kmsg.NewRequestFormatter().AppendRequest(nil, m, 1)
	for range 1000 {
		if err := deaf.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := deaf.Write(ask); err != nil {
			break // the broker reads no more of it
		}
	}
	slow := connect(t, n)
	for i, b := range ask {
		if _, err := slow.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		publish(t, healthy, "orders", 1, i, 1)
	}
	var head [4]byte
	if _, err := io.ReadFull(slow, head[:]); err != nil {
		t.Errorf("a request that came byte by byte: %v", err)
	}
	readAll(t, n, "orders", 1, len(ask))
}

func TestConnectionLimits(t *testing.T) {
	n := troupetest.Start(t, "max.connections.per.ip=3", "connections.max.idle.ms=300")
	for range 3 {
		connect(t, n)
	}
	over := connect(t, n)
	ended(t, over)
	// Those that are idle are closed after a while, and make room.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c := connect(t, n)
		q := kmsg.NewPtrMetadataRequest()
		q.Version = 9
		_, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, q, 1))
		var head [4]byte
		if err == nil {
			_, err = io.ReadFull(c, head[:])
		}
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("idle connections keep their place: %v", err)
		}
	}
	if strings.Contains(n.KafkaAddr(), ":0") {
		t.Error("the port is not resolved")
	}
}
