package coordinator

import (
	crypto "crypto/rand"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
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

// A trio is three nodes in simulated time, each with a replica of one partition and its coordinator.
type trio struct {
	simulated
	nodes [3]*trioNode
	cut   kafka.BrokerID // nothing reaches it, and nothing comes from it
	parts int            // of snapshots that were sent
	acked int            // of the last one
	steps int            // messages of raft that were sent
	lose  func(message any) bool
	slow  time.Duration // by how much each append is later than the one before
	late  time.Duration
}

type trioNode struct {
	*trio
	id      kafka.BrokerID
	sys     *actors.System
	store   *logstore.Memory
	client  *actor.PID
	replica *actor.PID
	led     *messages.Led
	replies map[uint64]*messages.Reply
	rows    map[string]string // as its coordinator has told
	reloads int
	fault   func(m any)
}

func newTrio(t *testing.T, snapshotRecords int) *trio {
	was := crypto.Reader // from which raft draws its election time-outs
	t.Cleanup(func() { crypto.Reader = was })
	crypto.Reader = rand.NewChaCha8([32]byte{})
	g := &trio{simulated: newSimulated(t, 1)}
	for i := range g.nodes {
		n := &trioNode{trio: g, id: kafka.BrokerID(i + 1), replies: map[uint64]*messages.Reply{}}
		n.store = logstore.NewMemory(func(f func()) { g.st.AfterFunc(time.Millisecond, f) })
		g.nodes[i] = n
		n.boot(1, snapshotRecords)
	}
	g.until("node 1 serves", func() bool { return g.nodes[0].serves() })
	return g
}

func (n *trioNode) boot(incarnation uint64, snapshotRecords int) {
	n.sys = actors.NewSystem(actors.Options{
		Address: messages.AddressOf(n.id), Incarnation: incarnation, Stepper: n.st, Rand: n.st.Rand(),
		Fault: func(kind, _ string, m any) {
			if n.fault != nil && kind == "partition" {
				n.fault(m)
			}
		},
	})
	n.sys.Actors().ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) { return n, true })
	spawn := func(name string, f func(any)) *actor.PID {
		pid, err := n.sys.Spawn(nil, actors.Kind{Name: name}, name, func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) { f(ctx.Message()) })
		})
		if err != nil {
			n.t.Fatal(err)
		}
		return pid
	}
	directory := spawn("dir", func(m any) {
		if l, ok := m.(*messages.Led); ok {
			n.led = l
		}
	})
	n.client = spawn("client", func(m any) {
		if r, ok := m.(*messages.Reply); ok {
			n.replies[r.Slot] = r
		}
	})
	o := Options{
		System: n.sys, Store: n.store, Number: 1, Broker: n.id, KeyKind: "key", KeyOf: func([]byte) (string, bool) { return "", true },
		Machine: func(string) partition.Machine { return &mach{} }, NotServing: kerr.NotCoordinator, SnapshotBytes: 1 << 30, SnapshotRecords: snapshotRecords,
		Committed: n.committed,
	}
	_, err := n.sys.Spawn(nil, actors.Kind{Name: "top"}, "top", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); !ok {
				return
			}
			var err error
			n.replica, err = replica.Spawn(ctx, replica.Options{
				System: n.sys, Store: n.store, Broker: n.id, Directory: directory, RetainEvery: time.Hour, TickEvery: 50 * time.Millisecond,
				Members: &messages.Members{Nodes: map[uint64]kafka.BrokerID{1: 1, 2: 2, 3: 3}}, Live: []kafka.BrokerID{1, 2, 3},
				Partition: partition.Options{
					Number: 1, Name: kafka.TopicPartition{Topic: "m"}, Machine: true, RaftID: uint64(n.id), Founding: []uint64{1, 2, 3}, Tails: partition.NewTails(1 << 20),
					ElectionTicks: 12, HeartbeatTicks: 2,
					Config: partition.Config{
						SegmentBytes: 3 << 20, SegmentMillis: 1 << 60, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour, ReplicaLagTimeMax: 10 * time.Second,
					},
				},
				Coordinator: func(parent actor.Context) (*actor.PID, error) { return Spawn(parent, o) },
			})
			if err != nil {
				n.t.Fatal(err)
			}
		})
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// committed checks that what is told never goes back, and is never newer than it says: values begin with a number that grows, by one with two offsets.
func (n *trioNode) committed(c Committed) {
	if c.Whole {
		n.reloads++
		was := n.rows
		n.rows = map[string]string{}
		defer func() {
			for k := range was {
				if n.rows[k] == "" {
					n.t.Errorf("node %d: the row %s is gone", n.id, k)
				}
			}
		}()
		for _, kv := range c.Rows {
			n.rows[string(kv.Key)] = was[string(kv.Key)]
		}
	}
	for _, kv := range c.Rows {
		if kafka.Offset(2*number(string(kv.Value))) >= c.Upto {
			n.t.Errorf("node %d: the log is told up to %d, and the row %s is %.10s", n.id, c.Upto, kv.Key, kv.Value)
		}
		if number(string(kv.Value)) < number(n.rows[string(kv.Key)]) {
			n.t.Errorf("node %d: the row %s goes back from %.10s to %.10s", n.id, kv.Key, n.rows[string(kv.Key)], kv.Value)
		}
		if n.rows == nil {
			n.rows = map[string]string{}
		}
		n.rows[string(kv.Key)] = string(kv.Value)
	}
}

