package messages

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A filler gives each exported field of a value something that no other field has.
type filler struct{ n int64 }

var (
	pidType     = reflect.TypeFor[*actor.PID]()
	atomicType  = reflect.TypeFor[*atomic.Int64]()
	batchType   = reflect.TypeFor[record.Batch]()
	errorType   = reflect.TypeFor[error]()
	tagsType    = reflect.TypeFor[kmsg.Tags]()
	anyType     = reflect.TypeFor[any]()
	messageType = reflect.TypeFor[pb.MessageType]()
	entryType   = reflect.TypeFor[pb.EntryType]()
	raftType    = reflect.TypeFor[pb.Message]()
)

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Type() {
	case pidType:
		v.Set(reflect.ValueOf(actor.NewPID("7", fmt.Sprint("actor-", f.n))))
		return
	case batchType:
		v.Set(reflect.ValueOf(batchOf(int(f.n))))
		return
	case errorType:
		v.Set(reflect.ValueOf(kafka.Errorf(kerr.PolicyViolation, "words %d", f.n)))
		return
	case anyType:
		v.Set(reflect.ValueOf(&group.Describe{Version: 6}))
		return
	case messageType:
		v.SetInt(int64(pb.MsgApp))
		return
	case entryType:
		v.SetInt(int64(pb.EntryConfChangeV2))
		return
	case atomicType, tagsType: // they don't leave the node
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8:
		v.SetInt(f.n % 100)
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(f.n)
	case reflect.Uint8:
		v.SetUint(uint64(f.n % 250))
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n))
	case reflect.String:
		v.SetString(fmt.Sprint("text-", f.n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && (v.Type() != raftType || field.Name != "Responses") {
				f.fill(v.Field(i))
			}
		}
	default:
		panic(fmt.Sprint("nothing to fill a ", v.Type(), " with"))
	}
}

// filled returns a value of a type, a pointer mostly, with everything in it.
func filled(t reflect.Type) any {
	v := reflect.New(t).Elem()
	(&filler{}).fill(v)
	return v.Interface()
}

func batchOf(n int) record.Batch {
	b := &record.Builder{}
	b.Add(record.Record{Timestamp: int64(n), Value: bytes.Repeat([]byte{byte(n)}, 40)})
	built, err := b.Build()
	if err != nil {
		panic(err)
	}
	return built
}

// samples are one message of every kind, and of those that hold a body or a value one with each of these.
func samples() (out []any) {
	for _, kind := range slices.Sorted(maps.Keys(kinds.byKind)) {
		out = append(out, filled(kinds.byKind[kind].typ))
	}
	out = append(out, &Step{Partition: 1, From: 2, Message: &pb.Message{Type: new(pb.MsgHeartbeat)}}, &Leaders{Led: []Led{{Number: 7}}}, &Produce{Batch: batchOf(1)})
	for _, v := range bodies() {
		out = append(out, &Coordinate{Key: "key", Body: v}, &CoordinateAll{Body: v}, &Reply{Slot: 1, Value: v})
	}
	return out
}

// bodies are one value of every kind, and each request in its versions.
func bodies() (out []any) {
	out = append(out, nil, []any{}, []any{filled(reflect.TypeFor[*kmsg.ListGroupsResponseGroup]()), &group.List{}})
	for _, kind := range slices.Sorted(maps.Keys(values.byKind)) {
		v := filled(values.byKind[kind].typ)
		switch v := v.(type) {
		case *kmsg.OffsetCommitRequest: // below
			continue
		case *kmsg.OffsetCommitResponse:
			v.Version = offsetCommitVersion
		}
		out = append(out, v)
	}
	for _, key := range slices.Sorted(maps.Keys(versions)) {
		r := filled(reflect.TypeOf(key.Response())).(kmsg.Response)
		r.SetVersion(versions[key])
		out = append(out, r)
		for v := range key.Request().MaxVersion() + 1 {
			out = append(out, requestOf(key, v))
		}
	}
	for v := range kmsg.OffsetCommit.Request().MaxVersion() + 1 {
		out = append(out, requestOf(kmsg.OffsetCommit, v))
	}
	return out
}

// requestOf is a request as a client may have sent it in a version: what that one has no field for is as it is without it.
func requestOf(key kmsg.Key, version int16) kmsg.Request {
	q := filled(reflect.TypeOf(key.Request())).(kmsg.Request)
	q.SetVersion(version)
	read := key.Request()
	read.SetVersion(version)
	if err := read.ReadFrom(q.AppendTo(nil)); err != nil {
		panic(err)
	}
	return read
}

// travel sends a message to another node.
func travel(t *testing.T, message any) any {
	t.Helper()
	kind, _, pieces, ok := Codec{}.Encode(message)
	if !ok {
		t.Fatalf("%T %+v can't leave its node", message, message)
	}
	got, err := Codec{}.Decode(kind, bytes.Join(pieces, nil))
	if err != nil {
		t.Fatalf("%T %+v: %v", message, message, err)
	}
	return got
}

// same tells whether two messages say the same.
func same(a, b any) bool {
	if a, ok := a.(*Step); ok {
		b, ok := b.(*Step)
		return ok && a.Partition == b.Partition && a.From == b.From && proto.Equal(a.Message, b.Message)
	}
	if a, ok := a.(*SnapshotPart); ok {
		b, ok := b.(*SnapshotPart)
		if !ok || !proto.Equal(a.Message, b.Message) {
			return false
		}
		c, d := *a, *b
		c.Message, d.Message = nil, nil
		return reflect.DeepEqual(c, d)
	}
	if a, ok := a.(*Reply); ok {
		b, ok := b.(*Reply)
		return ok && a.Slot == b.Slot && reflect.DeepEqual(a.Value, b.Value) && sameError(a.Err, b.Err)
	}
	return reflect.DeepEqual(a, b)
}

func sameError(a, b error) bool {
	var detailed, detailedB *kafka.DetailedError
	return (a == nil) == (b == nil) && kafka.Code(a) == kafka.Code(b) && reflect.DeepEqual(kafka.Message(a), kafka.Message(b)) &&
		errors.As(a, &detailed) == errors.As(b, &detailedB)
}
