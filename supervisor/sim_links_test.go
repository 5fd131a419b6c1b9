package supervisor

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

var _ network = (*simLinks)(nil)

// simLinks are the links of one process in the simulation. They keep to what actors/link promises, and decide by the same times.
type simLinks struct {
	net    *simNet
	node   *simNode
	life   int
	system *actors.System
	hello  link.Hello
	pid    *actor.PID
	owner  *actor.PID
	peers  map[kafka.BrokerID]*simPeer
	// remotes are what PIDs lead to, by their address; none is taken out.
	remotes map[string]*simRemote
}

// A simPeer is what a process knows of another node.
type simPeer struct {
	remote  *simRemote
	address string
	dialing int        // the number of the call in progress, 0 for none
	hello   link.Hello // of the process that the wire leads to
	up      bool
	ticked  time.Time
	pause   time.Duration

	heard     time.Time
	heardFrom uint64
	heardUs   time.Time
}

const (
	simSilentMax    = 600 * time.Millisecond
	simBeatEvery    = 100 * time.Millisecond
	simHandshakeMax = 2 * time.Second
)

// What the actor of the links hears.
type (
	simAnnounce struct{}
	simSetPeers struct{ peers map[kafka.BrokerID]string }
	simTick     struct{}
	simBeat     struct {
		hello   link.Hello
		hearsUs bool
	}
	simGreeted struct{ hello link.Hello }
	simRedial  struct{ node kafka.BrokerID }
	simDialed  struct {
		node   kafka.BrokerID
		number int
		to     *simLinks // nil where there was no answer
		hello  link.Hello
		err    error
	}
	simBroken struct{ wire *simWire }
	simMended struct {
		wire *simWire
		lane *simLane
	}
	simLate struct {
		remote *simRemote
		lane   actors.Lane
		frame  simFrame
	}
)

var (
	errSimRefused = errors.New("connection refused")
	errSimTimeout = errors.New("no answer came in time")
)

func startSimLinks(net *simNet, n *simNode, incarnation uint64) *simLinks {
	l := &simLinks{
		net: net, node: n, life: n.lives, system: n.system, owner: membershipOf(n.system, n.id, incarnation),
		hello: link.Hello{
			Cluster: n.cluster, Node: n.id, Store: n.storeID(), Incarnation: incarnation, Address: n.linkAddress(), Level: featureLevel, LeastLevel: leastLevel,
		},
		peers: map[kafka.BrokerID]*simPeer{}, remotes: map[string]*simRemote{},
	}
	var err error
	if l.pid, err = n.system.Spawn(nil, actors.Kind{Name: "links"}, "links", func() actor.Actor { return l }); err != nil {
		net.s.t.Fatal(err)
	}
	n.system.Actors().ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) {
		r := l.remotes[pid.Address]
		return r, r != nil
	})
	return l
}

// SetCluster has the process link with those of a cluster.
func (l *simLinks) SetCluster(id string) { l.hello.Cluster = id }

// SetPeers says with which nodes to keep links.
func (l *simLinks) SetPeers(peers map[kafka.BrokerID]string) {
	for node := range peers {
		if key := messages.AddressOf(node); l.remotes[key] == nil {
			l.remotes[key] = &simRemote{links: l, node: node}
		}
	}
	l.tell(&simSetPeers{maps.Clone(peers)})
}

// Announce tells once more who is up.
func (l *simLinks) Announce() { l.tell(&simAnnounce{}) }

// Probe asks who is at an address.
func (l *simLinks) Probe(address string, to *actor.PID) {
	l.call(address, true, func(_ *simLinks, hello link.Hello, err error) {
		l.system.Root().Send(to, &link.Met{Address: address, Hello: hello, Err: err})
	})
}

func (l *simLinks) alive() bool { return l.node.system == l.system }

func (l *simLinks) tell(message any) { l.system.Root().Send(l.pid, message) }

func (l *simLinks) after(d time.Duration, message any) { l.system.After(d, l.pid, message) }

func (l *simLinks) says(event any) { l.system.Root().Send(l.owner, event) }

