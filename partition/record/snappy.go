package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

// xerialMagic begins the framing in which Java's snappy writes: magic, two versions, then blocks led by their length.
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeader = 16

// snappyRatioMax is more than what snappy can do: a copy of 64 bytes takes 3. A block that claims more is broken, and no memory is
// taken on its word.
const (
	snappyRatioMax   = 22
	snappyBlockExtra = 64
)

// snappyBlockKept is how large a block's memory may be to be kept for the next batch.
const snappyBlockKept = 1 << 20

// A snappyUnpacker holds one unpacked block: the format has no smaller unit.
type snappyUnpacker struct {
	packed []byte // the blocks that are left
	framed bool
	left   int // how many bytes may still come
	max    int
	block  []byte
	at     int
}

func (u *snappyUnpacker) open(packed []byte, maxBytes int) error {
	u.framed = len(packed) >= xerialHeader && bytes.HasPrefix(packed, xerialMagic)
	if u.framed {
		packed = packed[xerialHeader:]
	}
	u.packed, u.left, u.max, u.block, u.at = packed, maxBytes, maxBytes, u.block[:0], 0
	return nil
}

func (u *snappyUnpacker) close() {
	if u.packed = nil; cap(u.block) > snappyBlockKept {
		u.block = nil
	}
}

func (u *snappyUnpacker) Read(p []byte) (int, error) {
	for u.at == len(u.block) {
		if len(u.packed) == 0 {
			return 0, io.EOF
		}
		if err := u.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.block[u.at:])
	u.at += n
	return n, nil
}

// next unpacks the next block.
func (u *snappyUnpacker) next() error {
	block := u.packed
	if u.framed {
		if len(block) < 4 {
			return errTruncated
		}
		size := binary.BigEndian.Uint32(block)
		if uint64(size) > uint64(len(block)-4) {
			return errTruncated
		}
		block = block[4 : 4+size]
		u.packed = u.packed[4+size:]
	} else {
		u.packed = nil
	}
	n, err := s2.DecodedLen(block)
	switch {
	case err != nil:
		return err
	case n > snappyRatioMax*len(block)+snappyBlockExtra:
		return fmt.Errorf("a block of %d bytes claims to unpack to %d", len(block), n)
	case n > u.left:
		return errTooLarge(u.max)
	}
	u.left -= n
	u.block, err = s2.Decode(u.block[:cap(u.block)], block)
	u.at = 0
	return err
}
