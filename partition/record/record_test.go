package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

const now = 1_700_000_000_000

var roomy = Limits{
	BatchBytesMax: 1 << 20, UnpackedBytesMax: 16 << 20, ZstdAllowed: true,
	TimestampBeforeMaxMillis: math.MaxInt64, TimestampAfterMaxMillis: 3_600_000,
}

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

func some() []Record {
	return []Record{
		{Timestamp: now, Key: []byte("a"), Value: []byte("one"), Headers: []Header{{"h", []byte("v")}, {"empty", nil}}},
		{Timestamp: now + 5, Key: nil, Value: bytes.Repeat([]byte("x"), 5000)},
		{Timestamp: now - 7, Key: []byte{}, Value: nil},
	}
}

func build(t testing.TB, b Builder, records ...Record) Batch {
	t.Helper()
	for _, r := range records {
		b.Add(r)
	}
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRecordsComeBackAsTheyWereAdded(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			b := build(t, Builder{Codec: codec, Producer: &Producer{7, 1, 40}}, some()...)
			if _, err := Validate(b, roomy, now); err != nil {
				t.Fatal(err)
			}
			b.Stamp(100, 3)
			if b.BaseOffset() != 100 || b.NextOffset() != 103 || b.LeaderEpoch() != 3 || b.LastSequence() != 42 || b.MaxTimestamp() != now+5 {
				t.Errorf("header: base %d next %d epoch %d last sequence %d max %d", b.BaseOffset(), b.NextOffset(), b.LeaderEpoch(), b.LastSequence(), b.MaxTimestamp())
			}
			n := 0
			for r, err := range b.Records(1 << 20) {
				if err != nil {
					t.Fatal(err)
				}
				want := some()[n]
				if r.Offset != kafka.Offset(100+n) || r.Timestamp != want.Timestamp || !bytes.Equal(r.Key, want.Key) || (r.Key == nil) != (want.Key == nil) ||
					!bytes.Equal(r.Value, want.Value) || (r.Value == nil) != (want.Value == nil) || len(r.Headers) != len(want.Headers) {
					t.Errorf("record %d is %+v", n, r)
				}
				n++
			}
			if n != 3 {
				t.Errorf("%d records, want 3", n)
			}
		})
	}
}

// A bomb costs no more than the bound, whatever it would unpack to.
func TestDecompressionIsBounded(t *testing.T) {
	for _, codec := range codecs[1:] {
		t.Run(codec.String(), func(t *testing.T) {
			b := build(t, Builder{Codec: codec}, Record{Timestamp: now, Value: make([]byte, 8<<20)})
			limits := roomy
			limits.UnpackedBytesMax = 1 << 20
			if _, err := Validate(b, limits, now); !errors.Is(err, kerr.MessageTooLarge) || !strings.Contains(err.Error(), "unpacks") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Java's snappy writes blocks in a framing of its own.
func TestXerialSnappy(t *testing.T) {
	plain := build(t, Builder{}, some()...)
	records := plain[HeaderSize:]
	framed := append([]byte(nil), xerialMagic...)
	framed = binary.BigEndian.AppendUint32(framed, 1)
	framed = binary.BigEndian.AppendUint32(framed, 1)
	for half := range 2 {
		part := records[half*len(records)/2 : (half+1)*len(records)/2]
		block, err := pack(Snappy, part)
		if err != nil {
			t.Fatal(err)
		}
		framed = append(binary.BigEndian.AppendUint32(framed, uint32(len(block))), block...)
	}
	b := append(plain[:HeaderSize:HeaderSize], framed...)
	binary.BigEndian.PutUint32(b[posLength:], uint32(len(b)-lengthOverhead))
	b[posAttributes+1] |= byte(Snappy)
	if _, err := Validate(reseal(b), roomy, now); err != nil {
		t.Error(err)
	}
}

func TestBatchesStopAtAPartialOne(t *testing.T) {
	one, two := build(t, Builder{}, some()...), build(t, Builder{Codec: Zstd}, some()...)
	all := append(append(append([]byte(nil), one...), two...), one[:30]...)
	n := 0
	for b, err := range Batches(all) {
		if err != nil {
			t.Fatal(err)
		}
		if want := [][]byte{one, two}[n]; !bytes.Equal(b, want) {
			t.Errorf("batch %d has %d bytes, want %d", n, len(b), len(want))
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d batches, want 2", n)
	}
}

func TestStampLogAppendTime(t *testing.T) {
	b := build(t, Builder{}, some()...)
	b.StampLogAppendTime(now + 99)
	if b.CRC() != b.ComputeCRC() || !b.IsLogAppendTime() {
		t.Error("the stamp broke the batch")
	}
	for r, err := range b.Records(0) {
		if err != nil || r.Timestamp != now+99 {
			t.Errorf("timestamp %d, %v", r.Timestamp, err)
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, codec := range codecs {
		f.Add([]byte(build(f, Builder{Codec: codec, Producer: &Producer{1, 0, 0}}, some()...)))
	}
	limits := roomy
	limits.UnpackedBytesMax = 1 << 20
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) >= HeaderSize && Batch(in).Size() == len(in) {
			reseal(in) // else nearly everything ends at the checksum
		}
		b, err := Validate(in, limits, now)
		if err != nil {
			return
		}
		n := int32(0)
		for _, err := range b.Records(limits.UnpackedBytesMax) {
			if err != nil {
				t.Fatalf("a valid batch can't be read: %v", err)
			}
			n++
		}
		if n != b.Count() {
			t.Fatalf("%d records, the header says %d", n, b.Count())
		}
	})
}

// BenchmarkValidate is what a produce request of a megabyte costs before it reaches its partition: the checksum, and a look at each record.
func BenchmarkValidate(b *testing.B) {
	for _, c := range []struct {
		codec   Codec
		records int
	}{{None, 10_000}, {None, 1000}, {LZ4, 1000}, {Zstd, 1000}} {
		b.Run(fmt.Sprintf("%v/%d", c.codec, c.records), func(b *testing.B) {
			builder := Builder{Codec: c.codec}
			for range c.records {
				builder.Add(Record{Timestamp: now, Value: bytes.Repeat([]byte("some text "), 100_000/c.records)})
			}
			batch := build(b, builder)
			limits := roomy
			limits.BatchBytesMax = 2 << 20
			b.SetBytes(1000 * 1000)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Validate(batch, limits, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
