package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// repack puts another body into an uncompressed batch, and says which codec packed it.
func repack(plain Batch, codec Codec, body []byte) Batch {
	b := append(plain[:HeaderSize:HeaderSize], body...)
	binary.BigEndian.PutUint32(b[posLength:], uint32(len(b)-lengthOverhead))
	b[posAttributes+1] = b[posAttributes+1]&^attrCodec | byte(codec)
	return reseal(b)
}

// wide accepts batches of any size.
func wide(unpacked int) Limits {
	l := roomy
	l.BatchBytesMax, l.UnpackedBytesMax = 1<<30, unpacked
	return l
}

// Fields that begin in one window and end in another are read as those that don't.
func TestRecordsAcrossWindows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var records []Record
	for _, size := range []int{windowSize - 40, 3 * windowSize, 1, 0, windowSize, windowSize - 1, 5 * windowSize, 100} {
		value := make([]byte, size)
		for i := range value {
			value[i] = byte(random.IntN(4))
		}
		for range 200 {
			records = append(records, Record{Timestamp: now + random.Int64N(1000), Key: value[:min(size, random.IntN(300))], Headers: []Header{{"h", value[:min(size, 200)]}}})
		}
		records = append(records, Record{Timestamp: now, Key: value, Value: value, Headers: []Header{{"h", value}, {string(value), nil}}})
	}
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			b := build(t, Builder{Codec: codec}, records...)
			if _, err := Validate(b, wide(64<<20), now); err != nil {
				t.Fatal(err)
			}
			err := b.Timestamps(64<<20, func(o kafka.Offset, timestamp int64) bool {
				if timestamp != records[o].Timestamp {
					t.Errorf("record %d has timestamp %d, want %d", o, timestamp, records[o].Timestamp)
				}
				return int(o) < len(records)/2
			})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for r, err := range b.Records(64 << 20) {
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(r.Key, records[n].Key) || !bytes.Equal(r.Value, records[n].Value) || r.Timestamp != records[n].Timestamp {
					t.Fatalf("record %d differs", n)
				}
				n++
			}
		})
	}
}

// What a body unpacks to is not held: a client that packs much into little costs the broker a window.
func TestValidateHoldsNoMoreThanAWindow(t *testing.T) {
	const size = 128 << 20
	for _, codec := range []Codec{Gzip, LZ4, Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			b := build(t, Builder{Codec: codec}, Record{Timestamp: now, Value: make([]byte, size)})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := Validate(b, wide(2*size), now); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if taken := after.TotalAlloc - before.TotalAlloc; taken > size/8 {
				t.Errorf("%d bytes for a batch of %d", taken, len(b))
			}
		})
	}
}

