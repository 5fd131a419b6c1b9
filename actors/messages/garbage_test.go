package messages

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// wires are the samples as they stand on the wire.
func wires(t testing.TB) (kinds []uint16, payloads [][]byte) {
	for _, message := range samples() {
		kind, _, pieces, ok := Codec{}.Encode(message)
		if !ok {
			t.Fatalf("%T can't leave its node", message)
		}
		kinds, payloads = append(kinds, kind), append(payloads, bytes.Join(pieces, nil))
	}
	return kinds, payloads
}

// FuzzCodec: what can be read can be written, and is the same again. Nothing panics.
func FuzzCodec(f *testing.F) {
	kinds, payloads := wires(f)
	for i, kind := range kinds {
		f.Add(kind, payloads[i])
	}
	f.Fuzz(func(t *testing.T, kind uint16, payload []byte) {
		message, err := Codec{}.Decode(kind, payload)
		if err != nil {
			return
		}
		again, _, pieces, ok := Codec{}.Encode(message)
		if !ok || again != kind {
			t.Fatalf("%T was read as kind %d and is written as %d: %v", message, kind, again, ok)
		}
		if got, err := (Codec{}).Decode(kind, bytes.Join(pieces, nil)); err != nil || !same(message, got) {
			t.Fatalf("%T: read and written, it is another one: %v\n%+v\n%+v", message, err, message, got)
		}
	})
}

// How much a message may take in memory for each byte of it, beside a fixed amount. The requests of the protocol have elements that take hundreds of bytes and stand
// on the wire in a few (as those that clients send have).
const (
	takesPerByte = 200
	takesAnyway  = 16 << 10
)

// Counts and lengths that are not true cost nothing.
func TestGarbageTakesLittleMemory(t *testing.T) {
	kinds, payloads := wires(t)
	random := rand.New(rand.NewPCG(1, 2))
	var before, after runtime.MemStats
	for i := range 20_000 {
		n := i % len(kinds)
		payload := slices.Clone(payloads[n])
		for range 1 + random.IntN(3) {
			at := random.IntN(len(payload))
			switch random.IntN(4) {
			case 0:
				payload = payload[:at+1]
			case 1:
				payload[at] = byte(random.Uint32())
			case 2:
				payload[at] ^= 1 << random.IntN(8)
			default: // a large number, as a varint and as others
				copy(payload[at:], binary.AppendUvarint(nil, random.Uint64N(1<<35)))
			}
		}
		runtime.ReadMemStats(&before)
		_, _ = Codec{}.Decode(kinds[n], payload)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > takesAnyway+takesPerByte*uint64(len(payload)) {
			t.Fatalf("%d bytes of kind %d took %d: %x", len(payload), kinds[n], took, payload)
		}
	}
}

func stepOf(size int) *Step {
	return &Step{Partition: 54, From: 2, Message: &pb.Message{
		Type: new(pb.MsgApp), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(7)), LogTerm: new(uint64(7)), Index: new(uint64(1 << 20)), Commit: new(uint64(1 << 20)),
		Entries: []*pb.Entry{{Term: new(uint64(7)), Index: new(uint64(1<<20 + 1)), Type: new(pb.EntryNormal), Data: make([]byte, size)}},
	}}
}

func BenchmarkEncodeStep(b *testing.B) {
	m := stepOf(64 << 10)
	b.ReportAllocs()
	b.SetBytes(64 << 10)
	for b.Loop() {
		if _, _, _, ok := (Codec{}).Encode(m); !ok {
			b.Fatal("it can't leave")
		}
	}
}

func BenchmarkDecodeStep(b *testing.B) {
	kind, _, pieces, _ := Codec{}.Encode(stepOf(64 << 10))
	payload := bytes.Join(pieces, nil)
	b.ReportAllocs()
	b.SetBytes(64 << 10)
	for b.Loop() {
		if _, err := (Codec{}).Decode(kind, payload); err != nil {
			b.Fatal(err)
		}
	}
}
