package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// A body is the records of a batch, unpacked.
type body struct {
	bytes  []byte
	pooled *bytes.Buffer // what the bytes lie in, where they were unpacked
}

// release gives the memory back; the bytes are not used any more.
func (b body) release() {
	if b.pooled != nil && b.pooled.Cap() <= bufferBytesMax {
		buffers.Put(b.pooled)
	}
}

// bufferBytesMax is how large a buffer may be to be kept for the next batch.
const bufferBytesMax = 4 << 20

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// body returns the batch's records, unpacked to at most maxBytes.
func (b Batch) body(maxBytes int) (body, error) {
	packed := b[HeaderSize:b.Size()]
	if b.Codec() == None {
		return body{bytes: packed}, nil
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if err := unpack(buf, b.Codec(), packed, maxBytes); err != nil {
		body{pooled: buf}.release()
		if errors.Is(err, kerr.MessageTooLarge) {
			return body{}, err // a client may split such a batch; a corrupt one it would send again
		}
		return body{}, corrupt("%s: %v", b.Codec(), err)
	}
	return body{bytes: buf.Bytes(), pooled: buf}, nil
}

func unpack(into *bytes.Buffer, codec Codec, packed []byte, maxBytes int) error {
	switch codec {
	case Gzip:
		return unpackStream(into, &gzips, packed, maxBytes, func(r io.Reader, old *gzip.Reader) (*gzip.Reader, error) {
			if old == nil {
				return gzip.NewReader(r)
			}
			return old, old.Reset(r)
		})
	case LZ4:
		return unpackStream(into, &lz4s, packed, maxBytes, func(r io.Reader, old *lz4.Reader) (*lz4.Reader, error) {
			if old == nil {
				return lz4.NewReader(r), nil
			}
			old.Reset(r)
			return old, nil
		})
	case Zstd:
		return unpackStream(into, &zstds, packed, maxBytes, func(r io.Reader, old *zstd.Decoder) (*zstd.Decoder, error) {
			if old == nil {
				return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
			}
			return old, old.Reset(r)
		})
	case Snappy:
		return unpackSnappy(into, packed, maxBytes)
	default:
		return fmt.Errorf("unknown codec %d", codec)
	}
}

var gzips, lz4s, zstds sync.Pool

// unpackStream runs a reader of a pool over the packed bytes.
func unpackStream[R io.Reader](into *bytes.Buffer, pool *sync.Pool, packed []byte, maxBytes int, open func(io.Reader, R) (R, error)) error {
	old, _ := pool.Get().(R)
	r, err := open(bytes.NewReader(packed), old)
	if err != nil {
		return err
	}
	defer pool.Put(r)
	n, err := io.Copy(into, io.LimitReader(r, int64(maxBytes)+1))
	if err != nil {
		return err
	}
	if n > int64(maxBytes) {
		return errTooLarge(maxBytes)
	}
	return nil
}

func errTooLarge(maxBytes int) error {
	return kafka.Errorf(kerr.MessageTooLarge, "a batch unpacks to more than the %d bytes that are allowed", maxBytes)
}

// xerialMagic begins the framing in which Java's snappy writes: magic, two versions, then blocks led by their length.
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeader = 16

func unpackSnappy(into *bytes.Buffer, packed []byte, maxBytes int) error {
	if len(packed) < xerialHeader || !bytes.HasPrefix(packed, xerialMagic) {
		return unpackBlock(into, packed, maxBytes)
	}
	for packed = packed[xerialHeader:]; len(packed) > 0; {
		if len(packed) < 4 {
			return errTruncated
		}
		size := binary.BigEndian.Uint32(packed)
		packed = packed[4:]
		if uint64(size) > uint64(len(packed)) {
			return errTruncated
		}
		if err := unpackBlock(into, packed[:size], maxBytes-into.Len()); err != nil {
			return err
		}
		packed = packed[size:]
	}
	return nil
}

func unpackBlock(into *bytes.Buffer, packed []byte, maxBytes int) error {
	n, err := s2.DecodedLen(packed)
	if err != nil {
		return err
	}
	if n > maxBytes {
		return errTooLarge(maxBytes)
	}
	into.Grow(n)
	out, err := s2.Decode(into.AvailableBuffer()[:n], packed)
	if err != nil {
		return err
	}
	into.Write(out)
	return nil
}

// pack compresses the records of a batch.
func pack(codec Codec, records []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case None:
		return records, nil
	case Gzip:
		w = gzip.NewWriter(&out)
	case LZ4:
		w = lz4.NewWriter(&out)
	case Zstd:
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		w = z
	case Snappy:
		return s2.EncodeSnappy(nil, records), nil
	default:
		return nil, fmt.Errorf("unknown codec %d", codec)
	}
	if _, err := w.Write(records); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
