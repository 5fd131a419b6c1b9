package messages

import (
	"encoding/json"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// values are the bodies of Coordinate and CoordinateAll and the values of Reply, which have kinds of their own: first what partitions answer, then what
// coordinators are asked and answer beside the requests and responses of the protocol. Their lane is that of the message.
var values = newTable(
	as(10, 0, producedFields),
	as(11, 0, fetchedFields),
	as(12, 0, listedOffsetFields),
	as(13, 0, epochEndFields),
	as(14, 0, logStartFields),
	as(15, 0, replicaDescriptionFields),
	as(20, 0, offsetCommitFields),
	as(21, 0, offsetCommittedFields),
	as(22, 0, offsetsFetchedFields),
	as(23, 0, groupDescribedFields),
	as(24, 0, groupListedFields),
	as(30, 0, func(c *coder, m *group.Describe) { integer(c, &m.Version) }),
	as(31, 0, func(*coder, *group.List) {}),
	as(32, 0, func(*coder, *group.Delete) {}),
	as(33, 0, fetchOffsetsFields),
	as(34, 0, topicsDeletedFields),
	as(40, 0, registerBrokerFields),
	as(41, 0, jsonFields[metadata.CreateInternalTopic]),
	as(43, 0, jsonFields[metadata.Registered]),
	as(44, 0, jsonFields[metadata.FenceBroker]),
	as(45, 0, jsonFields[metadata.ReassignmentsDone]),
	as(46, 0, jsonFields[metadata.MoveReplicas]),
	as(60, 0, jsonFields[Surveyed]),
	as(61, 0, jsonFields[metadata.RecoverPartitions]),
	row{kind: 42, typ: reflect.TypeFor[kafka.TopicID](), fields: topicIDFields},
)

// The kinds of values that are not found by their type.
const (
	noValue        uint16 = 0
	manyValues     uint16 = 1 // []any
	requestValue   uint16 = 2 // a kmsg.Request
	responseValue  uint16 = 3 // a kmsg.Response
	valueOfNoKinds uint16 = 1<<16 - 1
)

// value is for one of many types, or nil.
func (c *coder) value(v *any) {
	kind := kindOfValue(*v)
	natural(c, &kind)
	if kind == manyValues {
		many, _ := (*v).([]any)
		list(c, &many, (*coder).single)
		*v = many
		return
	}
	c.valueOf(kind, v)
}

// single is a value that is not many.
func (c *coder) single(v *any) {
	kind := kindOfValue(*v)
	natural(c, &kind)
	c.valueOf(kind, v)
}

func (c *coder) valueOf(kind uint16, v *any) {
	r := values.byKind[kind]
	b := c.begin()
	switch {
	case c.err != nil || kind == noValue:
	case kind == requestValue:
		requestFields(c, v)
	case kind == responseValue:
		responseFields(c, v)
	case r != nil:
		r.fields(c, v)
	default:
		c.fail("it holds a %T of kind %d, which is none that other nodes are told, or of a newer version", *v, kind)
	}
	c.end(b)
}

func kindOfValue(v any) uint16 {
	if r := values.byType[reflect.TypeOf(v)]; r != nil {
		return r.kind
	}
	switch v.(type) {
	case nil:
		return noValue
	case []any:
		return manyValues
	case kmsg.Request:
		return requestValue
	case kmsg.Response:
		return responseValue
	}
	return valueOfNoKinds
}

func topicID(c *coder, id *[16]byte) {
	if !c.reading {
		c.head = append(c.head, id[:]...)
		return
	}
	if len(c.head) < len(id) {
		c.short()
		return
	}
	c.head = c.head[copy(id[:], c.head):]
}

func topicIDFields(c *coder, v *any) {
	id, _ := (*v).(kafka.TopicID)
	topicID(c, (*[16]byte)(&id))
	if c.reading {
		*v = id
	}
}

func fetchOffsetsFields(c *coder, m *group.FetchOffsets) {
	c.flag(&m.All)
	list(c, &m.Topics, func(c *coder, t *kmsg.OffsetFetchRequestGroupTopic) {
		c.text(&t.Topic)
		topicID(c, &t.TopicID)
		plain(c, &t.Partitions, integer[int32])
	})
}

func topicsDeletedFields(c *coder, m *group.TopicsDeleted) {
	list(c, &m.Topics, func(c *coder, t *group.DeletedTopic) {
		c.text(&t.Name)
		topicID(c, (*[16]byte)(&t.ID))
	})
}

// registerBrokerFields has the id apart: it is the key of the broker's row, and not in it.
func registerBrokerFields(c *coder, m *metadata.RegisterBroker) {
	integer(c, &m.Broker.ID)
	id := m.Broker.ID
	jsonFields(c, &m.Broker)
	if c.reading {
		m.Broker.ID = id
	}
}

// jsonFields is for what is rare, and is a row of the metadata or like one: it gets new fields in the way that rows do.
func jsonFields[M any](c *coder, m *M) {
	var b []byte
	if !c.reading {
		var err error
		if b, err = json.Marshal(m); err != nil {
			c.fail("%w", err)
		}
	}
	c.bytes(&b)
	if c.reading && c.err == nil {
		if err := json.Unmarshal(b, m); err != nil {
			c.fail("%w", err)
		}
	}
}
