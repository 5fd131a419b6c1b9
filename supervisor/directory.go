package supervisor

import (
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/coordinator"
	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A directory is the one that changes what the router shows: the rows of the metadata log as they are committed here, who leads what, and which nodes are
// there. What its own node leads it tells the directories of the others. It has no state but who waits; after a restart it has everybody say again
// what they said last.
type directory struct {
	b       *builder
	system  *actors.System
	router  *messages.Router
	self    *actor.PID
	waiting []*waiter
	came    bool // some of them just now
}

func newDirectory(b *builder) *directory { return &directory{b: b, system: b.system, router: b.router} }

// A waiter wants an answer once its condition holds, or its time is over.
type waiter struct {
	holds func(*messages.View) bool
	reply messages.ReplyTo
	timer actors.Timer // nil: it waits for as long as it takes
}

// What the directory hears beside coordinator.Committed, messages.Led, messages.AwaitLeaders, messages.AwaitLedBy and what other directories say.
type (
	// awaitView is answered once a condition holds, or its time is over.
	awaitView struct {
		holds  func(*messages.View) bool
		within time.Duration // 0: for as long as it takes
		reply  messages.ReplyTo
	}
	overdue struct{ w *waiter }
)

// Receive handles a backlog: whatever it holds becomes one new view.
func (d *directory) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.self = ctx.Self()
		d.system.Alias(messages.DirectoryName, d.self)
		for _, to := range []*actor.PID{d.b.partitions, d.b.membership} { // after a restart: the message at which it panicked is lost
			d.send(to, &messages.Announce{})
		}
		d.broadcast(d.router.View(), &messages.TellLeaders{Node: d.b.o.NodeID})
		d.watchDisk()
	case *actor.Stopped:
		d.system.Unalias(messages.DirectoryName, d.self)
	case *actors.Batch:
		d.handle(m)
	}
}

func (d *directory) handle(batch *actors.Batch) {
	was := d.router.View()
	view := was
	var led []messages.Led
	flush := func() { // what this node leads is told as one
		if len(led) > 0 {
			view = view.With(d.system.Now(), led...)
			d.broadcast(view, d.leaders(view, led))
			led = nil
		}
	}
	for message := range batch.All() {
		switch m := message.(type) {
		case *coordinator.Committed:
			next, err := view.After(m.Rows, m.Whole, m.Upto)
			if err != nil {
				panic(fmt.Errorf("the metadata log holds a row that can't be read: %w", err))
			}
			view = d.complete(next)
		case *messages.Led:
			led = append(led, *m)
		case *messages.Leaders:
			if view.IsLive(m.Node) { // what comes late from a node that is gone is not true any more
				view = view.Of(d.system.Now(), m)
			}
		case *messages.TellLeaders:
			flush()
			d.tellAll(view, m.Node)
		case *messages.NodeUp:
			flush()
			view = d.meet(view, m.Node)
		case *messages.NodeLost: // what the node has said meanwhile may be lost
			d.send(directoryOf(m.Node), &messages.TellLeaders{Node: d.b.o.NodeID})
		case *messages.NodesUp:
			flush()
			for _, node := range view.Others() {
				if !slices.Contains(m.Nodes, node) {
					view = view.Dead(node)
				}
			}
			for _, node := range m.Nodes {
				view = d.meet(view, node)
			}
		case *messages.NodeDown:
			if m.Gone != 0 {
				view = view.Gone(m.Node, m.Gone)
			} else {
				view = view.Dead(m.Node)
			}
		case *messages.DiskFull:
			flush()
			view = d.disk(view, m.Full)
		default:
			d.other(message)
		}
	}
	flush()
	if view.Upto != was.Upto {
		d.broadcast(view, d.leaders(view, nil))
	}
	if view != was {
		d.router.Set(view)
		d.changed(was, view)
	}
	if view != was || d.came {
		d.release()
	}
}

// meet takes in a node that is there: each tells the other what it leads.
func (d *directory) meet(view *messages.View, node kafka.BrokerID) *messages.View {
	view = view.Live(node)
	d.tellAll(view, node)
	d.send(directoryOf(node), &messages.TellLeaders{Node: d.b.o.NodeID})
	return view
}

// complete notes that the image has the row with which the node has registered: everything that was committed before it came is there.
func (d *directory) complete(view *messages.View) *messages.View {
	if me := view.Image.Broker(d.b.o.NodeID); view.Complete || me == nil || me.Incarnation != d.b.o.Incarnation {
		return view
	}
	next := *view
	next.Complete = true
	return &next
}

// changed tells those who go by the view.
func (d *directory) changed(was, view *messages.View) {
	d.send(d.b.balance, &viewChanged{})
	d.send(d.b.partitions, &viewChanged{})
	if view.Image != was.Image {
		d.send(d.b.membership, &imageChanged{})
	}
	controller, _ := view.Controller()
	before, _ := was.Controller()
	if view.Image != was.Image || !slices.Equal(controller.Voters, before.Voters) {
		d.send(d.b.partitions, &reconcile{})
	}
}

func directoryOf(node kafka.BrokerID) *actor.PID {
	return actors.At(messages.AddressOf(node), messages.DirectoryName)
}

