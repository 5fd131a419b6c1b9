package coordinator

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/logstore"
)

// A crash between the move of the log start and the snapshot that stands for what lies below it loses no row that was acknowledged.
func TestCrashBeforeTheSnapshot(t *testing.T) {
	for seed := range uint64(20) {
		g := newRig(t, seed)
		g.segmentBytes = 400
		g.change = func(o *Options) { o.SnapshotRecords = 20 }
		crash := false
		g.fault = func(kind string, m any) {
			if _, ok := m.(*messages.Snapshot); ok && kind == "partition" {
				crash = true
			}
		}
		g.start(1)
		sent := uint64(0)
		for !crash {
			sent++
			g.send(sent, fmt.Sprintf("key%02d=value", sent))
			for range 12 {
				if crash {
					break
				}
				g.st.Step()
			}
		}
		g.st.Kill(g.sys)
		acknowledged := 0
		for i := range sent {
			if r := g.replies[i+1]; r != nil && r.Err == nil {
				acknowledged++
			}
		}
		g.store = g.store.Crash(rand.New(rand.NewPCG(seed, 1)), g.disk)
		g.use, g.fault = nil, nil
		g.start(2)
		if n := g.ask(1000, "count").Value.(int); n < acknowledged {
			t.Errorf("seed %d: %d rows were acknowledged, %d are there", seed, acknowledged, n)
		}
	}
}

// Keys whose rows are gone when the rows are read anew are gone as well, but for those with actors.
func TestKeysThatAreGoneAfterReload(t *testing.T) {
	rows := map[string][]byte{"k": []byte("v")}
	c := &coordinator{o: Options{KeyOf: func(k []byte) (string, bool) { return string(k), true }}, keys: map[string]*owner{
		"gone": {key: "gone", rows: maps.Clone(rows)}, "busy": {key: "busy", rows: maps.Clone(rows), child: actor.NewPID("", "busy")}, "k": {key: "k", rows: maps.Clone(rows)},
	}}
	c.take(&loadedRows{rows: []partition.KeyValue{{Key: []byte("k"), Value: []byte("w")}}})
	if c.keys["gone"] != nil || c.keys["busy"] == nil || string(c.keys["k"].rows["k"]) != "w" {
		t.Errorf("these are left: %v", c.keys)
	}
}

// onceAt has the coordinator panic the first time that it is handed a message that is as wanted.
func (g *rig) onceAt(wanted func(m any) bool) {
	done := false
	g.fault = func(kind string, m any) {
		if kind == "coordinator" && !done && wanted(m) {
			done = true
			panic("sabotage")
		}
	}
}

func isRequest(body string) func(any) bool {
	return func(m any) bool {
		c, ok := m.(*messages.Coordinate)
		return ok && c.Body == body
	}
}

func TestPanicBeforeTheSnapshot(t *testing.T) {
	g := newRig(t, 1)
	g.segmentBytes = 400
	g.change = func(o *Options) { o.SnapshotRecords = 20 }
	g.onceAt(func(m any) bool { _, ok := m.(*messages.SnapshotDue); return ok })
	g.start(1)
	for i := range uint64(20) {
		g.ask(i+1, fmt.Sprintf("key%02d=value", i))
	}
	g.pass(time.Second)
	if r := g.ask(1000, "count"); r.Value != 20 {
		t.Fatalf("20 rows were acknowledged, after the panic there are %v (%v)", r.Value, r.Err)
	}
}

// single keeps writes back while it is told to, and gives them to the store one by one.
type single struct {
	*logstore.Memory
	waiting []*partition.Write
	hold    bool
}

func (s *single) Append(w *partition.Write) {
	if s.hold {
		s.waiting = append(s.waiting, w)
		return
	}
	s.Memory.Append(w)
}

// The replica's answer to what an earlier incarnation proposed is none to what this one has proposed.
func TestAnswerToAnEarlierIncarnation(t *testing.T) {
	g := newRig(t, 1)
	g.onceAt(isRequest("panic"))
	s := &single{Memory: g.store}
	g.use = s
	g.start(1)
	s.hold = true
	g.send(1, "a=1")
	g.pass(10 * time.Millisecond)
	g.send(2, "panic")
	g.pass(200 * time.Millisecond)
	g.send(3, "b=2") // to the new incarnation
	g.pass(10 * time.Millisecond)
	if len(s.waiting) == 0 || g.replies[3] != nil && g.replies[3].Err == nil {
		t.Fatalf("%d writes wait, b=2 is answered with %+v", len(s.waiting), g.replies[3])
	}
	s.Memory.Append(s.waiting[0]) // a=1 becomes durable, b=2 does not
	g.pass(10 * time.Millisecond)
	if r := g.replies[3]; r != nil && r.Err == nil {
		t.Fatalf("b=2 is acknowledged, and not on disk: %+v", r)
	}
}

// A machine is not made from rows that lack what an earlier incarnation of the coordinator has on its way.
func TestProposalsOfAnEarlierIncarnation(t *testing.T) {
	g := newRig(t, 1)
	g.onceAt(isRequest("panic"))
	g.start(1)
	g.ask(1, "warm=1")
	g.hold = true // the disk is slow
	g.send(2, "a=1")
	g.pass(10 * time.Millisecond)
	g.send(3, "panic")
	g.pass(200 * time.Millisecond)
	g.send(4, "count")
	g.pass(10 * time.Millisecond)
	g.release()
	g.pass(50 * time.Millisecond)
	if r := g.ask(5, "count"); r.Value != 2 {
		t.Fatalf("the log holds warm and a; the machine has %+v", r)
	}
}
