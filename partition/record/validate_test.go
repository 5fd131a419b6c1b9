package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// reseal gives a batch that a test changed its checksum again.
func reseal(b Batch) Batch {
	binary.BigEndian.PutUint32(b[posCRC:], b.ComputeCRC())
	return b
}

func TestValidateRefuses(t *testing.T) {
	be := binary.BigEndian
	good := func() Batch { return build(t, Builder{}, some()...) }
	with := func(change func(b Batch)) []byte {
		b := good()
		change(b)
		return reseal(b)
	}
	tight := func(change func(l *Limits)) *Limits {
		l := roomy
		change(&l)
		return &l
	}
	for _, c := range []struct {
		name   string
		bytes  []byte
		limits *Limits
		want   *kerr.Error
	}{
		{"nothing", nil, nil, kerr.InvalidRecord},
		{"5 bytes", good()[:5], nil, kerr.InvalidRecord},
		{"no magic", good()[:posMagic], nil, kerr.InvalidRecord},
		{"a header cut short", good()[:HeaderSize-1], nil, kerr.InvalidRecord},
		{"a batch cut short", good()[:HeaderSize+20], nil, kerr.InvalidRecord},
		{"a length beyond the end", with0(good(), func(b Batch) { be.PutUint32(b[posLength:], 1<<30) }), nil, kerr.InvalidRecord},
		{"a length shorter than a header", with0(good(), func(b Batch) { be.PutUint32(b[posLength:], 48) }), nil, kerr.CorruptMessage},
		{"a length shorter than any record", with0(good(), func(b Batch) { be.PutUint32(b[posLength:], 13) })[:posMagic], nil, kerr.CorruptMessage},
		{"two batches", append(good(), good()...), nil, kerr.InvalidRecord},
		{"garbage behind it", append(good(), 1, 2, 3), nil, kerr.InvalidRecord},
		{"an old magic", with(func(b Batch) { b[posMagic] = 1 }), nil, kerr.InvalidRecord},
		{"an unknown magic", with(func(b Batch) { b[posMagic] = 3 }), nil, kerr.CorruptMessage},
		{"a negative magic", with(func(b Batch) { b[posMagic] = 0xff }), nil, kerr.CorruptMessage},
		{"a negative length", with0(good(), func(b Batch) { be.PutUint32(b[posLength:], 1<<31) }), nil, kerr.CorruptMessage},
		{"a base offset", with(func(b Batch) { b[posBaseOffset+7] = 1 }), nil, kerr.InvalidRecord},
		{"a flipped bit", with0(good(), func(b Batch) { b[len(b)-1] ^= 1 }), nil, kerr.CorruptMessage},
		{"too large", good(), tight(func(l *Limits) { l.BatchBytesMax = 1000 }), kerr.MessageTooLarge},
		{"no records", with(func(b Batch) { be.PutUint32(b[posCount:], 0) }), nil, kerr.InvalidRecord},
		{"more records claimed", with(func(b Batch) { be.PutUint32(b[posCount:], 4); be.PutUint32(b[posLastOffsetDelta:], 3) }), nil, kerr.InvalidRecord},
		{"fewer records claimed", with(func(b Batch) { be.PutUint32(b[posCount:], 2); be.PutUint32(b[posLastOffsetDelta:], 1) }), nil, kerr.InvalidRecord},
		{"a last offset delta that does not fit", with(func(b Batch) { be.PutUint32(b[posLastOffsetDelta:], 9) }), nil, kerr.InvalidRecord},
		{"a control batch", build(t, Builder{Control: true}, some()...), nil, kerr.InvalidRecord},
		{"an unknown codec", with(func(b Batch) { b[posAttributes+1] |= 7 }), nil, kerr.UnsupportedCompressionType},
		{"zstd on an old version", build(t, Builder{Codec: Zstd}, some()...), tight(func(l *Limits) { l.ZstdAllowed = false }), kerr.UnsupportedCompressionType},
		{"log append time by a client", with(func(b Batch) { b[posAttributes+1] |= attrLogAppendTime }), tight(func(l *Limits) { l.LogAppendTime = true }), kerr.InvalidTimestamp},
		{"a transaction of nobody", build(t, Builder{Transactional: true}, some()...), nil, kerr.InvalidRecord},
		{"a negative sequence", build(t, Builder{Producer: &Producer{1, 0, -1}}, some()...), nil, kerr.InvalidRecord},
		{"a record without key", good(), tight(func(l *Limits) { l.KeysRequired = true }), kerr.InvalidRecord},
		{"a timestamp too old", good(), tight(func(l *Limits) { l.TimestampBeforeMaxMillis = 6 }), kerr.InvalidTimestamp},
		{"a timestamp too new", good(), tight(func(l *Limits) { l.TimestampAfterMaxMillis = 4 }), kerr.InvalidTimestamp},
		{"a timestamp below -1", build(t, Builder{}, Record{Timestamp: -2}), tight(func(l *Limits) { l.TimestampBeforeMaxMillis = 60_000 }), kerr.InvalidTimestamp},
		{"the oldest timestamp", build(t, Builder{}, Record{Timestamp: math.MinInt64}), tight(func(l *Limits) { l.TimestampBeforeMaxMillis = 60_000 }), kerr.InvalidTimestamp},
		{"the newest timestamp", build(t, Builder{}, Record{Timestamp: math.MaxInt64}), nil, kerr.InvalidTimestamp},
		{"gzip that is none", with(func(b Batch) { b[posAttributes+1] |= byte(Gzip) }), nil, kerr.InvalidRecord},
		{"a key longer than the batch", with(func(b Batch) { b[HeaderSize+4] = 0x7e }), nil, kerr.InvalidRecord},
		{"a record longer than the batch", with(func(b Batch) { b[HeaderSize] = 0x7e }), nil, kerr.InvalidRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := roomy
			if c.limits != nil {
				limits = *c.limits
			}
			if _, err := Validate(c.bytes, limits, now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want.Message)
			}
		})
	}
}