// broadcast tells the directories of the other nodes that are there.
func (d *directory) broadcast(view *messages.View, message any) {
	for _, id := range view.Others() {
		d.send(directoryOf(id), message)
	}
}

// tellAll tells another node's directory what this node leads.
func (d *directory) tellAll(view *messages.View, node kafka.BrokerID) {
	d.send(directoryOf(node), d.allLeaders(view))
}

func (d *directory) send(to *actor.PID, message any) { d.system.Root().Send(to, message) }

func (d *directory) other(message any) {
	switch m := message.(type) {
	case *messages.AwaitLeaders:
		d.await(everywhere(len(m.Topics)+len(m.Gone) > 0, func(v *messages.View) bool { return areLed(v, m.Topics) && areGone(v, m.Gone) }), millis(m.TimeoutMillis), m.Reply)
	case *messages.AwaitLedBy:
		d.await(func(v *messages.View) bool { return areLedBy(v, m.Leaders) }, millis(m.TimeoutMillis), m.Reply)
	case *awaitView:
		if m.within > 0 {
			d.await(m.holds, m.within, m.reply)
		} else {
			d.add(&waiter{holds: m.holds, reply: m.reply})
		}
	case *overdue:
		if i := slices.Index(d.waiting, m.w); i >= 0 && !m.w.holds(d.router.View()) {
			d.waiting = slices.Delete(d.waiting, i, i+1)
			d.answer(m.w, kerr.RequestTimedOut)
		}
	}
}

func (d *directory) await(holds func(*messages.View) bool, within time.Duration, reply messages.ReplyTo) {
	w := &waiter{holds: holds, reply: reply}
	d.add(w)
	w.timer = d.system.After(within, d.self, &overdue{w})
}

func (d *directory) add(w *waiter) { d.waiting, d.came = append(d.waiting, w), true }

func millis(n int32) time.Duration { return time.Duration(max(0, n)) * time.Millisecond }

// release answers those whose condition holds by now.
func (d *directory) release() {
	view := d.router.View()
	d.came = false
	d.waiting = slices.DeleteFunc(d.waiting, func(w *waiter) bool {
		if !w.holds(view) {
			return false
		}
		d.answer(w, nil)
		return true
	})
}

// Failed answers everybody who waits, and who sent the message at which the actor panicked.
func (d *directory) Failed(_ *actors.Panic, message any) {
	switch m := message.(type) {
	case *messages.AwaitLeaders:
		d.answer(&waiter{reply: m.Reply}, kerr.RequestTimedOut)
	case *messages.AwaitLedBy:
		d.answer(&waiter{reply: m.Reply}, kerr.RequestTimedOut)
	case *awaitView:
		d.answer(&waiter{reply: m.reply}, kerr.RequestTimedOut)
	}
	for _, w := range d.waiting {
		d.answer(w, kerr.RequestTimedOut)
	}
	d.waiting = nil
}

func (d *directory) answer(w *waiter, err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	d.send(w.reply.PID, &messages.Reply{Slot: w.reply.Slot, Err: err})
}

// everywhere is the condition that holds once another does here and, where that is asked for, what it was seen by has reached all nodes that are there: a client that is told
// that a topic exists may ask any of them.
func everywhere(all bool, here func(*messages.View) bool) func(*messages.View) bool {
	seen := kafka.NoOffset
	return func(v *messages.View) bool {
		if !here(v) {
			return false
		}
		if seen == kafka.NoOffset {
			seen = v.Upto
		}
		return !all || v.AllHave(seen)
	}
}

// areLed tells whether all partitions of the topics have leaders. A topic that is gone is not waited for.
func areLed(v *messages.View, topics []kafka.TopicID) bool {
	for _, id := range topics {
		t := v.Image.TopicByID(id)
		if t == nil {
			continue
		}
		for _, p := range t.Partitions {
			if _, ok := v.LeaderOf(p.Number); !ok {
				return false
			}
		}
	}
	return true
}

func areLedBy(v *messages.View, leaders map[kafka.PartitionNumber]kafka.BrokerID) bool {
	for number, broker := range leaders {
		if l, ok := v.LeaderOf(number); !ok || l.Broker != broker {
			return false
		}
	}
	return true
}

func areGone(v *messages.View, topics []kafka.TopicID) bool {
	return !slices.ContainsFunc(topics, func(id kafka.TopicID) bool { return v.Image.TopicByID(id) != nil })
}

// isServing tells whether the controller and all partitions with a replica on a broker have leaders, but for those that are out of service.
func isServing(v *messages.View, broker kafka.BrokerID) bool {
	if !v.Complete {
		return false // what partitions there are is not known yet
	}
	if l, ok := v.Controller(); !ok || l.Coordinator == nil {
		return false
	}
	return !slices.ContainsFunc(leaderless(v, broker), func(number kafka.PartitionNumber) bool { return !v.IsOutOfService(number, broker) })
}

// leaderless returns the numbers of the partitions with a replica on a broker of which no leader is known.
func leaderless(v *messages.View, broker kafka.BrokerID) []kafka.PartitionNumber {
	return numbersWhere(v, func(p *metadata.Partition) bool {
		_, here := p.ReplicaOn(broker)
		_, led := v.LeaderOf(p.Number)
		return here && !led
	})
}
