package link

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/partition/kafka"
)

type (
	setPeers struct{ addresses map[kafka.BrokerID]string }
	announce struct{}
)

// top is the parent of all peers. It does what SetPeers says, and hands on what comes from nodes to the actors that are their peers.
type top struct {
	links  *Links
	wanted map[kafka.BrokerID]string
	peers  map[kafka.BrokerID]*entry
}

// An entry is a peer's actor. How often one that panics is made again the node's policies say.
type entry struct {
	pid      *actor.PID
	address  string
	stopping bool
}

// Receive handles one message.
func (t *top) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started: // after a panic too, when there are no peers any more
		t.wanted = t.links.peers()
		t.reconcile(ctx)
	case *setPeers:
		t.wanted = m.addresses
		t.reconcile(ctx)
	case *announce:
		for _, node := range slices.Sorted(maps.Keys(t.peers)) {
			ctx.Send(t.peers[node].pid, m)
		}
	case *actor.Terminated:
		for node, e := range t.peers {
			if e.stopping && e.pid.Id == m.Who.Id {
				delete(t.peers, node)
				t.reconcile(ctx)
				return
			}
		}
	case *greeted:
		t.links.tell(&Met{Address: m.hello.Address, Hello: m.hello})
		t.hand(ctx, m.hello.Node, m)
	case *arrivedAgain:
		t.hand(ctx, m.hello.Node, m)
	case *beat:
		t.hand(ctx, m.hello.Node, m)
	}
}

func (t *top) hand(ctx actor.Context, node kafka.BrokerID, message any) {
	if e := t.peers[node]; e != nil {
		ctx.Send(e.pid, message)
	}
}

// reconcile makes the peers those that are wanted. One that has to end first comes again when it has.
func (t *top) reconcile(ctx actor.Context) {
	for _, node := range slices.Sorted(maps.Keys(t.peers)) {
		if _, ok := t.wanted[node]; !ok && !t.peers[node].stopping {
			t.peers[node].stopping = true
			ctx.Stop(t.peers[node].pid)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(t.wanted)) {
		address := t.wanted[node]
		e := t.peers[node]
		switch {
		case e == nil:
			t.peers[node] = t.spawn(ctx, node, address)
		case e.address != address && !e.stopping:
			e.address = address
			ctx.Send(e.pid, &moved{address})
		}
	}
}

func (t *top) spawn(ctx actor.Context, node kafka.BrokerID, address string) *entry {
	remote := t.links.remote(node)
	pid, err := t.links.o.System.Spawn(ctx, actors.Kind{Name: "peer", Prompt: true}, fmt.Sprintf("peer-%d", node), func() actor.Actor {
		return &peer{links: t.links, remote: remote, address: cmp.Or(t.links.peers()[node], address)} // it may have moved since it was started first
	})
	if err != nil {
		panic(err)
	}
	return &entry{pid: pid, address: address}
}

// tell tells the owner.
func (l *Links) tell(event any) {
	if l.o.Owner != nil {
		l.o.System.Root().Send(l.o.Owner, event)
	}
}
