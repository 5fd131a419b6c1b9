package record

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// windowSize is how much of an unpacked body lies in memory at a time.
const windowSize = 64 << 10

// A stream is the body of a compressed batch, unpacked piece by piece. So what a batch takes is a window of its body,
// whatever the body unpacks to.
type stream struct {
	codec    Codec
	from     io.Reader
	window   []byte
	maxBytes int
	bytes    int   // that came so far
	err      error // why no more come, unless it is the end
	over     bool
	large    bool // it has its turn among large ones
}

// largeBytes is how much a body may unpack to before it has to wait for its turn: larger ones are unpacked one at a time, or a few
// small requests would keep all cores of a node from everybody else.
const largeBytes = 16 << 20

var large sync.Mutex

// next moves rest, which is the end of the window, to its front, and fills it up. What was packed wrongly is an INVALID_RECORD: its
// checksum was right, so the client would only send the same bytes again.
func (s *stream) next(rest []byte) []byte {
	runtime.Gosched() // a body may unpack to much, and whoever waits for a core meanwhile has asked for less
	n := copy(s.window, rest)
	for n < len(s.window) && !s.over {
		got, err := s.from.Read(s.window[n:])
		n, s.bytes = n+got, s.bytes+got
		if s.bytes > largeBytes && !s.large {
			large.Lock()
			s.large = true
		}
		switch {
		case s.bytes > s.maxBytes:
			s.fail(errTooLarge(s.maxBytes))
		case err == io.EOF:
			s.over = true
		case err != nil:
			s.fail(err)
		}
	}
	return s.window[:n]
}

// leave ends a large body's turn.
func (s *stream) leave() {
	if s.large {
		large.Unlock()
	}
}

func (s *stream) fail(err error) {
	if !errors.Is(err, kerr.MessageTooLarge) {
		err = invalid("%s: %v", s.codec, err)
	}
	s.err, s.over = err, true
}

func errTooLarge(maxBytes int) error {
	return kafka.Errorf(kerr.MessageTooLarge, "a batch unpacks to more than the %d bytes that are allowed", maxBytes)
}

// An unpacker reads what a codec has packed. It is used again, after close.
type unpacker interface {
	io.Reader
	open(packed []byte, maxBytes int) error
	close() // lets go of what was packed
}

var (
	streams   = sync.Pool{New: func() any { return &stream{window: make([]byte, windowSize)} }}
	unpackers = [...]sync.Pool{
		Gzip:   {New: func() any { return new(gzipUnpacker) }},
		Snappy: {New: func() any { return new(snappyUnpacker) }},
		LZ4:    {New: func() any { return new(lz4Unpacker) }},
		Zstd:   {New: func() any { return &zstdUnpacker{windowMax: zstdWindowKept} }},
	}
)

// unpack calls walk with the body of a compressed batch, which may unpack to maxBytes. Where walk fails it may be called again, with the
// body from its beginning.
func (b Batch) unpack(maxBytes int, walk func(*fieldReader) error) error {
	codec, packed := b.Codec(), b[HeaderSize:b.Size()]
	if int(codec) >= len(unpackers) {
		return kafka.Errorf(kerr.UnsupportedCompressionType, "compression type %d is unknown", codec)
	}
	u := unpackers[codec].Get().(unpacker)
	defer unpackers[codec].Put(u)
	err := unpackWith(u, codec, packed, maxBytes, walk)
	if err != nil && codec == Zstd && zstdWindow(packed) > zstdWindowKept && !errors.Is(err, kerr.MessageTooLarge) {
		return unpackWide(packed, maxBytes, walk)
	}
	return err
}

func unpackWith(u unpacker, codec Codec, packed []byte, maxBytes int, walk func(*fieldReader) error) error {
	s := streams.Get().(*stream)
	defer streams.Put(s)
	*s = stream{codec: codec, from: u, window: s.window, maxBytes: maxBytes}
	if err := u.open(packed, maxBytes); err != nil {
		s.fail(err)
	}
	defer u.close()
	defer s.leave()
	return walk(&fieldReader{more: s})
}

type gzipUnpacker struct {
	gzip.Reader
	packed bytes.Reader
}

func (u *gzipUnpacker) open(packed []byte, _ int) error {
	u.packed.Reset(packed)
	return u.Reset(&u.packed)
}

func (u *gzipUnpacker) close() { u.packed.Reset(nil) }
