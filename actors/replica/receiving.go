package replica

import (
	"time"

	"github.com/go-kit/log/level"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// receivingMax is how long a snapshot of which nothing comes any more is kept, at least.
const receivingMax = time.Minute

// A receiving is a snapshot that comes from the leader, in its order.
type receiving struct {
	from     kafka.BrokerID
	transfer uint64
	message  *pb.Message
	chunks   [][]byte
	next     int // part that is wanted
	at       time.Time
}

// part takes a part of a snapshot, and hands the whole to raft. What is for an earlier replica of this node, or of an earlier leader, is dropped.
func (r *replica) part(m *messages.SnapshotPart) {
	if m.Number == 0 && !r.receives(m) {
		return
	}
	c := r.receiving
	if c == nil || c.transfer != m.Transfer {
		r.acknowledge(m, 0)
		return
	}
	if m.Number != c.next {
		r.acknowledge(m, c.next)
		return
	}
	c.next, c.at = c.next+1, r.o.System.Now()
	if m.Chunk != nil {
		c.chunks = append(c.chunks, m.Chunk)
	}
	if m.Last {
		r.receiving = nil
		if err := r.p.Install(c.message, c.chunks); err != nil {
			level.Error(r.o.System.Logger()).Log("msg", "the leader's snapshot can't be used; it will come again", "err", err)
			return
		}
	}
	r.acknowledge(m, c.next)
}

// receives tells whether the first part of a snapshot is worth anything, and begins one that is not under way.
func (r *replica) receives(m *messages.SnapshotPart) bool {
	s := m.Message
	if s == nil || s.GetTo() != r.o.Partition.RaftID || s.GetTerm() < uint64(r.p.Epoch()) {
		return false
	}
	c := r.receiving
	if c != nil && (c.transfer == m.Transfer || c.message.GetTerm() > s.GetTerm()) {
		return c.transfer == m.Transfer
	}
	r.peers.heard(s.GetFrom(), m.From)
	r.receiving = &receiving{from: m.From, transfer: m.Transfer, message: s}
	return true
}

func (r *replica) acknowledge(m *messages.SnapshotPart, next int) {
	r.send(actors.At(messages.AddressOf(m.From), messages.ReplicaName(m.Partition)), &messages.SnapshotAck{Partition: m.Partition, Transfer: m.Transfer, Next: next})
}

// forgetReceiving gives back the memory of a snapshot that will not become whole.
func (r *replica) forgetReceiving() {
	if c := r.receiving; c != nil && (c.message.GetTerm() < uint64(r.p.Epoch()) || r.o.System.Now().Sub(c.at) > receivingMax) {
		r.receiving = nil
	}
}

// interrupt ends snapshots to and from a node of which parts may be lost.
func (r *replica) interrupt(node kafka.BrokerID) {
	for _, id := range r.peers.on(node) {
		r.endSending(r.sendings[id], false)
	}
	if r.receiving != nil && r.receiving.from == node {
		r.receiving = nil
	}
}
