package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A consumer that says where it stands (client.rack) reads from the nearest replica (KIP-392). The leader sends it there; and a node with a replica serves it, whether it
// leads or not. Who does not say where it stands is served by leaders alone.

// near has the node's own replica serve the part of a fetch whose leader is elsewhere; false where there is none, or the client wants the leader.
func (p *fetchPart) near(r *Request, q *kmsg.FetchRequest) bool {
	if r.Version < 11 || q.Rack == "" || r.env.Single != nil || p.topic == nil {
		return false
	}
	partition, l, err := r.partition(p.topic, p.key.partition)
	if partition == nil || err == nil && l.Broker == r.env.Broker {
		return false
	}
	if _, ok := partition.ReplicaOn(r.env.Broker); !ok {
		return false
	}
	p.leader.Replica = actors.At(messages.AddressOf(r.env.Broker), messages.ReplicaName(partition.Number))
	p.anyReplica = true
	return true
}

// nearer returns the node that a client in a rack should rather read from than from this one, which leads: one in its rack whose replica is in sync.
func (r *Request) nearer(l messages.Leader, rack string, index int32) kafka.BrokerID {
	if r.Version < 11 || rack == "" || r.env.Single != nil || l.Broker != r.env.Broker {
		return kafka.NoBroker
	}
	if me := r.image().Broker(r.env.Broker); me == nil || me.Rack == rack {
		return kafka.NoBroker
	}
	var there []kafka.BrokerID
	for _, id := range l.InSync {
		if b := r.image().Broker(id); b != nil && b.Rack == rack && !b.Fenced && r.view.IsLive(id) {
			there = append(there, id)
		}
	}
	if len(there) == 0 {
		return kafka.NoBroker
	}
	return there[int(index)%len(there)]
}
