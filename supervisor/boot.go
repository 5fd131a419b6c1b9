package supervisor

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/messages"
	"troupe/actors/session"
	"troupe/partition/metadata"
)

// node is the top of the tree. It does what has to be done in an order until the node serves:
//
//	it belongs to a cluster (membership) ─► its replicas run ─► the controller registers it, fenced ─► its view has its own registration, and with it
//	all that was committed before ─► its partitions are led ─► its listener is open ─► the controller registers it as one that serves
type node struct {
	b       *builder
	self    *actor.PID
	ctx     actor.Context
	next    func(value any, err error) // with the answer that is waited for
	slot    uint64
	replica uint64 // the raft id of the metadata's replica here, 0 until it is known
	begun   bool
	serving bool
	leaving bool // it is about to end
	waits   wait // where it does not serve yet: for what
}

// What the top of the tree hears, beside answers.
type (
	// belongs says which cluster the node is of.
	belongs struct {
		cluster string
		replica uint64
	}
	// holdsReplica says that the data folder knows the raft id of the metadata's replica.
	holdsReplica struct {
		replica uint64
		err     error
	}
	// askReplica asks for holdsReplica, where that is known.
	askReplica struct{}
	// listening says that the listener is open.
	listening struct {
		socket net.Listener
		err    error
	}
	// tooLate says that an answer has not come in time.
	tooLate struct{ slot uint64 }
	again   struct{ do func() }
	// stillWaiting says that the node may not serve yet after a while.
	stillWaiting struct{}
	// leaving says that the node is about to end, and fenced by its own wish.
	leaving struct{}
)

const (
	registerWithin = 2 * time.Second
	registerPause  = 100 * time.Millisecond
	leadersWithin  = 3 * time.Second
)

// Receive handles one message.
func (n *node) Receive(ctx actor.Context) {
	n.ctx = ctx
	switch m := ctx.Message().(type) {
	case *actor.Started:
		n.self = ctx.Self()
		n.spawn(actors.Kind{Name: "membership", Prompt: true}, "membership", newMembership(n.b, n.self))
	case *belongs:
		n.begin(m)
	case *messages.Reply:
		n.heard(m.Slot, m.Value, m.Err)
	case *tooLate:
		n.heard(m.slot, nil, errTooLate)
	case *again:
		m.do()
	case *holdsReplica:
		n.holds(m)
	case *askReplica:
		if n.replica != 0 {
			ctx.Send(n.b.partitions, &holdsReplica{replica: n.replica})
		}
	case *listening:
		n.listens(m)
	case *stillWaiting:
		n.complain()
	case *leaving:
		n.leaving = true
	case *actor.Stopping:
		n.b.o.Failed(errTreeEnded)
	}
}

var (
	// errTreeEnded says that the top of the tree is gone. That is so at the end of an orderly shutdown too, when nobody asks.
	errTreeEnded = errors.New("the top of the actor tree has ended; the log has its panic")
	errTooLate   = errors.New("there was no answer in time")
)

func (n *node) spawn(kind actors.Kind, name string, producer func() actor.Actor) {
	if _, err := n.b.system.Spawn(n.ctx, kind, name, producer); err != nil {
		panic(err)
	}
}

// expect returns where the next answer goes.
func (n *node) expect(next func(value any, err error)) messages.ReplyTo {
	n.slot++
	n.next = next
	return messages.ReplyTo{PID: n.self, Slot: n.slot}
}

func (n *node) heard(slot uint64, value any, err error) {
	if slot == n.slot && n.next != nil {
		next := n.next
		n.next = nil
		next(value, err)
	}
}

func (n *node) await(holds func(*messages.View) bool, then func()) {
	n.ctx.Send(n.b.directory, &awaitView{holds: holds, reply: n.expect(func(_ any, err error) {
		if err != nil { // the directory was restarted
			n.await(holds, then)
			return
		}
		then()
	})})
}

// begin starts what a member of a cluster has.
func (n *node) begin(m *belongs) {
	b := n.b
	if n.begun {
		return
	}
	n.begun = true
	n.replica = m.replica
	b.system.After(complainEvery, n.self, &stillWaiting{})
	n.spawn(actors.Kind{Name: "directory", Batching: true}, "directory", func() actor.Actor { return newDirectory(b) })
	b.env = api.NewEnv(b.apiOptions())
	n.spawn(actors.Kind{Name: "partitions"}, "partitions", func() actor.Actor { return &partitions{b: b, cluster: m.cluster, replica: m.replica} })
	n.spawn(actors.Kind{Name: "balance"}, "balance", func() actor.Actor { return &balance{b: b} })
	n.register(metadata.Broker{Fenced: true}, func(id uint64) {
		if n.replica != 0 {
			n.registered()
			return
		}
		b.system.Work(n.self, func() any { return &holdsReplica{id, b.o.Join(m.cluster, id)} })
	})
}

// holds goes on once the folder knows which replica of the metadata it holds.
func (n *node) holds(m *holdsReplica) {
	if m.err != nil {
		n.b.o.Failed(m.err)
		return
	}
	n.replica = m.replica
	n.b.system.Root().Send(n.b.partitions, m)
	n.registered()
}

