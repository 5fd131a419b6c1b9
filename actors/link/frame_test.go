package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

func localPID(id string) *actor.PID { return actor.NewPID("1", id) }

func wireOf(frames ...frame) (b []byte) {
	for _, f := range frames {
		b = f.appendHeader(b)
		for _, p := range f.pieces {
			b = append(b, p...)
		}
	}
	return b
}

func TestFramesThatCantBeRight(t *testing.T) {
	good := wireOf(frame{kind: 5, target: "inbox", pieces: [][]byte{{1}, {2, 3}}, size: 3})
	for name, c := range map[string]struct {
		wire []byte
		eof  bool
	}{
		"cut off in the header":  {good[:6], true},
		"cut off in the target":  {good[:10], true},
		"cut off in the payload": {good[:len(good)-1], true},
		"too long":               {binary.BigEndian.AppendUint32(nil, frameBytesMax+1), false},
		"shorter than its own":   {[]byte{0, 0, 0, 5, 0, 1, 0, 2, 'a', 'b'}, false},
		"a target too long":      {[]byte{0, 0, 0xff, 0xff, 0, 1, 0xf0, 0}, false},
		"a bit of the target":    {flipped(good, headerBytes), false},
		"a bit of the payload":   {flipped(good, len(good)-1), false},
	} {
		in := newFrameReader(bytes.NewReader(append(c.wire, make([]byte, 8*btoi(!c.eof))...)), localPID)
		_, _, _, err := in.next()
		if eof := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err == nil || eof != c.eof {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// flipped returns the bytes with one bit that is another.
func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 4
	return b
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestManyTargets(t *testing.T) {
	var wire []byte
	const n = 3*knownMax + 5
	for i := range n {
		wire = append(wire, wireOf(frame{kind: 1, target: string(binary.BigEndian.AppendUint32(nil, uint32(i)))})...)
	}
	in := newFrameReader(bytes.NewReader(wire), localPID)
	for i := range n {
		_, target, _, err := in.next()
		if err != nil || binary.BigEndian.Uint32([]byte(target.Id)) != uint32(i) {
			t.Fatalf("target %d: %v, %v", i, target, err)
		}
		if len(in.known) > knownMax {
			t.Fatalf("%d targets are remembered", len(in.known))
		}
	}
}

// Whatever comes, what was read is what was there.
func FuzzFrames(f *testing.F) {
	f.Add(wireOf(frame{kind: 5, target: "inbox", pieces: [][]byte{{1, 2, 3}}, size: 3}, frame{kind: kindHeartbeat, pieces: [][]byte{{1}}, size: 1}))
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := newFrameReader(bytes.NewReader(b), localPID)
		var again []byte
		for {
			kind, target, payload, err := in.next()
			if err != nil {
				break
			}
			again = append(again, wireOf(frame{kind: kind, target: target.Id, pieces: [][]byte{payload}, size: len(payload)})...)
			_, _ = decode(testCodec{}, kind, payload) // it may panic, and nobody notices
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