// call goes to an address and comes back, or does not.
func (l *simLinks) call(address string, probe bool, done func(to *simLinks, hello link.Hello, err error)) {
	x, st := l.net, l.net.s.st
	fail := func(d time.Duration, err error) {
		st.AfterFunc(d, func() {
			if l.alive() {
				done(nil, link.Hello{}, err)
			}
		})
	}
	n := x.at(address)
	st.AfterFunc(x.delay(), func() {
		switch {
		case !x.passes(l.node.id, n.id) || !x.passes(n.id, l.node.id) || n.frozen:
			fail(simHandshakeMax, errSimTimeout)
		case n.system == nil:
			fail(x.delay(), errSimRefused)
		default:
			to, mine := n.links, l.hello
			theirs := to.hello
			err := simJudge(mine, theirs, probe)
			if err == nil && !probe {
				to.tell(&simGreeted{mine})
			}
			st.AfterFunc(x.delay(), func() {
				if l.alive() {
					done(to, theirs, err)
				}
			})
		}
	})
}

// simJudge is what a greeting comes to.
func simJudge(mine, theirs link.Hello, probe bool) error {
	switch {
	case mine.Cluster != "" && theirs.Cluster != "" && mine.Cluster != theirs.Cluster:
		return &link.Refused{Words: "it belongs to another cluster"}
	case !probe && (mine.Cluster == "" || theirs.Cluster == ""):
		return &link.Refused{Words: "it belongs to no cluster yet", Passing: true}
	}
	return nil
}

// Receive handles one message.
func (l *simLinks) Receive(ctx actor.Context) {
	now := l.system.Now()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.after(simBeatEvery, &simTick{})
	case *simSetPeers:
		l.setPeers(m.peers)
	case *simAnnounce:
		for _, id := range l.sorted() {
			if p := l.peers[id]; p.up {
				l.says(&link.Up{Peer: p.hello})
			}
		}
	case *simTick:
		for _, id := range l.sorted() {
			l.tick(l.peers[id], now)
		}
		l.after(simBeatEvery, m)
	case *simRedial:
		if p := l.peers[m.node]; p != nil {
			l.dial(p)
		}
	case *simDialed:
		if p := l.peers[m.node]; p != nil && p.dialing == m.number {
			l.dialed(p, m, now)
		}
	case *simGreeted:
		l.says(&link.Met{Address: m.hello.Address, Hello: m.hello})
		if p := l.peers[m.hello.Node]; p != nil {
			if p.remote.wire != nil && p.hello.Incarnation != m.hello.Incarnation {
				l.down(p, "it was restarted", false)
			}
			p.pause = 0
			l.dial(p)
		}
	case *simBeat:
		if p := l.peers[m.hello.Node]; p != nil {
			l.beat(p, m, now)
		}
	case *simBroken:
		if p := l.peers[m.wire.to.node.id]; p != nil && p.remote.wire == m.wire {
			l.dial(p) // whether that is refused says what has become of it
		} else {
			m.wire.end()
		}
	case *simMended:
		m.lane.broken = false
		if p := l.peers[m.wire.to.node.id]; p != nil && p.remote.wire == m.wire {
			l.says(&link.Lost{Node: p.remote.node})
			m.wire.pump(m.lane)
		}
	case *simLate:
		if m.remote.wire != nil {
			m.remote.wire.send(m.lane, m.frame)
		}
	}
}

func (l *simLinks) sorted() []kafka.BrokerID { return slices.Sorted(maps.Keys(l.peers)) }

