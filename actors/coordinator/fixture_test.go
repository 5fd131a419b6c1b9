package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A bench is a coordinator in a stepper. The test plays its replica, whose log commits at once, and whoever asks.
type bench struct {
	simulated
	system      *actors.System
	replica     *actor.PID
	coordinator *actor.PID
	log         []record.Batch
	refuses     error              // what the replica answers to batches
	holds       bool               // it does not answer yet
	held        []messages.Produce // what it has then
	slot        uint64
	replies     map[uint64]*messages.Reply
	made        int // machines
}

type store struct {
	partition.Store
	b *bench
}

func (s store) Chunks(kafka.PartitionNumber, func([]byte) error) error { return nil }
func (s store) Chunk(kafka.PartitionNumber, int) (of partition.Snapshot, chunk []byte, err error) {
	return of, nil, nil
}
func (s store) Read(_ kafka.PartitionNumber, from, to kafka.Offset, _ int, _ bool, dst []byte) ([]byte, error) {
	for _, batch := range s.b.log {
		if batch.BaseOffset() >= from && batch.BaseOffset() < to {
			dst = append(dst, batch...)
		}
	}
	return dst, nil
}

// newBench starts with these rows, each named by its key and a word.
func newBench(t *testing.T, change func(*Options), rows ...string) *bench {
	b := &bench{simulated: newSimulated(t, 1), replies: map[uint64]*messages.Reply{}}
	b.system = actors.NewSystem(actors.Options{Incarnation: 1, Stepper: b.st, Rand: b.st.Rand()})
	for _, row := range rows {
		var w record.Builder
		w.Add(record.Record{Key: []byte(row), Value: []byte("1")})
		batch, err := w.Build()
		if err != nil {
			t.Fatal(err)
		}
		b.append(batch)
	}
	o := Options{
		System: b.system, Store: store{b: b}, KeyKind: "scribe", NotServing: kerr.NotCoordinator, SnapshotBytes: 1 << 20, SnapshotRecords: 1000,
		KeyOf:   func(key []byte) (string, bool) { k, _, ok := strings.Cut(string(key), "/"); return k, ok },
		Machine: func(key string) partition.Machine { b.made++; return &scribe{key: key, rows: map[string]bool{}} },
	}
	if change != nil {
		change(&o)
	}
	var err error
	b.replica, err = b.system.Spawn(nil, actors.Kind{Name: "replica"}, "replica", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				b.coordinator, err = Spawn(ctx, o)
			case *messages.Attach:
				ctx.Send(b.coordinator, &messages.Attached{To: b.end()})
				ctx.Send(b.coordinator, &messages.Leading{Epoch: 1, Serving: true})
			case *messages.Produce:
				if b.holds {
					b.held = append(b.held, *m)
					return
				}
				b.produce(m)
			case *messages.Reply:
				b.replies[m.Slot] = m
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.pass(time.Second)
	return b
}

func (b *bench) produce(m *messages.Produce) {
	if b.refuses == nil {
		b.append(m.Batch)
		b.system.Root().Send(b.coordinator, &messages.Applied{Batches: b.log[len(b.log)-1:]})
	}
	b.system.Root().Send(b.coordinator, &messages.Reply{Slot: m.Reply.Slot, Err: b.refuses})
}

func (b *bench) release() {
	for i := range b.held {
		b.produce(&b.held[i])
	}
	b.holds, b.held = false, nil
}

func (b *bench) end() kafka.Offset {
	if len(b.log) == 0 {
		return 0
	}
	return b.log[len(b.log)-1].NextOffset()
}

func (b *bench) append(batch record.Batch) {
	batch.Stamp(b.end(), 1)
	b.log = append(b.log, batch)
}

// ask asks a key, and returns under which slot the answer comes.
func (b *bench) ask(key string, body any) uint64 {
	b.slot++
	b.system.Root().Send(b.coordinator, &messages.Coordinate{Key: key, Body: body, Reply: messages.ReplyTo{PID: b.replica, Slot: b.slot}})
	return b.slot
}

func (b *bench) askAll(body any) uint64 {
	b.slot++
	b.system.Root().Send(b.coordinator, &messages.CoordinateAll{Body: body, Reply: messages.ReplyTo{PID: b.replica, Slot: b.slot}})
	return b.slot
}

// expect fails the test unless this is what came under the slot, and nothing else before.
func (b *bench) expect(slot uint64, want string) {
	b.t.Helper()
	got := "nothing"
	if r := b.replies[slot]; r != nil {
		got = fmt.Sprint(r.Value)
		if r.Err != nil {
			got = kafka.CodeName(kafka.Code(r.Err))
		}
	}
	if got != want {
		b.t.Errorf("answer %d is %s, want %s", slot, got, want)
	}
}

// children are the names of the actors of keys that run.
func (b *bench) children() (names []string) {
	var walk func(infos []*actors.Info)
	walk = func(infos []*actors.Info) {
		for _, i := range infos {
			if i.Kind == "scribe" && i.State == actors.Running {
				_, name, _ := strings.Cut(i.ID, "scribe:")
				names = append(names, name)
			}
			walk(i.Children)
		}
	}
	walk(b.system.Tree())
	return names
}

// A scribe is a machine that does what it is told. It is busy from "busy" to "done", and then keeps its actor. Rows that begin with "old" it removes
// when it is restored, and those that begin with "live" keep it busy.
type scribe struct {
	key  string
	rows map[string]bool
	busy bool
}

func (s *scribe) Restore(_ time.Time, rows []partition.KeyValue) (out partition.Outcome, _ error) {
	for _, kv := range rows {
		_, name, _ := strings.Cut(string(kv.Key), "/")
		if strings.HasPrefix(name, "old") {
			out.Records = append(out.Records, partition.KeyValue{Key: kv.Key})
			continue
		}
		s.rows[name] = true
		s.busy = s.busy || strings.HasPrefix(name, "live")
	}
	return out, nil
}

func (s *scribe) Handle(_ time.Time, r *partition.Request) (out partition.Outcome) {
	verb, what, _ := strings.Cut(r.Body.(string), " ")
	switch verb {
	case "panic":
		panic(what)
	case "wait":
		s.busy = true
		return out
	case "busy", "done":
		s.busy = verb == "busy"
	case "write":
		s.rows[what] = true
		out.Records = append(out.Records, partition.KeyValue{Key: []byte(s.key + "/" + what), Value: []byte("1")})
	case "count":
		out.Replies = append(out.Replies, partition.Reply{Ticket: r.Ticket, Response: fmt.Sprint(s.key, ":", len(s.rows))})
		return out
	}
	out.Replies = append(out.Replies, partition.Reply{Ticket: r.Ticket, Response: verb})
	return out
}

func (s *scribe) Tick(time.Time) (out partition.Outcome) { return out }
func (s *scribe) Deadline() time.Time                    { return time.Time{} }
func (s *scribe) Idle() bool                             { return !s.busy }
