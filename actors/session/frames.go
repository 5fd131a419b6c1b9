package session

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// leastBytes is the smallest buffer that a longer frame begins with.
const leastBytes = 4 << 10

// provenMax bounds what a client that has sent a large frame is believed of the next: a buffer that grows is cleared and copied again and again.
const provenMax = 2 << 20

// readFrame reads the frame that begins with the given length. Its buffer is as large as what the client has shown that it sends, or a few times what has arrived, so
// that one that announces much and sends little costs little. It says what it takes for its buffer before it makes it.
func readFrame(from *bufio.Reader, length, proven int, borrow func(n int)) ([]byte, error) {
	if length > 0 {
		if _, err := from.Peek(1); err != nil {
			return nil, fmt.Errorf("a request of %d bytes never came: %w", length, err)
		}
	}
	size := min(length, max(leastBytes, 4*from.Buffered(), min(proven, provenMax)))
	borrow(size)
	b := make([]byte, size)
	for read := 0; ; {
		n, err := io.ReadFull(from, b[read:])
		read += n
		if err != nil {
			return nil, fmt.Errorf("a request of %d bytes ended after %d: %w", length, read, err)
		}
		if read == length {
			return b, nil
		}
		borrow(min(length, 4*len(b)) - len(b))
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