// registered waits until the view has all that was committed before the node registered, and then until its partitions are led.
func (n *node) registered() {
	b := n.b
	n.waits = forRegistration
	n.await(func(v *messages.View) bool { return v.Complete }, func() {
		b.system.Root().Send(b.partitions, &dropOrphans{})
		n.waits = forLeaders
		n.awaitLeaders(b.system.Now().Add(leadersWithin))
	})
}

// awaitLeaders waits until the node's partitions are led. In a cluster it does not wait for long: others of their nodes may be down.
func (n *node) awaitLeaders(until time.Time) {
	system, alone := n.b.system, n.b.o.Network == nil
	q := &awaitView{holds: func(v *messages.View) bool { return isServing(v, n.b.o.NodeID) }}
	if !alone {
		q.within = max(1, until.Sub(system.Now()))
	}
	q.reply = n.expect(func(_ any, err error) {
		if err != nil && (alone || system.Now().Before(until)) { // the directory was restarted
			n.awaitLeaders(until)
			return
		}
		n.open()
	})
	n.ctx.Send(n.b.directory, q)
}

// open opens the listener: the partitions are led, or those that are not have been waited for.
func (n *node) open() {
	listen := n.b.o.Listen
	if listen == nil {
		n.listens(&listening{})
		return
	}
	n.b.system.Work(n.self, func() any {
		socket, err := listen()
		return &listening{socket, err}
	})
}

// listens tells the controller where clients find this node.
func (n *node) listens(m *listening) {
	if m.err != nil {
		n.b.o.Failed(fmt.Errorf("open the listener for Kafka's clients: %w", m.err))
		return
	}
	me, err := n.b.me(m.socket)
	if err != nil {
		n.b.o.Failed(err)
		return
	}
	n.enlist(me, func() { n.serve(m.socket) })
}

// enlist registers the node as one that serves, and does so again whenever the others have fenced it because they could not reach it for a while.
func (n *node) enlist(me metadata.Broker, then func()) {
	n.register(me, func(uint64) {
		n.waits = forRegistration
		n.await(func(v *messages.View) bool { return n.isMe(v, false) }, func() {
			then()
			n.await(func(v *messages.View) bool { return n.isMe(v, true) }, func() {
				if n.leaving {
					return
				}
				level.Info(n.b.system.Logger()).Log("msg", "this node was fenced, because others could not reach it; it registers again")
				n.enlist(me, func() {})
			})
		})
	})
}

// isMe tells whether a view has the registration of this run of the node, fenced or not.
func (n *node) isMe(v *messages.View, fenced bool) bool {
	b := v.Image.Broker(n.b.o.NodeID)
	return b != nil && b.Incarnation == n.b.o.Incarnation && b.Fenced == fenced
}

// register tells the controller about this node, until it takes it. Who is not a member of the cluster yet gets a raft id for its replica of the metadata.
func (n *node) register(me metadata.Broker, then func(replica uint64)) {
	b := n.b
	me.ID, me.StoreID, me.Incarnation, me.Link, me.RaftID, me.Level = b.o.NodeID, b.o.StoreID, b.o.Incarnation, b.o.LinkAddress, n.replica, featureLevel
	n.waits = forController
	n.await(func(v *messages.View) bool { l, ok := v.Controller(); return ok && l.Coordinator != nil }, func() {
		l, ok := b.router.View().Controller()
		if !ok {
			n.register(me, then)
			return
		}
		to := n.expect(func(value any, err error) {
			if err == nil {
				then(value.(*metadata.Registered).RaftID)
				return
			}
			level.Warn(b.system.Logger()).Log("msg", "the controller does not register this node yet", "controller", l.Broker, "err", err)
			if isRefusal(err) {
				b.o.Failed(fmt.Errorf("the cluster does not take this node: %w", err))
				return
			}
			b.system.After(registerPause, n.self, &again{func() { n.register(me, then) }})
		})
		n.ctx.Send(l.Coordinator, &messages.Coordinate{Body: &metadata.RegisterBroker{Broker: me}, Broker: b.o.NodeID, Reply: to})
		b.system.After(registerWithin, n.self, &tooLate{to.Slot})
	})
}

// isRefusal tells whether a controller's error would be the same the next time.
func isRefusal(err error) bool {
	var k *kerr.Error
	return errors.As(err, &k) && !k.Retriable && k.Code != kerr.UnknownServerError.Code
}

func (n *node) serve(socket net.Listener) {
	n.serving = true
	if socket == nil {
		n.b.o.Ready(nil)
		return
	}
	s := n.b.o.Settings
	l, err := session.Listen(n.ctx, session.Options{
		Env: n.b.env, Socket: socket, RequestBytesMax: int(s.Int("socket.request.max.bytes")), QueuedBytesMax: s.Int("queued.max.request.bytes"),
		IdleMax: s.Millis("connections.max.idle.ms"), Limits: n.b.connectionLimits,
	})
	if err != nil {
		panic(err)
	}
	n.b.o.Ready(l)
}

// featureLevel is what this version can do that others may rely on. It grows when what nodes say to each other, or the metadata's rows, change in a way
// that an older version does not understand.
//
//	2  rows of partitions name the survivor of a recovery (metadata.SurvivorLevel)
const featureLevel = 2

// leastLevel is that of the oldest version beside which this one runs.
const leastLevel = 1
