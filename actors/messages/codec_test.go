package messages

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"troupe/actors"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Whatever is sent arrives, with each of its fields, and has not changed.
func TestEverythingArrives(t *testing.T) {
	again := samples()
	for i, message := range samples() {
		got := travel(t, message)
		if !same(message, again[i]) {
			t.Errorf("to send a %T has changed it:\n%+v\n%+v", message, again[i], message)
		}
		if !same(message, got) {
			t.Errorf("%T: sent and got\n%+v\n%+v", message, message, got)
		}
	}
}

// A message that asks for an answer may be for an actor on another node. One that never is stands here.
func TestEveryMessageHasAKind(t *testing.T) {
	local := map[string]bool{"AwaitLeaders": true, "AwaitLedBy": true, "RecoverReplica": true} // each node has its own directory, and is asked itself to give others up
	known := map[string]bool{}
	for typ := range kinds.byType {
		known[typ.Elem().Name()] = true
	}
	for _, f := range parsed(t, ".") {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok || !spec.Name.IsExported() || local[spec.Name.Name] || known[spec.Name.Name] {
					continue
				}
				fields, _ := spec.Type.(*ast.StructType)
				if fields == nil {
					continue
				}
				for _, field := range fields.Fields.List {
					if id, ok := field.Type.(*ast.Ident); ok && id.Name == "ReplyTo" {
						t.Errorf("%s has a ReplyTo and no kind: other nodes can't be sent it", spec.Name.Name)
					}
				}
			}
		}
	}
}

// Whatever a machine serves can be asked from another node.
func TestEveryBodyHasAKind(t *testing.T) {
	known := map[string]bool{}
	for typ := range values.byType {
		known[typ.String()] = true
	}
	for key := range versions {
		known[reflect.TypeOf(key.Request()).String()] = true
	}
	n := 0
	for _, pkg := range []string{"group", "metadata"} {
		for _, f := range parsed(t, "../../partition/"+pkg) {
			for _, d := range f.Decls {
				handle, ok := d.(*ast.FuncDecl)
				if !ok || handle.Name.Name != "Handle" {
					continue
				}
				ast.Inspect(handle, func(node ast.Node) bool {
					clause, ok := node.(*ast.CaseClause)
					if !ok {
						return true
					}
					for _, e := range clause.List {
						star, ok := e.(*ast.StarExpr)
						if !ok {
							continue
						}
						n++
						name := ""
						switch x := star.X.(type) {
						case *ast.Ident:
							name = "*" + pkg + "." + x.Name
						case *ast.SelectorExpr:
							name = fmt.Sprintf("*%v.%v", x.X, x.Sel.Name)
						}
						if !known[name] {
							t.Errorf("a machine of package %s serves %s, which has no kind: other nodes can't ask for it", pkg, name)
						}
					}
					return true
				})
			}
		}
	}
	if n < 15 {
		t.Fatalf("only %d requests found: the machines are written in another way now", n)
	}
}

