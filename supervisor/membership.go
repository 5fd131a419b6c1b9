package supervisor

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A network is how a node reaches others: actors/link, or what stands for it in a simulation.
type network interface {
	// SetCluster says which cluster the node belongs to. From then on it links with nodes of that cluster.
	SetCluster(id string)
	// SetPeers says with which nodes to keep links, and where they are.
	SetPeers(map[kafka.BrokerID]string)
	// Announce has the node told once more which others are up: *link.Up for each of them.
	Announce()
	// Probe asks who is at an address. The answer, a *link.Met, goes to the actor.
	Probe(address string, to *actor.PID)
}

// membership is a node's part in a cluster: it finds the cluster, or founds it, and keeps the links with the other nodes. Who comes and goes it
// tells the directory and the replicas.
type membership struct {
	b    *builder
	node *actor.PID
	self *actor.PID
	*known
}

// known is what membership knows, and goes on with after a panic.
type known struct {
	began      time.Time
	cluster    string
	replica    uint64
	joining    bool
	met        map[string]*link.Met // the newest answer of each seed
	complained time.Time
	strangers  map[string]time.Time // seeds that are nodes of another cluster: when that was said last

	peers   map[kafka.BrokerID]string // as the network was told
	knocked map[kafka.BrokerID]string // nodes that said where they are before the metadata did
	up      map[kafka.BrokerID]*link.Up

	missed any // the message at which the last incarnation panicked
}

// newMembership returns what makes the actor, each time with what it knew before.
func newMembership(b *builder, node *actor.PID) func() actor.Actor {
	k := &known{
		began: b.system.Now(), met: map[string]*link.Met{}, strangers: map[string]time.Time{}, peers: map[kafka.BrokerID]string{}, knocked: map[kafka.BrokerID]string{}, up: map[kafka.BrokerID]*link.Up{},
	}
	return func() actor.Actor { return &membership{b: b, node: node, known: k} }
}

// What membership says to itself, and hears from the directory.
type (
	lookAround struct{}
	joined     struct {
		cluster string
		replica uint64
		err     error
	}
	imageChanged struct{}
)

const (
	lookEvery = 250 * time.Millisecond
	// lookRarely is lookEvery for a node that has its cluster's metadata, which names all others.
	lookRarely    = 10 * time.Second
	complainEvery = 10 * time.Second
	// strangerWithin is how long after its start a node ends because a seed belongs to another cluster. Later it says so, each strangerEvery.
	strangerWithin = 10 * time.Second
	strangerEvery  = time.Minute
)

// Receive handles one message.
func (p *membership) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); ok {
		p.self = ctx.Self()
		p.start()
		missed := p.missed
		p.missed = nil
		p.handle(missed)
		return
	}
	p.handle(ctx.Message())
}

// Failed keeps the message for the next incarnation, which handles it before all others: nobody says it again. It is given up where that panics, too.
func (p *membership) Failed(_ *actors.Panic, message any) {
	if _, ok := message.(*lookAround); !ok { // it does so as it starts
		p.missed = message
	}
}

func (p *membership) handle(message any) {
	switch m := message.(type) {
	case *lookAround:
		p.look()
	case *link.Met:
		p.meet(m)
	case *joined:
		p.join(m)
	case *imageChanged:
		p.link()
	case *link.Up:
		p.up[m.Peer.Node] = m
		p.linkedWith(m.Peer.Node, m.Peer.Store)
		p.tell(&messages.NodeUp{Node: m.Peer.Node})
	case *link.Lost:
		p.tell(&messages.NodeLost{Node: m.Node})
		p.send(p.b.sessions, &messages.NodeLost{Node: m.Node})
	case *link.Down:
		delete(p.up, m.Node)
		p.linkedWith(m.Node, "")
		down := &messages.NodeDown{Node: m.Node}
		if m.Gone {
			down.Gone = m.Incarnation
		}
		p.tell(down)
		p.send(p.b.sessions, down)
	case *messages.Announce:
		p.tell(&messages.NodesUp{Nodes: slices.Sorted(maps.Keys(p.up))})
	}
}

func (p *membership) linkedWith(id kafka.BrokerID, store string) {
	if p.b.o.LinkedWith != nil {
		p.b.o.LinkedWith(id, store)
	}
}

func (p *membership) tell(message any) {
	p.send(p.b.directory, message)
	p.send(p.b.partitions, message)
}

func (p *membership) send(to *actor.PID, message any) { p.b.system.Root().Send(to, message) }

// start goes on as what the folder says the node is. One that belongs to a cluster has everything it needs to take part; an empty one looks for its cluster.
func (p *membership) start() {
	o := &p.b.o
	switch {
	case p.cluster != "": // again
		p.enter(p.cluster, p.replica)
		if o.Network != nil {
			o.Network.Announce()
		}
	case p.joining: // the answer is to come
	case o.ClusterID != "":
		p.enter(o.ClusterID, o.Replica)
	case o.Network == nil || len(p.seeds()) == 0:
		p.found()
	}
	p.look()
}

func (p *membership) seeds() []string {
	if p.b.o.Network == nil {
		return nil
	}
	return p.b.o.Settings.List("seeds")
}

