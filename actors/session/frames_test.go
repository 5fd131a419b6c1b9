package session

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/messages"
)

func TestReadFrame(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	for _, length := range []int{0, 1, leastBytes - 1, leastBytes, leastBytes + 1, len(content)} {
		for name, from := range map[string]io.Reader{"at once": bytes.NewReader(content), "by halves": iotest.HalfReader(bytes.NewReader(content))} {
			borrowed := 0
			b, err := readFrame(bufio.NewReader(from), length, 0, func(n int) { borrowed += n })
			if err != nil || !bytes.Equal(b, content[:length]) || borrowed != length {
				t.Errorf("%d bytes %s: got %d, borrowed %d, %v", length, name, len(b), borrowed, err)
			}
		}
	}
}

// A client that announces much and sends little costs little.
func TestReadFrameThatNeverComes(t *testing.T) {
	borrowed := 0
	_, err := readFrame(bufio.NewReader(bytes.NewReader(make([]byte, 1000))), 100<<20, 0, func(n int) { borrowed += n })
	if !errors.Is(err, io.ErrUnexpectedEOF) || borrowed != leastBytes {
		t.Errorf("borrowed %d: %v", borrowed, err)
	}
}

func TestFrameLength(t *testing.T) {
	for _, c := range []struct {
		length  int32
		refused bool
	}{{0, false}, {1000, false}, {1001, true}, {-1, true}, {0x47455420, true}} { // the last is "GET "
		n, err := frameLength(bytes.NewReader(binary.BigEndian.AppendUint32(nil, uint32(c.length))), 1000)
		var r *refusal
		if errors.As(err, &r) != c.refused || err == nil && n != int(c.length) {
			t.Errorf("length %d: %d, %v", c.length, n, err)
		}
	}
	if _, err := frameLength(bytes.NewReader([]byte{0, 0}), 1000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func TestPipelineKeepsTheOrder(t *testing.T) {
	var p pipeline
	var all []*pending
	for range 5 {
		all = append(all, p.add(&api.Request{}))
	}
	taken := 0
	for _, i := range []int{3, 0, 2, 1, 4} {
		all[i].done = true
		for a := p.next(); a != nil; a = p.next() {
			if a != all[taken] {
				t.Fatalf("answer %d is not that of request %d", taken, taken)
			}
			taken++
		}
		if want := map[int]int{3: 0, 0: 1, 2: 1, 1: 4, 4: 5}[i]; taken != want {
			t.Errorf("after request %d %d answers have left, want %d", i, taken, want)
		}
	}
	if !p.empty() {
		t.Error("the pipeline is not empty")
	}
}

// FuzzFrames reads whatever bytes as frames, in pieces of any size: what is read is what was sent, and nothing is taken that did not come.
func FuzzFrames(f *testing.F) {
	for _, q := range []kmsg.Request{kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrMetadataRequest(), kmsg.NewPtrProduceRequest(), kmsg.NewPtrFetchRequest()} {
		f.Add(kmsg.NewRequestFormatter().AppendRequest(nil, q, 1), byte(3))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), byte(1))
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0}, byte(0))
	system := actors.NewSystem(actors.Options{Incarnation: 1})
	decoder := api.NewEnv(api.Options{System: system, Router: messages.NewRouter()}).NewDecoder()
	f.Fuzz(func(t *testing.T, sent []byte, piece byte) {
		const lengthMax = 1 << 20
		in := bufio.NewReader(&pieces{sent, int(piece) + 1})
		for at, proven := 0, 0; ; {
			length, err := frameLength(in, lengthMax)
			if err != nil {
				return
			}
			at += 4
			borrowed := 0
			frame, err := readFrame(in, length, proven, func(n int) { borrowed += n })
			if most := max(leastBytes, 4*(len(sent)-at), proven) * 4; borrowed > max(most, length) {
				t.Errorf("%d bytes were taken for a frame of which at most %d came", borrowed, len(sent)-at)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(frame, sent[at:at+length]) {
				t.Fatalf("frame of %d bytes at %d is not what was sent", length, at)
			}
			at, proven = at+length, max(proven, length)
			_, _ = decoder.Decode(frame, time.Time{}) // it must not panic
		}
	})
}

// pieces gives its bytes in pieces of one size.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
