package coordinator

import (
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/actors/replica"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// mach is a machine that records k=v, and answers with the number of its rows.
type mach struct{ rows map[string]string }

func (m *mach) Restore(_ time.Time, rows []partition.KeyValue) (partition.Outcome, error) {
	m.rows = map[string]string{}
	for _, kv := range rows {
		m.rows[string(kv.Key)] = string(kv.Value)
	}
	return partition.Outcome{}, nil
}

func (m *mach) Handle(_ time.Time, r *partition.Request) (out partition.Outcome) {
	s := r.Body.(string)
	if k, v, ok := strings.Cut(s, "="); ok {
		m.rows[k] = v
		out.Records = append(out.Records, partition.KeyValue{Key: []byte(k), Value: []byte(v)})
	}
	out.Replies = append(out.Replies, partition.Reply{Ticket: r.Ticket, Response: len(m.rows)})
	return out
}

func (m *mach) Tick(time.Time) partition.Outcome { return partition.Outcome{} }
func (m *mach) Deadline() time.Time              { return time.Time{} }
func (m *mach) Idle() bool                       { return false }

// A rig is a replica with its coordinator in simulated time, over the in-memory store.
type rig struct {
	simulated
	sys   *actors.System
	store *logstore.Memory
	use   partition.Store // what the actors see; nil: the store itself

	fault        func(kind string, m any)
	change       func(*Options)
	segmentBytes int64
	hold         bool // the disk is slow: nothing is synced until release
	syncs        []func()

	directory, client *actor.PID
	led               *messages.Led
	replies           map[uint64]*messages.Reply
}

func (g *rig) disk(f func()) {
	if g.hold {
		g.syncs = append(g.syncs, f)
		return
	}
	g.st.AfterFunc(time.Millisecond, f)
}

func (g *rig) release() {
	g.hold = false
	for _, f := range g.syncs {
		g.st.AfterFunc(0, f)
	}
	g.syncs = nil
}

func (g *rig) boot(inc uint64) {
	g.sys = actors.NewSystem(actors.Options{Incarnation: inc, Stepper: g.st, Rand: g.st.Rand(), Fault: func(k, id string, m any) {
		if g.fault != nil {
			g.fault(k, m)
		}
	}})
	g.led, g.replies = nil, map[uint64]*messages.Reply{}
	spawn := func(name string, f func(any)) *actor.PID {
		pid, err := g.sys.Spawn(nil, actors.Kind{Name: name}, name, func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) { f(ctx.Message()) })
		})
		if err != nil {
			g.t.Fatal(err)
		}
		return pid
	}
	g.directory = spawn("dir", func(m any) {
		if l, ok := m.(*messages.Led); ok {
			g.led = l
		}
	})
	g.client = spawn("client", func(m any) {
		if r, ok := m.(*messages.Reply); ok {
			g.replies[r.Slot] = r
		}
	})
	o := Options{System: g.sys, Store: g.store, Number: 1, Broker: 1, KeyKind: "key", KeyOf: func([]byte) (string, bool) { return "", true },
		Machine: func(string) partition.Machine { return &mach{} }, NotServing: kerr.NotCoordinator, SnapshotBytes: 1 << 30, SnapshotRecords: 1 << 30}
	if g.change != nil {
		g.change(&o)
	}
	if g.use == nil {
		g.use = g.store
	}
	o.Store = g.use
	if g.segmentBytes == 0 {
		g.segmentBytes = 1 << 30
	}
	_, err := g.sys.Spawn(nil, actors.Kind{Name: "top"}, "top", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				_, err := replica.Spawn(ctx, replica.Options{System: g.sys, Store: g.use, Broker: 1, Directory: g.directory, RetainEvery: time.Hour,
					Partition: partition.Options{Number: 1, Name: kafka.TopicPartition{Topic: "m"}, Machine: true, RaftID: 1, Founding: []uint64{1}, Tails: partition.NewTails(1 << 20),
						ElectionTicks: 10, HeartbeatTicks: 2, Config: partition.Config{SegmentBytes: g.segmentBytes, SegmentMillis: 1 << 60, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour}},
					Coordinator: func(parent actor.Context) (*actor.PID, error) { return Spawn(parent, o) },
				})
				if err != nil {
					g.t.Fatal(err)
				}
			}
		})
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) send(slot uint64, body string) {
	g.sys.Root().Send(g.led.Leader.Coordinator, &messages.Coordinate{Key: "", Body: body, Reply: messages.ReplyTo{PID: g.client, Slot: slot}})
}

func newRig(t *testing.T, seed uint64) *rig {
	g := &rig{simulated: newSimulated(t, seed)}
	g.store = logstore.NewMemory(g.disk)
	return g
}

func (g *rig) serves() bool { return g.led != nil && g.led.Leader.Coordinator != nil }

// start boots and waits until requests are served.
func (g *rig) start(incarnation uint64) {
	g.t.Helper()
	g.boot(incarnation)
	g.until("it serves", g.serves)
	g.pass(50 * time.Millisecond)
}

// ask sends a request and waits for its answer.
func (g *rig) ask(slot uint64, body string) *messages.Reply {
	g.t.Helper()
	g.send(slot, body)
	g.until(body+" is answered", func() bool { return g.replies[slot] != nil })
	return g.replies[slot]
}
