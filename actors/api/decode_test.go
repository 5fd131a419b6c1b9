package api

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What ApiVersions answers is the table, and each row can be parsed and answered in each of its versions.
func TestApiVersionsIsTheTable(t *testing.T) {
	b := newBench(t, nil)
	q := kmsg.NewPtrApiVersionsRequest()
	q.Version, q.ClientSoftwareName, q.ClientSoftwareVersion = 4, "test", "1.0"
	a := response[*kmsg.ApiVersionsResponse](b, b.send(q))
	table := APIs()
	if len(a.ApiKeys) != len(table) {
		t.Fatalf("%d rows are answered, the table has %d", len(a.ApiKeys), len(table))
	}
	last := int16(-1)
	for i, row := range table {
		k := a.ApiKeys[i]
		if k.ApiKey != row.Key.Int16() || k.MinVersion != row.Declared || k.MaxVersion != row.Max || row.Declared > row.Min || row.Min > row.Max {
			t.Errorf("%s: answered %+v, the row is %+v", row.Name(), k, row)
		}
		if k.ApiKey <= last {
			t.Errorf("%s is not in its place", row.Name())
		}
		last = k.ApiKey
		if row.Max > row.Key.Request().MaxVersion() {
			t.Errorf("%s: version %d can't be coded", row.Name(), row.Max)
		}
	}
}

func TestApiVersionsOfTheFuture(t *testing.T) {
	b := newBench(t, nil)
	frame := binary.BigEndian.AppendUint32([]byte{0, 18, 0, 99}, 42)
	frame = append(frame, "whatever comes then"...)
	r, err := b.env.NewDecoder().Decode(frame, epoch)
	if err != nil {
		t.Fatal(err)
	}
	r.Done = func(pieces [][]byte, _ string) { b.served[r] = &pieces }
	b.env.System.Root().Send(b.pid, r)
	b.settle()
	a := response[*kmsg.ApiVersionsResponse](b, r)
	if r.Version != 0 || a.ErrorCode != kerr.UnsupportedVersion.Code || len(a.ApiKeys) == 0 {
		t.Errorf("version %d: %+v", r.Version, a)
	}
}

func TestDecodeRefuses(t *testing.T) {
	d := newBench(t, nil).env.NewDecoder()
	head := func(key, version int16) []byte {
		b := binary.BigEndian.AppendUint16(nil, uint16(key))
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, uint16(version)), 1)
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"nothing", nil, "ends within its header"},
		{"half a header", head(3, 9)[:7], "ends within its header"},
		{"an unknown API", head(999, 0), "API 999"},
		{"an API between brokers", head(4, 0), "API 4"},
		{"an old version", head(1, 3), "version 3 of Fetch is not served: it must be 4 to 18"},
		{"a new version", head(3, 14), "version 14 of Metadata"},
		{"a produce request of a version that is only declared", head(0, 2), "version 2 of Produce"},
		{"a client id that is longer than the frame", append(head(3, 1), 0x7f, 0xff, 'a'), "ends within its header"},
		{"tags that don't end", append(head(3, 9), 0xff, 0xff, 0x05, 0x00, 0x40), "ends within its header"},
		{"an array that is longer than the frame", append(head(3, 1), 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff), "can't be parsed"},
		{"no body", append(head(1, 4), 0xff, 0xff), "can't be parsed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := d.Decode(c.frame, epoch); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, row := range APIs() {
		for version := row.Min; version <= row.Max; version++ {
			q := row.Key.Request()
			q.SetVersion(version)
			f.Add(kmsg.NewRequestFormatter(kmsg.FormatterClientID("fuzz")).AppendRequest(nil, q, 1)[4:])
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		b := newBench(t, nil)
		r, err := b.env.NewDecoder().Decode(frame, epoch)
		if err != nil {
			return
		}
		r.Done = func([][]byte, string) {}
		b.env.System.Root().Send(b.pid, r)
		b.at(2 * patience)
		b.noPanics()
	})
}

// Every row answers an empty request in every version.
func TestEveryVersionIsAnswered(t *testing.T) {
	for _, row := range APIs() {
		for version := row.Min; version <= row.Max; version++ {
			t.Run(fmt.Sprintf("%s v%d", row.Name(), version), func(t *testing.T) {
				b := newBench(t, nil)
				q := row.Key.Request()
				q.SetVersion(version)
				switch v := q.(type) {
				case *kmsg.ApiVersionsRequest:
					v.ClientSoftwareName, v.ClientSoftwareVersion = "test", "1.0"
				case *kmsg.ProduceRequest:
					v.Acks = -1 // with 0 there is no answer
				}
				r := b.send(q)
				b.at(2 * patience) // whoever was asked says nothing
				if a := response[kmsg.Response](b, r); a == nil {
					t.Error("no answer")
				}
				b.noPanics()
			})
		}
	}
}

// A batch that is a small part of its request does not keep the request in memory.
func TestSmallBatchLeavesItsFrame(t *testing.T) {
	b := newBench(t, nil)
	small, big := batch(t, 0, 1, 10), batch(t, 0, 1, 10_000)
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks = 9, -1
	q.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: 0, Records: small}, {Partition: 1, Records: big}}}}
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, q, 1)[4:]
	r, err := b.env.NewDecoder().Decode(frame, epoch)
	if err != nil {
		t.Fatal(err)
	}
	clear(frame) // what lies in it is gone
	if got := r.batches[0].batch; r.batches[0].err != nil || !bytes.Equal(got, small) {
		t.Errorf("the small batch lies in the frame: %x, %v", got, r.batches[0].err)
	}
	if got := r.batches[1].batch; r.batches[1].err != nil || !bytes.Equal(got, make([]byte, len(big))) {
		t.Errorf("the large batch was copied: %v", r.batches[1].err)
	}
}