func parsed(t *testing.T, dir string) (out []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing in %s: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// A client gets the same bytes, in whatever version it asks, from a response that has come from another node.
func TestResponsesLoseNothing(t *testing.T) {
	keys := []kmsg.Key{kmsg.OffsetCommit}
	for key := range versions {
		keys = append(keys, key)
	}
	for _, key := range keys {
		r := filled(reflect.TypeOf(key.Response())).(kmsg.Response)
		got := travel(t, &Reply{Value: r}).(*Reply).Value.(kmsg.Response)
		for v := range key.Request().MaxVersion() + 1 {
			r.SetVersion(v)
			got.SetVersion(v)
			if want := r.AppendTo(nil); !bytes.Equal(got.AppendTo(nil), want) {
				t.Errorf("%s version %d is another one:\n%+v\n%+v", key.Name(), v, r, got)
			}
		}
	}
}

// A commit has the topics' names and ids in each version: the handler has put in what the client's version lacks.
func TestOffsetCommitHasNameAndID(t *testing.T) {
	for v := range kmsg.OffsetCommit.Request().MaxVersion() + 1 {
		q := requestOf(kmsg.OffsetCommit, v).(*kmsg.OffsetCommitRequest)
		q.Topics[0].Topic, q.Topics[0].TopicID = "orders", [16]byte{1, 2, 3}
		if got := travel(t, &Coordinate{Body: q}).(*Coordinate); !reflect.DeepEqual(got.Body, q) {
			t.Errorf("version %d: sent and got\n%+v\n%+v", v, q, got.Body)
		}
	}
}

// Clients and callers see the same error, whatever node it comes from.
func TestErrorsStayWhatTheyAre(t *testing.T) {
	for _, err := range []error{
		nil, kerr.NotLeaderForPartition, kerr.UnknownServerError, kafka.Errorf(kerr.PolicyViolation, "too many: %d", 7), kafka.Errorf(kerr.PolicyViolation, ""),
		fmt.Errorf("append: %w", kerr.NotLeaderForPartition), fmt.Errorf("append: %w", kafka.Errorf(kerr.InvalidRecord, "the first")), errors.New("no code"),
	} {
		got := travel(t, &Reply{Err: err}).(*Reply).Err
		if !sameError(err, got) {
			t.Errorf("%v became %v", err, got)
		}
		var known *kerr.Error
		if errors.As(err, &known) && !errors.Is(got, known) {
			t.Errorf("%v is not %v any more: %v", err, known, got)
		}
	}
}

// An error may come with a value.
func TestReplyWithBoth(t *testing.T) {
	m := &Reply{Slot: 3, Value: &Produced{BaseOffset: -1, LogAppendTime: -1, LogStartOffset: 7}, Err: kerr.NotLeaderForPartition}
	if got := travel(t, m); !same(m, got) {
		t.Errorf("%+v became %+v", m, got)
	}
}

// Raft tells what is absent from what is zero.
func TestStepKeepsAbsentAndZero(t *testing.T) {
	zero := &pb.Message{
		Type: new(pb.MsgApp), To: new(uint64(0)), From: new(uint64(0)), Term: new(uint64(0)), LogTerm: new(uint64(0)), Index: new(uint64(0)), Commit: new(uint64(0)),
		Vote: new(uint64(0)), Reject: new(false), RejectHint: new(uint64(0)), Context: []byte{}, Snapshot: &pb.Snapshot{},
		Entries: []*pb.Entry{{}, {Term: new(uint64(0)), Index: new(uint64(0)), Type: new(pb.EntryNormal), Data: []byte{}}},
	}
	for _, m := range []*pb.Message{
		zero,
		{Type: new(pb.MsgApp), Entries: []*pb.Entry{{}}},
		{Type: new(pb.MsgAppResp), Reject: new(true), RejectHint: new(uint64(math.MaxUint64))},
	} {
		if got := travel(t, &Step{Message: m}).(*Step).Message; !proto.Equal(m, got) {
			t.Errorf("%v became %v", m, got)
		}
	}
	snapshot := &pb.Message{
		Type: new(pb.MsgSnap), Snapshot: &pb.Snapshot{Data: []byte("state"), Metadata: &pb.SnapshotMetadata{Index: new(uint64(9)), ConfState: &pb.ConfState{Voters: []uint64{1, 2}}}},
	}
	if got := travel(t, &SnapshotPart{Message: snapshot}).(*SnapshotPart).Message; !proto.Equal(snapshot, got) {
		t.Errorf("%v became %v", snapshot, got)
	}
	for _, chunk := range [][]byte{nil, {}, []byte("rows")} {
		if got := travel(t, &SnapshotPart{Chunk: chunk}).(*SnapshotPart); got.Message != nil || (got.Chunk == nil) != (chunk == nil) || string(got.Chunk) != string(chunk) {
			t.Errorf("chunk %q became %+v", chunk, got)
		}
	}
}

// What waits for record batches and what does not.
func TestLanes(t *testing.T) {
	lanes := map[pb.MessageType]actors.Lane{pb.MsgApp: actors.Data}
	for n := range pb.MessageType_name {
		kind := pb.MessageType(n)
		_, lane, _, ok := Codec{}.Encode(&Step{Message: &pb.Message{Type: &kind}})
		if stays := raft.IsLocalMsg(kind) || kind == pb.MsgSnap; ok == stays || ok && lane != lanes[kind] {
			t.Errorf("%v leaves the node: %v, on lane %v", kind, ok, lane)
		}
	}
	_, fetch, _, _ := Codec{}.Encode(&Fetch{})
	_, end, _, _ := Codec{}.Encode(&FetchEnd{})
	if fetch != end {
		t.Errorf("a FetchEnd may overtake its Fetch: lanes %v and %v", end, fetch)
	}
}

// What can't leave its node, and what must not come from another one.
func TestRefused(t *testing.T) {
	to := func(address string) ReplyTo { return ReplyTo{actor.NewPID(address, "x"), 1} }
	for name, message := range map[string]any{
		"no kind": &AwaitLeaders{}, "nil": nil, "not ours": 7, "no message": &Step{},
		"no address": &FetchEnd{to("")}, "protoactor's address": &FetchEnd{to("nonhost")},
		"an unknown body": &Coordinate{Body: 7}, "an unknown value": &Reply{Value: &AwaitLeaders{}}, "values in values": &Reply{Value: []any{[]any{}}},
		"a request that nobody serves": &Coordinate{Body: kmsg.NewPtrFetchRequest()},
		"to the own storage":           &Step{Message: &pb.Message{Type: new(pb.MsgApp), To: new(uint64(raft.LocalAppendThread))}},
		"as from the own storage":      &Step{Message: &pb.Message{Type: new(pb.MsgAppResp), From: new(uint64(raft.LocalApplyThread))}},
	} {
		if _, _, _, ok := (Codec{}).Encode(message); ok {
			t.Errorf("%s: it left", name)
		}
	}
	if _, err := (Codec{}).Decode(999, nil); err == nil {
		t.Error("a kind that nobody knows was read")
	}
	good := batchOf(1)
	for name, b := range map[string]record.Batch{"too long": append(good[:len(good):len(good)], 0), "too short": good[:len(good)-1], "no header": good[:9], "none": nil} {
		kind, _, pieces, _ := Codec{}.Encode(&Produce{Batch: b})
		if _, err := (Codec{}).Decode(kind, bytes.Join(pieces, nil)); err == nil {
			t.Errorf("a batch that is %s was read", name)
		}
	}
}

// What earlier versions have sent is still read: the bytes here never change.
func TestEarlierMessagesAreRead(t *testing.T) {
	w := record.Builder{Producer: &record.Producer{ID: 7, Sequence: 3}}
	w.Add(record.Record{Timestamp: 1, Value: []byte("v")})
	numbered, err := w.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind uint16
		hex  string
		want any
	}{
		{1, "0000000f360484020307000200000003020904726f77", &Step{Partition: 54, From: 2, Message: &pb.Message{Type: new(pb.MsgApp), Term: new(uint64(7)), Entries: []*pb.Entry{{Index: new(uint64(9)), Data: []byte("row")}}}}},
		{2, "000000180401020000000f36040e0101320172000302040000000001", &Leaders{Node: 2, Whole: true, Led: []Led{{54, Leader{Broker: 2, Epoch: 7, Replica: actor.NewPID("2", "r"), InSync: []kafka.BrokerID{1, 2}}}}, DiskFull: true}},
		{11, "0000001012808080010e01000101013201730500", &Fetch{Offset: 9, MaxBytes: 1 << 20, LeaderEpoch: 7, LastFetchedEpoch: -1, Wait: true, Reply: ReplyTo{actor.NewPID("2", "s"), 5}}},
		{20, "000000220167020000001218060000000c0001670000000400016dffff000004010132017305", &Coordinate{Key: "g", Body: &kmsg.HeartbeatRequest{Version: 3, Group: "g", Generation: 4, MemberID: "m"}, Broker: 2, Reply: ReplyTo{actor.NewPID("2", "s"), 5}}},
		{3, "0000001c050b0000001112000000000100000005360012c80100000258026e6f", &Reply{Slot: 5, Value: &partition.Fetched{HighWatermark: 9, Cold: &ColdRead{Partition: 54, To: 9, MaxBytes: 100}}, Err: kafka.Errorf(kerr.PolicyViolation, "no")}},
		{10, "000000084601010132017305000000000000000000000039ffffffff02664adc82000000000000000000000000000100000000000000010000000000000007000000000003000000010e00000001027600", &Produce{Batch: numbered, Acks: kafka.AcksAll, Reply: ReplyTo{actor.NewPID("2", "s"), 5}}},
	} {
		bytes, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (Codec{}).Decode(c.kind, bytes); err != nil || !same(got, c.want) {
			t.Errorf("%T: got %+v, want %+v, %v", c.want, got, c.want, err)
		}
	}
}