func (l *simLinks) setPeers(wanted map[kafka.BrokerID]string) {
	for _, id := range l.sorted() {
		if _, ok := wanted[id]; !ok {
			l.down(l.peers[id], "it is no peer any more", false)
			delete(l.peers, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		p := l.peers[id]
		if p == nil {
			p = &simPeer{remote: l.remotes[messages.AddressOf(id)]}
			l.peers[id] = p
		}
		if p.address != wanted[id] {
			p.address = wanted[id]
			l.dial(p)
		}
	}
}

// dial calls a peer, unless a call is in progress, or leads to the process that there is.
func (l *simLinks) dial(p *simPeer) {
	if p.dialing != 0 || p.remote.wire != nil && p.remote.wire.to.alive() {
		return
	}
	l.net.s.result.calls++
	number := l.net.s.result.calls
	p.dialing = number
	l.call(p.address, false, func(to *simLinks, hello link.Hello, err error) {
		l.tell(&simDialed{p.remote.node, number, to, hello, err})
	})
}

func (l *simLinks) dialed(p *simPeer, m *simDialed, now time.Time) {
	p.dialing = 0
	var refused *link.Refused
	switch {
	case errors.As(m.err, &refused):
		l.down(p, refused.Words, false)
	case errors.Is(m.err, errSimRefused):
		l.down(p, "its process is gone", true)
	}
	if m.err != nil {
		p.pause = min(max(2*p.pause, 20*time.Millisecond), 500*time.Millisecond)
		l.after(p.pause, &simRedial{p.remote.node})
		return
	}
	if p.remote.wire != nil {
		if p.hello.Incarnation == m.hello.Incarnation {
			return
		}
		l.down(p, "it was restarted", false)
	}
	for _, w := range append([]*simWire(nil), l.net.wires...) {
		if w.from.node == l.node && w.to.node.id == p.remote.node { // what an earlier process of this node has sent ends before this one's begins
			w.end()
		}
	}
	p.hello, p.pause = m.hello, 0
	p.remote.wire = &simWire{net: l.net, from: l, to: m.to}
	l.net.wires = append(l.net.wires, p.remote.wire)
	l.heartbeat(p, now)
	l.rise(p, now)
}

func (l *simLinks) beat(p *simPeer, m *simBeat, now time.Time) {
	first := !p.hears(now) || p.heardFrom != m.hello.Incarnation
	p.heard, p.heardFrom = now, m.hello.Incarnation
	if first {
		l.heartbeat(p, now)
	}
	if p.remote.wire == nil || p.hello.Incarnation != m.hello.Incarnation {
		return
	}
	switch {
	case m.hearsUs:
		p.heardUs = now
		l.rise(p, now)
	case p.up:
		l.fall(p, "it does not hear this node any more")
	}
}

func (p *simPeer) hears(now time.Time) bool {
	return !p.heard.IsZero() && now.Sub(p.heard) <= simSilentMax
}

func (l *simLinks) heartbeat(p *simPeer, now time.Time) {
	if w := p.remote.wire; w != nil {
		w.send(actors.Control, simFrame{beat: &simBeat{l.hello, p.hears(now) && p.heardFrom == p.hello.Incarnation}})
	}
}

func (l *simLinks) rise(p *simPeer, now time.Time) {
	if p.up || p.remote.wire == nil || p.heardUs.IsZero() || now.Sub(p.heardUs) > simSilentMax {
		return
	}
	p.up = true
	l.says(&link.Up{Peer: p.hello})
}

func (l *simLinks) fall(p *simPeer, reason string) {
	l.down(p, reason, false)
	l.dial(p)
}

func (l *simLinks) down(p *simPeer, reason string, gone bool) {
	p.remote.drop()
	p.dialing, p.heardUs = 0, time.Time{}
	if p.up {
		p.up = false
		l.says(&link.Down{Node: p.remote.node, Incarnation: p.hello.Incarnation, Reason: reason, Gone: gone})
	}
}

func (l *simLinks) tick(p *simPeer, now time.Time) {
	if !p.ticked.IsZero() && now.Sub(p.ticked) > simSilentMax/2 { // this node was frozen
		for _, at := range []*time.Time{&p.heard, &p.heardUs} {
			if !at.IsZero() {
				*at = now
			}
		}
	}
	p.ticked = now
	l.heartbeat(p, now)
	switch {
	case p.up && !p.hears(now):
		l.fall(p, "nothing was heard of it")
	case p.up && now.Sub(p.heardUs) > simSilentMax:
		l.fall(p, "it has not heard this node")
	}
}