func TestLargestTimestampIsCorrected(t *testing.T) {
	b := build(t, Builder{}, Record{Timestamp: now - 3, Value: []byte("x")}, Record{Timestamp: now - 1, Value: []byte("y")})
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], now+6)
	binary.BigEndian.PutUint32(b[posCRC:], b.ComputeCRC())
	got, err := Validate(b, roomy, now)
	if err != nil || got.MaxTimestamp() != now-1 || got.CRC() != got.ComputeCRC() {
		t.Errorf("largest timestamp %d, checksum %x of %x, %v", got.MaxTimestamp(), got.CRC(), got.ComputeCRC(), err)
	}
}

// As in Kafka a topic with create time takes no notice of a client that claims log append time.
func TestLogAppendTimeOnATopicWithCreateTime(t *testing.T) {
	b := build(t, Builder{}, some()...)
	b.StampLogAppendTime(now + 99)
	got, err := Validate(b, roomy, now)
	if err != nil || got.IsLogAppendTime() || got.MaxTimestamp() != now+5 || got.CRC() != got.ComputeCRC() {
		t.Errorf("%v, largest timestamp %d, %v", got.IsLogAppendTime(), got.MaxTimestamp(), err)
	}
}

// KIP-467: a client learns which records are to blame, up to a bound.
func TestRecordErrors(t *testing.T) {
	limits := roomy
	limits.TimestampAfterMaxMillis, limits.KeysRequired = 1000, true
	late := Record{Timestamp: now + 1001, Key: []byte("k")}
	_, err := Validate(build(t, Builder{}, Record{Timestamp: now, Key: []byte("k")}, late, Record{Timestamp: now}, late), limits, now)
	var got []string
	for _, e := range RecordErrors(err) {
		got = append(got, e.String())
	}
	want := []string{
		fmt.Sprintf("RecordError(batchIndex=1, message='Timestamp %d of message with offset 1 is out of range. The timestamp should be within [%d, %d]')", late.Timestamp, math.MinInt64+now+1, now+1000),
		"RecordError(batchIndex=2, message='Compacted topic cannot accept message without key.')",
		fmt.Sprintf("RecordError(batchIndex=3, message='Timestamp %d of message with offset 3 is out of range. The timestamp should be within [%d, %d]')", late.Timestamp, math.MinInt64+now+1, now+1000),
	}
	if !errors.Is(err, kerr.InvalidTimestamp) || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v\n got %q\nwant %q", err, got, want)
	}
	_, err = Validate(build(t, Builder{}, make([]Record, 1000)...), limits, 0)
	if n := len(RecordErrors(err)); !errors.Is(err, kerr.InvalidRecord) || n != refusalsMax {
		t.Errorf("%d records, %v", n, err)
	}
}

// A record without a timestamp is taken, and one that is too old is where no limit is set.
func TestTimestampsThatAreTaken(t *testing.T) {
	tight := roomy
	tight.TimestampBeforeMaxMillis = 60_000
	for _, c := range []struct {
		timestamp int64
		limits    Limits
	}{{-1, tight}, {-2, roomy}, {now - 60_000, tight}} {
		if _, err := Validate(build(t, Builder{}, Record{Timestamp: c.timestamp}), c.limits, now); err != nil {
			t.Errorf("timestamp %d: %v", c.timestamp, err)
		}
	}
}

func with0(b Batch, change func(Batch)) Batch { change(b); return b }
