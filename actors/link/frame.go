package link

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/asynkron/protoactor-go/actor"
)

// A frame on the wire is, big-endian: how many bytes follow u32, kind u16, the length of the target's id u16, CRC-32C of the id and the payload u32, that id, the payload.
// TCP's own checksum lets damage through now and then, and a batch that a follower stores is checked nowhere else.
const (
	headerBytes    = 12
	targetBytesMax = 1 << 10
	frameBytesMax  = 256 << 20
	atOnceMax      = 4 << 20 // of a payload's buffer; a longer one grows as its bytes arrive
	knownMax       = 4096    // targets that a reader remembers
)

// kindHeartbeat is a frame without a target. Its payload begins with a byte that says how its sender hears who gets it.
const kindHeartbeat = 0

// How a node hears another.
const (
	notYet     byte = iota // since it knows it, or it can't be answered in all lanes
	hearsYou               // and it can be answered
	notAnyMore             // for too long
)

// A frame is a message on its way to a peer.
type frame struct {
	kind    uint16
	target  string
	pieces  [][]byte
	size    int // of the payload
	message any // for its sender, where it can't be delivered
}

// cost is what the frame takes of a lane's credits.
func (f *frame) cost() int64 { return int64(headerBytes + len(f.target) + f.size) }

func (f *frame) appendHeader(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(headerBytes-4+len(f.target)+f.size))
	b = binary.BigEndian.AppendUint16(b, f.kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.target)))
	start := len(b) + 4
	b = append(b, 0, 0, 0, 0)
	b = append(b, f.target...)
	sum := crc32.Update(0, castagnoli, b[start:])
	for _, p := range f.pieces {
		sum = crc32.Update(sum, castagnoli, p)
	}
	binary.BigEndian.PutUint32(b[start-4:], sum)
	return b
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frameReader reads the frames of a connection.
type frameReader struct {
	in    *bufio.Reader
	known map[string]*actor.PID // by id: a PID that is used again need not be looked up again
	local func(id string) *actor.PID
}

func newFrameReader(in io.Reader, local func(id string) *actor.PID) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(in, 64<<10), known: map[string]*actor.PID{}, local: local}
}

// next returns the next frame. An error ends the connection: what follows can't be told apart.
func (r *frameReader) next() (kind uint16, target *actor.PID, payload []byte, err error) {
	header, err := r.in.Peek(headerBytes)
	if err != nil {
		return 0, nil, nil, err
	}
	length := int(binary.BigEndian.Uint32(header))
	kind = binary.BigEndian.Uint16(header[4:])
	idBytes := int(binary.BigEndian.Uint16(header[6:]))
	want := binary.BigEndian.Uint32(header[8:])
	rest := length - (headerBytes - 4) - idBytes
	if length > frameBytesMax || idBytes > targetBytesMax || rest < 0 {
		return 0, nil, nil, fmt.Errorf("a frame of %d bytes with an id of %d can't be right", length, idBytes)
	}
	_, _ = r.in.Discard(headerBytes) // it was peeked
	id, err := r.in.Peek(idBytes)
	if err != nil {
		return 0, nil, nil, err
	}
	target = r.target(id)
	sum := crc32.Update(0, castagnoli, id)
	_, _ = r.in.Discard(idBytes)
	if payload, err = r.payload(rest); err != nil {
		return 0, nil, nil, err
	}
	if crc32.Update(sum, castagnoli, payload) != want {
		return 0, nil, nil, fmt.Errorf("a frame of %d bytes was damaged on its way", length)
	}
	return kind, target, payload, nil
}

func (r *frameReader) target(id []byte) *actor.PID {
	if pid := r.known[string(id)]; pid != nil {
		return pid
	}
	if len(r.known) == knownMax {
		clear(r.known)
	}
	pid := r.local(string(id))
	r.known[pid.Id] = pid
	return pid
}

func (r *frameReader) payload(length int) ([]byte, error) {
	b := make([]byte, min(length, atOnceMax))
	for read := 0; ; {
		n, err := io.ReadFull(r.in, b[read:])
		read += n
		if err != nil || read == length {
			return b, err
		}
		grown := make([]byte, min(length, 4*len(b)))
		copy(grown, b)
		b = grown
	}
}
