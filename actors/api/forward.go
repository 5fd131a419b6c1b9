package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// served is partition for what only the leader itself answers. A node asks leaders on other nodes, which are actors like its own, where clients know one address
// for all nodes, and where it led the partition itself a moment ago, so that a move of the leader costs clients no more than a hop. Otherwise the client is told to go
// to the leader.
func (r *Request) served(t *metadata.Topic, index int32) (messages.Leader, error) {
	p, l, err := r.partition(t, index)
	if err == nil && l.Broker != r.env.Broker && r.env.Single == nil && !r.view.HasJustLeft(p.Number, r.env.System.Now()) {
		err = kerr.NotLeaderForPartition
	}
	return l, err
}

// singleBroker is the id of the one broker that clients are told of. No node has it.
const singleBroker kafka.BrokerID = 0

// told is a broker that leads as clients are told of it; nil where it is none that they may know. One that is cut off from the controller leads until others have taken over, and is to be found
// as long.
func (r *Request) told(image *metadata.Image, id kafka.BrokerID) *metadata.Broker {
	if s := r.env.Single; s != nil {
		return &metadata.Broker{ID: singleBroker, Host: s.Host, Port: s.Port}
	}
	if b := image.Broker(id); b != nil && (!b.Fenced || b.CutOff()) {
		return b
	}
	return nil
}

// brokers are all that clients are told of: those that are there, as far as this node knows, and that are not fenced or, where they are cut off, lead. A node that misses most of the others is
// cut off itself: it names them all the same, since a client that was told of this one alone would never ask another.
func (r *Request) brokers() []*metadata.Broker {
	if r.env.Single != nil {
		return []*metadata.Broker{r.told(nil, singleBroker)}
	}
	all, live := r.image().Brokers(), 0
	for _, b := range all {
		if r.isLive(b.ID) {
			live++
		}
	}
	return slices.DeleteFunc(r.image().Brokers(), func(b *metadata.Broker) bool {
		return b.Fenced && !(b.CutOff() && r.isLive(b.ID) && r.view.LeaderCount(b.ID) > 0) || 2*live > len(all) && !r.isLive(b.ID)
	})
}

// controller is the broker that clients are told is the controller.
func (r *Request) controller() kafka.BrokerID {
	l, ok := r.view.Controller()
	switch {
	case !ok:
		return kafka.NoBroker
	case r.env.Single != nil:
		return singleBroker
	}
	return l.Broker
}

// A sending is the produce requests of a connection to one partition that are not answered: how many, and to which replica they went.
type sending struct {
	replica string
	count   int
}

// sendings are those of all partitions. While batches are on their way to one replica, none goes to another: where the leader has moved meanwhile, it could be there before them.
type sendings map[kafka.PartitionNumber]*sending

// begin notes a batch that is sent; it is refused where earlier ones are on their way to another replica.
func (s sendings) begin(p kafka.PartitionNumber, l messages.Leader) error {
	to := l.Replica.Address + "/" + l.Replica.Id
	at := s[p]
	switch {
	case at == nil:
		s[p] = &sending{to, 1}
	case at.replica != to:
		return kerr.NotLeaderForPartition
	default:
		at.count++
	}
	return nil
}

// end notes that a batch is answered.
func (s sendings) end(p kafka.PartitionNumber) {
	if at := s[p]; at != nil {
		if at.count--; at.count == 0 {
			delete(s, p)
		}
	}
}
