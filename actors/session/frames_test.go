package session

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"troupe/actors/api"
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
