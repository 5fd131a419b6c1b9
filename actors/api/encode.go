package api

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// encode returns a response as the one piece of a frame.
func (r *Request) encode(response kmsg.Response) [][]byte {
	return [][]byte{response.AppendTo(r.responseHeader(make([]byte, 0, 256), response.IsFlexible()))}
}

// responseHeader appends what stands before a response's body. An answer to ApiVersions has the oldest form always: the client
// does not know yet what the broker speaks (KIP-511).
func (r *Request) responseHeader(b []byte, flexible bool) []byte {
	b = binary.BigEndian.AppendUint32(b, r.correlation)
	if flexible && r.API.Key != kmsg.ApiVersions {
		b = append(b, 0)
	}
	return b
}