// look asks the seeds who they are: until the node has found its cluster, and after that, less often in the end, until each of them is known by its id.
func (p *membership) look() {
	again := p.cluster == ""
	for _, seed := range p.seeds() {
		if m := p.met[seed]; p.cluster == "" || m == nil || m.Err != nil || m.Hello.Cluster != p.cluster {
			p.b.o.Network.Probe(seed, p.self)
			again = true
		}
	}
	if again && p.b.o.Network != nil {
		every := lookEvery
		if p.b.router.View().Complete {
			every = lookRarely
		}
		p.b.system.After(every, p.self, &lookAround{})
	}
}

func (p *membership) meet(m *link.Met) {
	var refused *link.Refused
	if errors.As(m.Err, &refused) && p.cluster != "" && (refused.Final || !refused.Passing && !p.b.router.View().Complete) {
		p.b.o.Failed(fmt.Errorf("the cluster does not take this node: %w", refused))
		return
	}
	if !slices.Contains(p.seeds(), m.Address) {
		if m.Err == nil && m.Hello.Cluster == p.cluster && p.cluster != "" {
			p.knocked[m.Hello.Node] = m.Hello.Address
			p.link()
		}
		return
	}
	p.met[m.Address] = m
	if p.cluster != "" {
		p.checkCluster(m)
		p.link()
		return
	}
	if p.joining {
		return
	}
	v := judge(link.Hello{Node: p.b.o.NodeID, Store: p.b.o.StoreID}, p.seeds(), p.met)
	switch {
	case v.err != nil:
		p.b.o.Failed(v.err)
		p.joining = true
	case v.join != "":
		level.Info(p.b.system.Logger()).Log("msg", "joining the cluster of the seeds", "cluster", v.join)
		p.become(v.join, 0)
	case v.found:
		p.found()
	default:
		p.complain(v)
	}
}

// checkCluster ends a node that has come with the data of one cluster to the seeds of another. One that has been there for a while goes on: it is the seed that is wrong.
func (p *membership) checkCluster(m *link.Met) {
	other, now := m.Hello.Cluster, p.b.system.Now()
	switch said, again := p.strangers[m.Address]; {
	case other == "" || other == p.cluster:
	case now.Sub(p.began) < strangerWithin:
		p.b.o.Failed(fmt.Errorf("the data folder belongs to cluster %s, and the node at %s to cluster %s: a node joins another cluster only with an empty data folder", p.cluster, m.Address, other))
	case !again || now.Sub(said) >= strangerEvery:
		p.strangers[m.Address] = now
		level.Error(p.b.system.Logger()).Log("msg", "a seed is a node of another cluster; correct the seeds of this node, or what runs there", "seed", m.Address, "node", m.Hello.Node, "its_cluster", other, "cluster", p.cluster)
	}
}

// complain says, now and then, what the node waits for.
func (p *membership) complain(v verdict) {
	now := p.b.system.Now()
	if p.complained.IsZero() { // the first look is not worth a line
		p.complained = now
	}
	if now.Sub(p.complained) >= complainEvery {
		p.complained = now
		level.Warn(p.b.system.Logger()).Log("msg", "the data folder is empty, and whether to found a cluster or to join one is not known yet", "waiting_for", v.wait, "seeds", strings.Join(v.seeds, ", "))
	}
}

// found makes the node the first of a new cluster, and the first voter of its metadata.
func (p *membership) found() {
	nonce := p.b.system.Nonce()
	id := base64.RawURLEncoding.EncodeToString(nonce[:])
	level.Info(p.b.system.Logger()).Log("msg", "founding a cluster", "cluster", id)
	p.become(id, metadata.FounderRaftID)
}

// become has the data folder belong to a cluster.
func (p *membership) become(cluster string, replica uint64) {
	p.joining = true
	join := p.b.o.Join
	p.b.system.Work(p.self, func() any { return &joined{cluster, replica, join(cluster, replica)} })
}

func (p *membership) join(m *joined) {
	if m.err != nil {
		p.b.o.Failed(m.err)
		return
	}
	p.enter(m.cluster, m.replica)
}

// enter is called once it is known which cluster the node is of.
func (p *membership) enter(cluster string, replica uint64) {
	p.cluster = cluster
	if p.b.o.Network != nil {
		p.b.o.Network.SetCluster(cluster)
		p.link()
	}
	p.send(p.node, &belongs{cluster, replica})
}

// link keeps links with the nodes that the metadata names, with those that said where they are, and with the seeds.
func (p *membership) link() {
	if p.b.o.Network == nil || p.cluster == "" {
		return
	}
	peers := map[kafka.BrokerID]string{}
	for _, seed := range p.seeds() {
		if m := p.met[seed]; m != nil && m.Err == nil && m.Hello.Cluster == p.cluster {
			peers[m.Hello.Node] = seed
		}
	}
	view := p.b.router.View()
	for _, b := range view.Image.Brokers() {
		if b.Link != "" {
			peers[b.ID] = b.Link
		}
	}
	for id, address := range p.knocked {
		if b := view.Image.Broker(id); b != nil && b.Link == address {
			delete(p.knocked, id) // the metadata knows it by now
			continue
		}
		peers[id] = address // newer than what the metadata says
	}
	for id, up := range p.up {
		if view.Image.Broker(id).Refusal(up.Peer.Store) != nil {
			delete(peers, id) // it came before it was known that it was given up; when it calls again it is told
		}
	}
	delete(peers, p.b.o.NodeID)
	if !maps.Equal(peers, p.peers) {
		p.peers = peers
		p.b.o.Network.SetPeers(peers)
	}
}