// A newer node's message has more in each block than is known here.
func TestNewerMessage(t *testing.T) {
	m := &Leaders{Node: 2, Led: []Led{{Number: 7}, {Number: 8}}}
	c := &coder{large: make([][]byte, 1)}
	b := c.begin()
	integer(c, &m.Node)
	c.flag(&m.Whole)
	list(c, &m.Led, func(c *coder, l *Led) {
		natural(c, &l.Number)
		integer(c, &l.Leader.Broker)
		integer(c, &l.Leader.Epoch)
		c.pid(&l.Leader.Replica)
		c.pid(&l.Leader.Coordinator)
		plain(c, &l.Leader.InSync, integer[kafka.BrokerID])
		c.flag(&l.Leader.OutOfService)
		plain(c, &l.Leader.Voters, natural[uint64])
		plain(c, &l.Leader.Learners, natural[uint64])
		c.flag(&l.Leader.Settled)
		c.text(new("new"))
	})
	integer(c, &m.Upto)
	c.flag(&m.DiskFull)
	c.text(new("new"))
	c.end(b)
	got, err := Codec{}.Decode(2, append(c.head, "large and new"...))
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v became %+v, %v", m, got, err)
	}
}

// An actor's PID is of use on another node: systems have an address from the start.
func TestPIDsCanBeAnswered(t *testing.T) {
	s := actors.NewSystem(actors.Options{Address: "7", Incarnation: 3})
	defer s.Shutdown(0)
	spawned, err := s.Spawn(nil, actors.Kind{Name: "x"}, "x", func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) })
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []*actor.PID{spawned, s.Actors().NewLocalPID("replica-7")} {
		got := travel(t, &FetchEnd{ReplyTo{pid, 1}}).(*FetchEnd).Reply.PID
		if got.Address != "7" || got.Id != pid.Id {
			t.Errorf("%v became %v", pid, got)
		}
	}
	if process, ok := s.Actors().ProcessRegistry.Get(travel(t, &FetchEnd{ReplyTo{spawned, 1}}).(*FetchEnd).Reply.PID); !ok {
		t.Errorf("%v is %v", spawned, process)
	}
}

// Large bytes are neither copied to be sent nor when they have come.
func TestBatchesAreNotCopied(t *testing.T) {
	b := batchOf(1)
	for _, m := range []any{
		&Produce{Batch: b}, &Step{Message: &pb.Message{Type: new(pb.MsgApp), Entries: []*pb.Entry{{Data: b}}}}, &Reply{Value: &partition.Fetched{Batches: []record.Batch{b}}},
	} {
		kind, _, pieces, _ := Codec{}.Encode(m)
		if len(pieces) != 2 || &pieces[1][0] != &b[0] {
			t.Fatalf("%T has copied its batch", m)
		}
		payload := bytes.Join(pieces, nil)
		got, err := Codec{}.Decode(kind, payload)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		switch got := got.(type) {
		case *Produce:
			out = got.Batch
		case *Step:
			out = got.Message.Entries[0].Data
		case *Reply:
			out = got.Value.(*partition.Fetched).Batches[0]
		}
		if &out[0] != &payload[len(payload)-len(b)] || cap(out) != len(out) {
			t.Errorf("%T has copied its batch, or may write beyond it", got)
		}
	}
}