// A snappy block says how large it is unpacked; no memory is taken on that alone.
func TestSnappyBlockThatClaimsMuch(t *testing.T) {
	plain := build(t, Builder{}, some()...)
	b := repack(plain, Snappy, append(binary.AppendUvarint(nil, 200<<20), 0, 'x'))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Validate(b, wide(256<<20), now); !errors.Is(err, kerr.InvalidRecord) {
		t.Errorf("got %v", err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%d bytes were taken", after.TotalAlloc-before.TotalAlloc)
	}
}

// Levels from 20 on ask for windows of up to 128 MiB, mostly without using them.
func TestZstdWindows(t *testing.T) {
	random := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	far := append(append(bytes.Clone(random), make([]byte, 2*zstdWindowKept)...), random...)
	for _, c := range []struct {
		name   string
		record []byte
		window int
		single bool
		wide   bool // refers back further than what is kept
	}{
		{"8 MiB", far[:1000], 8 << 20, false, false},
		{"32 MiB", far[:1000], 32 << 20, false, false},
		{"128 MiB", far[:1000], 128 << 20, false, false},
		{"128 MiB, used", far, 128 << 20, false, true},
		{"one segment", far, 128 << 20, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := build(t, Builder{}, Record{Timestamp: now, Value: c.record})
			var packed bytes.Buffer
			w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(c.window), zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithSingleSegment(c.single), zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			body := plain[HeaderSize:]
			if c.single {
				packed.Write(w.EncodeAll(body, nil))
			} else {
				for at := 0; at < len(body); at += windowSize { // as it comes, so that the frame does not know its size
					_, _ = w.Write(body[at:min(at+windowSize, len(body))])
					_ = w.Flush()
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if want := c.window; !c.single && zstdWindow(packed.Bytes()) != want {
				t.Fatalf("the frame asks for %d bytes", zstdWindow(packed.Bytes()))
			}
			b := repack(plain, Zstd, packed.Bytes())
			narrow := unpackWith(&zstdUnpacker{windowMax: zstdWindowKept}, Zstd, packed.Bytes(), 64<<20, func(f *fieldReader) error {
				_, err := checkBody(f, b, roomy, now)
				return err
			})
			if (narrow != nil) != c.wide {
				t.Errorf("with the kept window: %v", narrow)
			}
			if _, err := Validate(b, wide(64<<20), now); err != nil {
				t.Error(err)
			}
		})
	}
}

// Kafka's Java clients read the first LZ4 frame only, and independent blocks only.
func TestLZ4Frames(t *testing.T) {
	plain := build(t, Builder{}, some()...)
	records := plain[HeaderSize:]
	pack := func(b []byte, options ...lz4.Option) []byte {
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		if err := w.Apply(options...); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(b)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	dependent := pack(records)
	dependent[len(lz4Magic)] &^= lz4Independent
	for _, c := range []struct {
		name string
		body []byte
		ok   bool
	}{
		{"one frame", pack(records), true},
		{"block checksums", pack(records, lz4.BlockChecksumOption(true)), true},
		{"its size", pack(records, lz4.SizeOption(uint64(len(records)))), true},
		{"no checksum", pack(records, lz4.ChecksumOption(false)), true},
		{"incompressible", pack(records, lz4.CompressionLevelOption(lz4.Level9), lz4.BlockSizeOption(lz4.Block64Kb)), true},
		{"two frames", append(pack(records[:100]), pack(records[100:])...), false},
		{"a frame and an empty one", append(pack(records), pack(nil)...), false},
		{"dependent blocks", dependent, false},
		{"cut short", pack(records)[:20], false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Validate(repack(plain, LZ4, c.body), roomy, now)
			if c.ok && err != nil || !c.ok && !errors.Is(err, kerr.InvalidRecord) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// In a record only the timestamp has more than 32 bits: Java's clients stop for good at a longer number elsewhere.
func TestFieldsOfMoreThanFiveBytes(t *testing.T) {
	long := func(v byte) []byte { return []byte{v | 0x80, 0x80, 0x80, 0x80, 0x80, 0} }
	const size, timestamp = 0, 1
	for at, name := range []string{"size", "timestamp delta", "offset delta", "key length", "value length", "headers", "header name length", "header value length"} {
		t.Run(name, func(t *testing.T) {
			fields := [][]byte{{0}, {0}, {0}, {0}, {0}, {2}, {0}, {0}} // one header; all else is empty
			if at != size {
				fields[at] = long(fields[at][0])
			}
			body := append([]byte{0}, bytes.Join(fields[timestamp:], nil)...)
			fields[size] = binary.AppendVarint(nil, int64(len(body)))
			if at == size {
				fields[size] = long(fields[size][0])
			}
			b := repack(build(t, Builder{}, Record{Timestamp: now}), None, append(fields[size], body...))
			_, err := Validate(b, roomy, now)
			if at == timestamp && err != nil || at != timestamp && !errors.Is(err, kerr.InvalidRecord) {
				t.Errorf("got %v", err)
			}
			for _, read := range b.Records(0) {
				if (read == nil) != (err == nil) {
					t.Errorf("Validate says %v, and Records %v", err, read)
				}
			}
		})
	}
}
