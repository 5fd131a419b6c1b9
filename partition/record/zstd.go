package record

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindowMax is the largest window that is read, as in Kafka (window log 27): levels from 20 on have it.
	zstdWindowMax = 128 << 20
	// zstdWindowKept is the largest for which a decoder is kept: that of levels up to 19.
	zstdWindowKept = 8 << 20

	zstdMagicSize     = 4
	zstdDescriptor    = zstdMagicSize // position of the frame header descriptor
	zstdSingleSegment = 1 << 5        // a flag of that: there is no window descriptor
	zstdWindowAt      = zstdDescriptor + 1
	// zstdKeptDescriptor is the window descriptor of zstdWindowKept: in its upper five bits the power of two less 10.
	zstdKeptDescriptor = 13 << 3
)

// A zstdUnpacker takes at most windowMax for what lies behind the point where it reads. A frame may ask for a larger window than its content
// fills; Java's producer does, because it does not say how much will come. Such a frame is read as if it asked for windowMax.
// Should it really refer back further, it fails.
type zstdUnpacker struct {
	*zstd.Decoder
	windowMax int
}

func (u *zstdUnpacker) open(packed []byte, _ int) (err error) {
	from := io.Reader(bytes.NewReader(packed))
	if size := zstdWindow(packed); size > u.windowMax && size <= zstdWindowMax && packed[zstdDescriptor]&zstdSingleSegment == 0 {
		head := append(packed[:zstdWindowAt:zstdWindowAt], zstdKeptDescriptor)
		from = io.MultiReader(bytes.NewReader(head), bytes.NewReader(packed[zstdWindowAt+1:]))
	}
	if u.Decoder == nil {
		u.Decoder, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(u.windowMax)))
		return err
	}
	return u.Reset(from)
}

func (u *zstdUnpacker) close() {
	if u.Decoder != nil {
		_ = u.Reset(nil)
	}
}

// zstdWindow is the window that the first frame asks for, 0 where there is no frame.
func zstdWindow(packed []byte) int {
	var h zstd.Header
	if h.Decode(packed) != nil {
		return 0
	}
	if h.SingleSegment {
		return int(min(h.FrameContentSize, 1<<62))
	}
	return int(min(h.WindowSize, 1<<62))
}

// widening is held while a body is unpacked with a window larger than those that are kept, so that at most one is in memory.
var widening sync.Mutex

// unpackWide reads a frame again that really refers back further than zstdWindowKept.
func unpackWide(packed []byte, maxBytes int, walk func(*fieldReader) error) error {
	widening.Lock()
	defer widening.Unlock()
	return unpackWith(&zstdUnpacker{windowMax: zstdWindowMax}, Zstd, packed, maxBytes, walk)
}
