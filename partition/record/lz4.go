package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pierrec/lz4/v4"
)

type lz4Unpacker struct {
	*lz4.Reader
	packed bytes.Reader
}

func (u *lz4Unpacker) open(packed []byte, _ int) error {
	u.packed.Reset(packed)
	if u.Reader == nil {
		u.Reader = lz4.NewReader(&u.packed)
	} else {
		u.Reset(&u.packed)
	}
	return checkLZ4(packed)
}

func (u *lz4Unpacker) close() {
	u.packed.Reset(nil)
	u.Reset(&u.packed) // gives its block back
}

var lz4Magic = []byte{0x04, 0x22, 0x4d, 0x18}

// The flags of an LZ4 frame's descriptor.
const (
	lz4VersionMask     = 3 << 6
	lz4Version         = 1 << 6
	lz4Independent     = 1 << 5
	lz4BlockChecksum   = 1 << 4
	lz4ContentSize     = 1 << 3
	lz4ContentChecksum = 1 << 2
	lz4FlagsReserved   = 3

	lz4DescriptorSize = 7 // with the magic, without a content size
	lz4Raw            = 1 << 31
)

// checkLZ4 sees to it that the packed bytes are one frame of independent blocks. Java's clients read the first frame only, and no
// blocks that refer to others (KafkaLZ4BlockInputStream): a record that is not in it would stop them for good. Kafka accepts
// bytes behind the frame; librdkafka and Go's clients can't read those, so they are refused.
func checkLZ4(packed []byte) error {
	if len(packed) < lz4DescriptorSize || !bytes.HasPrefix(packed, lz4Magic) {
		return errors.New("it is no LZ4 frame")
	}
	flags := packed[len(lz4Magic)]
	if flags&lz4VersionMask != lz4Version || flags&lz4Independent == 0 || flags&lz4FlagsReserved != 0 {
		return fmt.Errorf("an LZ4 frame with flags %02x is not of version 1 with independent blocks", flags)
	}
	at := lz4DescriptorSize
	if flags&lz4ContentSize != 0 {
		at += 8
	}
	for {
		if len(packed)-at < 4 {
			return errTruncated
		}
		size := binary.LittleEndian.Uint32(packed[at:])
		at += 4
		if size == 0 {
			break
		}
		if flags&lz4BlockChecksum != 0 {
			at += 4
		}
		if size &^= lz4Raw; int64(size) > int64(len(packed)-at) {
			return errTruncated
		}
		at += int(size)
	}
	if flags&lz4ContentChecksum != 0 {
		at += 4
	}
	switch {
	case at > len(packed):
		return errTruncated
	case at < len(packed):
		return fmt.Errorf("%d bytes follow the LZ4 frame", len(packed)-at)
	}
	return nil
}
