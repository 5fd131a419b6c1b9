package messages

import (
	"encoding/binary"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
)

// A coder goes over a message field by field, and either writes each or reads it, so that one description of a message serves both. While it writes
// it changes nothing of the message, which others may hold.
//
// What it writes is the head, in which everything stands but large byte slices, and behind it these in their order.
type coder struct {
	reading bool
	head    []byte   // written so far, or what is left to read of the block that the coder is in
	large   [][]byte // written; the first is kept for the head
	behind  []byte   // what is left to read behind the head
	lane    actors.Lane
	err     error // why the message can't be written or read
}

// lengthSize is how many bytes lead a block, to say how long it is.
const lengthSize = 4

func (c *coder) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	c.head, c.behind = nil, nil
}

func (c *coder) short() { c.fail("it ends too early") }

// A block is a part of the head that is led by its length, so that a reader can leave the rest of it alone.
type block struct {
	at    int    // where it begins, to the writer
	after []byte // what comes after it, to the reader
}

// begin begins a block.
func (c *coder) begin() (b block) {
	if !c.reading {
		b.at = len(c.head)
		c.head = append(c.head, make([]byte, lengthSize)...)
		return b
	}
	if len(c.head) < lengthSize {
		c.short()
		return b
	}
	n := uint64(binary.BigEndian.Uint32(c.head))
	c.head = c.head[lengthSize:]
	if n > uint64(len(c.head)) {
		c.short()
		return b
	}
	c.head, b.after = c.head[:n:n], c.head[n:]
	return b
}

// end ends a block.
func (c *coder) end(b block) {
	switch {
	case c.reading:
		c.head = b.after
	case c.err == nil:
		binary.BigEndian.PutUint32(c.head[b.at:], uint32(len(c.head)-b.at-lengthSize))
	}
}

// isMore tells whether a field that the message has not had from its beginning is there, or is to be written.
func (c *coder) isMore() bool { return !c.reading || len(c.head) > 0 }

type signed interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64
}

type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

func integer[I signed](c *coder, v *I) {
	if !c.reading {
		c.head = binary.AppendVarint(c.head, int64(*v))
		return
	}
	n, size := binary.Varint(c.head)
	if size <= 0 {
		c.short()
		return
	}
	if c.head, *v = c.head[size:], I(n); int64(*v) != n {
		c.fail("the number %d is too large", n)
	}
}

func natural[U unsigned](c *coder, v *U) {
	if !c.reading {
		c.head = binary.AppendUvarint(c.head, uint64(*v))
		return
	}
	n, size := binary.Uvarint(c.head)
	if size <= 0 {
		c.short()
		return
	}
	if c.head, *v = c.head[size:], U(n); uint64(*v) != n {
		c.fail("the number %d is too large", n)
	}
}

func (c *coder) flag(v *bool) {
	if !c.reading {
		var n byte
		if *v {
			n = 1
		}
		c.head = append(c.head, n)
		return
	}
	var n uint8
	natural(c, &n)
	*v = n != 0
}

// length is for what has a length, or is nil, where ok is false. The reader must not believe it before it has looked at how much there is.
func (c *coder) length(n int, ok bool) (int, bool) {
	var m uint32
	if ok {
		m = uint32(n) + 1
	}
	natural(c, &m)
	if c.err != nil || m == 0 {
		return 0, false
	}
	return int(m - 1), true
}

// count is the length of a list whose elements take so many bytes of the head at least.
func (c *coder) count(n int, ok bool, elementSizeMin int) (int, bool) {
	n, ok = c.length(n, ok)
	if c.reading && n > len(c.head)/elementSizeMin {
		c.short()
		return 0, false
	}
	return n, ok
}

// bytes are for few of them: they are copied into the head.
func (c *coder) bytes(v *[]byte) {
	n, ok := c.length(len(*v), *v != nil)
	switch {
	case !c.reading:
		c.head = append(c.head, *v...)
	case n > len(c.head):
		c.short()
	case ok:
		*v, c.head = c.head[:n:n], c.head[n:]
	}
}

func (c *coder) text(v *string) {
	if !c.reading {
		c.head = append(binary.AppendUvarint(c.head, uint64(len(*v))), *v...)
		return
	}
	var n uint64
	if natural(c, &n); n > uint64(len(c.head)) {
		c.short()
		return
	}
	*v, c.head = string(c.head[:n]), c.head[n:]
}

// large is for bytes that are not copied: they stand behind the head, and are shared by the message and what was written or read.
func large[B ~[]byte](c *coder, v *B) {
	n, ok := c.length(len(*v), *v != nil)
	switch {
	case !c.reading:
		if n > 0 {
			c.large = append(c.large, *v)
		}
	case n > len(c.behind):
		c.short()
	case ok:
		*v, c.behind = B(c.behind[:n:n]), c.behind[n:]
	}
}

// list is for elements that are structs of our own: each is a block.
func list[E any](c *coder, v *[]E, element func(*coder, *E)) {
	n, ok := c.count(len(*v), *v != nil, lengthSize)
	if c.reading && ok {
		*v = make([]E, n)
	}
	for i := range n {
		b := c.begin()
		element(c, &(*v)[i])
		if c.end(b); c.err != nil {
			return
		}
	}
}

// plain is for elements that never become more than they are.
func plain[E any](c *coder, v *[]E, element func(*coder, *E)) {
	n, ok := c.count(len(*v), *v != nil, 1)
	if c.reading && ok {
		*v = make([]E, n)
	}
	for i := range n {
		if element(c, &(*v)[i]); c.err != nil {
			return
		}
	}
}

// optional is for what may not be there.
func optional[T any](c *coder, v **T, field func(*coder, *T)) {
	there := *v != nil
	if c.flag(&there); !there || c.err != nil {
		return
	}
	if c.reading {
		*v = new(T)
	}
	field(c, *v)
}

// nobodysAddress is what protoactor calls a system that has no address.
const nobodysAddress = "nonhost"

// pid is for where an actor is. One that has no address of its own node means nothing on another one.
func (c *coder) pid(v **actor.PID) {
	optional(c, v, func(c *coder, p *actor.PID) {
		c.text(&p.Address)
		c.text(&p.Id)
		if p.Address == "" || p.Address == nobodysAddress {
			c.fail("the actor %q is on no node", p.Id)
		}
	})
}

func (c *coder) replyTo(v *ReplyTo) {
	c.pid(&v.PID)
	natural(c, &v.Slot)
}
