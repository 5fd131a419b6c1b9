package session

import (
	"encoding/binary"
	"fmt"
	"io"
)

// firstBytes is the largest buffer that is made on the word of a client alone. A longer frame's buffer grows as its bytes arrive.
const firstBytes = 256 << 10

// readFrame reads the frame that begins with the given length.
func readFrame(from io.Reader, length int) ([]byte, error) {
	b := make([]byte, min(length, firstBytes))
	for read := 0; ; {
		n, err := io.ReadFull(from, b[read:])
		read += n
		if err != nil {
			return nil, fmt.Errorf("a request of %d bytes ended after %d: %w", length, read, err)
		}
		if read == length {
			return b, nil
		}
		grown := make([]byte, min(length, 4*len(b)))
		copy(grown, b)
		b = grown
	}
}

// frameLength reads the length in front of a frame.
func frameLength(from io.Reader, lengthMax int) (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(from, b[:]); err != nil {
		return 0, err
	}
	n := int(int32(binary.BigEndian.Uint32(b[:])))
	switch {
	case n < 0:
		return 0, &refusal{fmt.Sprintf("a request can't have %d bytes; is this a client of Kafka's protocol?", n)}
	case n > lengthMax:
		return 0, &refusal{fmt.Sprintf("a request has %d bytes; socket.request.max.bytes allows %d", n, lengthMax)}
	}
	return n, nil
}

// A refusal is why a connection is closed, for the log.
type refusal struct{ reason string }

func (e *refusal) Error() string { return e.reason }
