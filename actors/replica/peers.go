package replica

import (
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// peers are the other replicas of the partition, and the nodes that they are on.
type peers struct {
	own   kafka.BrokerID
	name  string
	nodes map[uint64]kafka.BrokerID // by raft id; of one that the metadata does not name yet, from where it has sent
	live  map[kafka.BrokerID]bool
	full  []kafka.BrokerID      // nodes with full disks
	out   []kafka.BrokerID      // nodes on which the partition's replica has failed for good
	pids  map[uint64]*actor.PID // what was sent to
}

func newPeers(o *Options) peers {
	p := peers{
		own: o.Broker, name: messages.ReplicaName(o.Partition.Number), nodes: map[uint64]kafka.BrokerID{}, live: map[kafka.BrokerID]bool{},
		pids: map[uint64]*actor.PID{}, full: o.Full, out: o.OutOfService,
	}
	p.setLive(o.Live)
	p.set(o.Members)
	return p
}

// setLive takes over which other nodes are there.
func (p *peers) setLive(nodes []kafka.BrokerID) {
	clear(p.live)
	for _, node := range nodes {
		p.live[node] = true
	}
}

// set takes over where the metadata says that replicas are.
func (p *peers) set(m *messages.Members) {
	for id, node := range m.Nodes {
		p.heard(id, node)
	}
}

// heard notes where a replica is.
func (p *peers) heard(id uint64, node kafka.BrokerID) {
	if p.nodes[id] != node {
		p.nodes[id] = node
		delete(p.pids, id)
	}
}

// pid returns the actor of a replica, nil where nobody knows where it is.
func (p *peers) pid(id uint64) *actor.PID {
	if pid := p.pids[id]; pid != nil {
		return pid
	}
	node, ok := p.nodes[id]
	if !ok || node == p.own {
		return nil
	}
	pid := actors.At(messages.AddressOf(node), p.name)
	p.pids[id] = pid
	return pid
}

// on returns the replicas on a node.
func (p *peers) on(node kafka.BrokerID) (ids []uint64) {
	for _, id := range slices.Sorted(maps.Keys(p.nodes)) {
		if p.nodes[id] == node {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *peers) liveNodes() []kafka.BrokerID { return slices.Sorted(maps.Keys(p.live)) }

// liveReplicas are those of other nodes that are there, and not out of service. Where a node has had several it is the last one: the others were lost with their disk, or removed.
func (p *peers) liveReplicas() (ids []uint64) {
	last := map[kafka.BrokerID]uint64{}
	for id, node := range p.nodes {
		last[node] = max(last[node], id)
	}
	for _, id := range slices.Sorted(maps.Keys(p.nodes)) {
		if node := p.nodes[id]; p.live[node] && id == last[node] && !slices.Contains(p.out, node) {
			ids = append(ids, id)
		}
	}
	return ids
}

// fullReplicas are those on nodes with full disks, that of this node among them.
func (p *peers) fullReplicas(own uint64) (ids []uint64) {
	for _, id := range slices.Sorted(maps.Keys(p.nodes)) {
		if id != own && slices.Contains(p.full, p.nodes[id]) {
			ids = append(ids, id)
		}
	}
	if slices.Contains(p.full, p.own) {
		ids = append(ids, own)
	}
	return ids
}

// brokers are the nodes of replicas, in ascending order.
func (p *peers) brokers(ids []uint64) (out []kafka.BrokerID) {
	for _, id := range ids {
		if node, ok := p.nodes[id]; ok && !slices.Contains(out, node) {
			out = append(out, node)
		}
	}
	slices.Sort(out)
	return out
}

// areOthers tells whether any other node has a replica.
func (p *peers) areOthers() bool {
	for _, node := range p.nodes {
		if node != p.own {
			return true
		}
	}
	return false
}