func number(value string) int {
	digits, _, _ := strings.Cut(strings.TrimPrefix(value, "v"), ".")
	n, _ := strconv.Atoi(digits)
	return n
}

// SendUserMessage carries a message to another node.
func (n *trioNode) SendUserMessage(pid *actor.PID, message any) {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message
	}
	kind, _, pieces, ok := messages.Codec{}.Encode(message)
	if !ok {
		n.t.Errorf("a %T can't leave node %d", message, n.id)
		return
	}
	switch m := message.(type) {
	case *messages.SnapshotPart:
		n.parts++
		if m.Number > n.acked+1 {
			n.t.Errorf("part %d is sent when %d have arrived", m.Number, n.acked)
		}
		if m.Number == 0 {
			n.acked = 0
		}
	case *messages.SnapshotAck:
		n.acked = m.Next
	case *messages.Step:
		n.steps++
	}
	if n.lose != nil && n.lose(message) {
		return
	}
	payload := slices.Concat(pieces...)
	to := n.nodes[pid.Address[0]-'1']
	delay := time.Millisecond
	if s, ok := message.(*messages.Step); ok && len(s.Message.GetEntries()) > 0 {
		n.late += n.slow
		delay += n.late
	}
	n.st.AfterFunc(delay, func() {
		if n.cut == n.id || n.cut == to.id {
			return
		}
		m, err := messages.Codec{}.Decode(kind, payload)
		if err != nil {
			n.t.Error(err)
			return
		}
		to.sys.Root().Send(to.sys.Actors().NewLocalPID(pid.Id), m)
	})
}

// SendSystemMessage does nothing.
func (n *trioNode) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing.
func (n *trioNode) Stop(*actor.PID) {}

func (n *trioNode) serves() bool { return n.led != nil && n.led.Leader.Coordinator != nil }

func (n *trioNode) tell(m any) { n.sys.Root().Send(n.replica, m) }

// ask asks the node's coordinator, which must lead.
func (n *trioNode) ask(slot uint64, body string) {
	n.t.Helper()
	n.sys.Root().Send(n.led.Leader.Coordinator, &messages.Coordinate{Body: body, Reply: messages.ReplyTo{PID: n.client, Slot: slot}})
	n.until(fmt.Sprintf("request %d is answered", slot), func() bool { return n.replies[slot] != nil })
	if err := n.replies[slot].Err; err != nil {
		n.t.Fatal(err)
	}
}

// isolate cuts a node off, and heal ends that.
func (g *trio) isolate(n *trioNode) {
	g.cut = n.id
	for _, other := range g.nodes {
		if other != n {
			other.tell(&messages.NodeDown{Node: n.id})
			n.tell(&messages.NodeDown{Node: other.id})
		}
	}
}

func (g *trio) heal(n *trioNode) {
	g.cut = 0
	for _, other := range g.nodes {
		if other != n {
			other.tell(&messages.NodeUp{Node: n.id})
			n.tell(&messages.NodeUp{Node: other.id})
		}
	}
}

// rise commits rows with numbers in [from, to).
func (n *trioNode) rise(from, to int) {
	n.t.Helper()
	for i := from; i < to; i++ {
		n.ask(uint64(2*i+1), fmt.Sprintf("k%d=v%d.%s", i%40, i, strings.Repeat("x", 300_000)))
		n.ask(uint64(2*i+2), fmt.Sprintf("often=v%d.", i))
	}
}

func (g *trio) same(a, b *trioNode) bool {
	if len(a.rows) != len(b.rows) {
		return false
	}
	for k, v := range a.rows {
		if b.rows[k] != v {
			return false
		}
	}
	return true
}

// A replica that was away while the log was replaced by a snapshot of the rows gets them in parts. What it tells of them never goes back to an older row, though the log behind
// the snapshot begins before the rows do.
func TestRowsOfASnapshot(t *testing.T) {
	for name, lose := range map[string]func() func(m any) bool{
		"everything arrives": func() func(any) bool { return nil },
		"one part is lost": func() func(any) bool {
			lost := false
			return func(m any) bool {
				p, ok := m.(*messages.SnapshotPart)
				if !ok || p.Number != 6 || lost {
					return false
				}
				lost = true
				return true
			}
		},
		"an acknowledgement is lost": func() func(any) bool {
			lost := false
			return func(m any) bool {
				a, ok := m.(*messages.SnapshotAck)
				if !ok || a.Next < 6 || lost {
					return false
				}
				lost = true
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTrio(t, 60)
			leader, away := g.nodes[0], g.nodes[2]
			leader.rise(0, 5)
			g.until("all have the rows", func() bool { return g.same(leader, away) })
			g.isolate(away)
			leader.rise(5, 100)
			g.pass(time.Second)
			if s, _, _ := leader.store.Chunk(1, 0); s.Index == 0 {
				t.Fatal("no snapshot was made")
			}
			g.lose, g.slow = lose(), 70*time.Millisecond // slow enough that the rows are read while the log behind them is not there yet
			reloads := away.reloads
			g.heal(away)
			g.until("it has caught up", func() bool { return g.same(leader, away) })
			if g.parts < 4 || away.reloads == reloads {
				t.Errorf("%d parts, %d reloads", g.parts, away.reloads-reloads)
			}
			g.slow, g.late = 0, 0
			leader.rise(100, 103)
			g.until("it follows", func() bool { return g.same(leader, away) })
		})
	}
}
