package link

import (
	"fmt"
	"runtime/debug"

	"troupe/actors"
)

// A Codec turns messages into bytes and back. It is used by many goroutines at once. Kind 0 is the link's own.
type Codec interface {
	// Encode returns a message as pieces that are written one behind the other. They are not copied, and must not change from then on. ok is false for a message
	// that can't leave the node.
	Encode(message any) (kind uint16, lane actors.Lane, pieces [][]byte, ok bool)
	// Decode returns the message. The payload belongs to it from then on. An error says that the kind is not known here, or why the payload can't be read.
	Decode(kind uint16, payload []byte) (message any, err error)
}

// Shortened is a message that another one can stand for where there is no room for it, or it is too long: one that somebody waits for, but that has no sender who could be told.
type Shortened interface {
	// Shortened returns a message of a few bytes.
	Shortened() any
}

// decode keeps a panic over a payload to that payload.
func decode(c Codec, kind uint16, payload []byte) (message any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Decode(kind, payload)
}
