package messages

import (
	"fmt"
	"reflect"

	"troupe/actors"
)

// Codec turns the messages that cross nodes into bytes and back. What has no kind can't leave its node.
//
// A message is a block, its head, which is led by its length, and behind it the large byte slices whose lengths the head says. Structs in a list and the bodies and
// values of requests and answers are blocks as well. A message gets a new field at the end of its block, read only where there is more: an older reader leaves
// alone what it does not know, a newer one takes what is not there as zero. What a message has from its beginning must be there. Kinds are numbers that
// never change and are never used again.
type Codec struct{}

// A row says how a type stands on the wire.
type row struct {
	kind   uint16
	typ    reflect.Type
	lane   actors.Lane
	fields func(c *coder, v *any) // v is a value of the type, or nil for one to be read
}

// as makes the row of a type that is used by its pointer.
func as[M any](kind uint16, lane actors.Lane, fields func(*coder, *M)) row {
	return row{kind, reflect.TypeFor[*M](), lane, func(c *coder, v *any) {
		if c.reading {
			*v = new(M)
		}
		fields(c, (*v).(*M))
	}}
}

// A table finds rows both ways.
type table struct {
	byKind map[uint16]*row
	byType map[reflect.Type]*row
}

func newTable(rows ...row) table {
	t := table{map[uint16]*row{}, map[reflect.Type]*row{}}
	for i := range rows {
		r := &rows[i]
		if t.byKind[r.kind] != nil || t.byType[r.typ] != nil {
			panic(fmt.Sprintf("messages: kind %d or type %v stands twice in the table", r.kind, r.typ))
		}
		t.byKind[r.kind], t.byType[r.typ] = r, r
	}
	return t
}

// kinds are the messages that cross nodes.
var kinds = newTable(
	as(1, actors.Control, stepFields), // see there for its lane
	as(2, actors.Control, leadersFields),
	as(3, actors.Data, replyFields),
	as(4, actors.Control, tellLeadersFields),
	as(5, actors.Bulk, snapshotPartFields),
	as(6, actors.Control, snapshotAckFields),
	as(7, actors.Data, restFields), // behind the last append
	as(8, actors.Control, wakeFields),
	as(10, actors.Data, produceFields),
	as(11, actors.Data, fetchFields),
	as(12, actors.Data, fetchEndFields), // behind the Fetch that it ends
	as(13, actors.Data, listOffsetsFields),
	as(14, actors.Data, offsetForLeaderEpochFields),
	as(15, actors.Data, deleteRecordsFields),
	as(16, actors.Data, readColdFields),
	as(17, actors.Data, transferFields),
	as(18, actors.Data, describeReplicaFields),
	as(20, actors.Data, coordinateFields),
	as(21, actors.Data, coordinateAllFields),
	as(30, actors.Data, func(c *coder, m *SurveyReplica) { c.replyTo(&m.Reply) }),
)

// headSize is what most heads need.
const headSize = 192

// Encode returns the message's kind and lane, and its bytes in pieces. The large ones among them are the message's own: they must not change any more. It is not
// ok where the message can't leave the node.
func (Codec) Encode(message any) (kind uint16, lane actors.Lane, pieces [][]byte, ok bool) {
	r := kinds.byType[reflect.TypeOf(message)]
	if r == nil {
		return 0, 0, nil, false
	}
	c := &coder{lane: r.lane, head: make([]byte, 0, headSize), large: make([][]byte, 1, 2)}
	b := c.begin()
	r.fields(c, &message)
	c.end(b)
	c.large[0] = c.head
	return r.kind, c.lane, c.large, c.err == nil
}

// Decode returns a message that shares the payload, which is its own from then on. Whatever the payload holds, it does no more than return an error.
func (Codec) Decode(kind uint16, payload []byte) (message any, err error) {
	r := kinds.byKind[kind]
	if r == nil {
		return nil, fmt.Errorf("messages of kind %d are not known here: they are of a newer version", kind)
	}
	c := &coder{reading: true, head: payload}
	b := c.begin()
	c.behind = b.after
	r.fields(c, &message)
	if c.err != nil {
		return nil, fmt.Errorf("a %v can't be read: %w", r.typ, c.err)
	}
	return message, nil
}
