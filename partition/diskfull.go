package partition

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A node whose disk is almost full takes no more records: its leaders refuse them and hand over, its followers leave them to the others. What is small, or makes room,
// goes on: votes, commands (a log start that moves), changes of the configuration, and all of a machine's log, without which a cluster with full
// disks could not be mended.
//
// Where no majority has room nothing is appended at all, so that what is in flight then is the last: a follower takes that in spite of its full disk. Behind it
// in the log come the commands that make room.

// SetFull says which replicas stand on nodes whose disks are full, this one among them, whenever that changes.
func (p *Partition) SetFull(raftIDs []uint64) {
	full := map[uint64]bool{}
	if !p.o.Machine {
		for _, id := range raftIDs {
			full[id] = true
		}
	}
	if p.serving && !maps.Equal(full, p.full) {
		p.Wake()
	}
	p.full = full
}

// roomless tells whether so few voters are there and have room that nothing can be committed without a full disk. While voters are being replaced that goes for the old ones too.
func (p *Partition) roomless() bool {
	for _, voters := range [][]uint64{p.state.configuration.Voters, p.state.configuration.Outgoing} {
		room := p.countLive(voters, func(id uint64) bool { return p.full[id] })
		if len(voters) > 0 && room <= len(voters)/2 {
			return true
		}
	}
	return false
}

// checkRoom returns why a leader appends nothing; nil where it does. While it hands over appends wait, since the next leader is about to take them.
func (p *Partition) checkRoom() error {
	switch {
	case len(p.full) == 0:
		return nil
	case p.full[p.o.RaftID]:
		if p.replica.Transferring() {
			return consensus.ErrTransferring
		}
		return kafka.Errorf(kerr.KafkaStorageError, "the disk of the node that leads %s is full; records are taken again when there is room", p.o.Name)
	case p.roomless():
		return kafka.Errorf(kerr.KafkaStorageError, "too many replicas of %s have a full disk or are not there; records are taken again when there is room", p.o.Name)
	}
	return nil
}

// leavesOut tells whether a replica on a full disk leaves a message alone, as if the network had lost it: it would have to store records. It answers appends without
// any, so that the leader knows how far it is, and gets the leader's snapshot where it needs one: that takes the place of its log, and makes room.
func (p *Partition) leavesOut(m *pb.Message) bool {
	if !p.full[p.o.RaftID] || !holdsRecords(m) {
		return false
	}
	if p.full[m.GetFrom()] || p.roomless() { // the leader appends nothing more, and what is committed others have
		return m.GetIndex() < m.GetCommit()
	}
	return true
}

// probeEvery is how often a leader tries to send something to a replica on a full disk.
const probeEvery = time.Second

// isSpared tells whether a leader that has room leaves an answer to its heartbeat alone, because it comes from a full disk: raft would read, for each of them, what it
// can't send. Those who have room are a majority, so that nothing else depends on it.
func (p *Partition) isSpared(m *pb.Message) bool {
	f := p.followers[m.GetFrom()]
	if m.GetType() != pb.MsgHeartbeatResp || f == nil || !p.sparing(m.GetFrom()) {
		return false
	}
	if p.now.Sub(f.probed) < probeEvery {
		return true
	}
	f.probed = p.now
	return false
}

// sparing tells whether this replica sends no records to another one: that has no room, and is not needed.
func (p *Partition) sparing(raftID uint64) bool {
	return p.full[raftID] && !p.full[p.o.RaftID] && !p.roomless()
}

func holdsRecords(m *pb.Message) bool {
	return slices.ContainsFunc(m.GetEntries(), func(e *pb.Entry) bool {
		return e.GetType() == pb.EntryNormal && len(e.GetData()) > 0 && consensus.KindOf(e.GetData()) == consensus.Batch
	})
}

// spare takes from the messages of a leader what it need not send to replicas on full disks.
func (p *Partition) spare(messages []*pb.Message) []*pb.Message {
	if len(p.full) == 0 {
		return messages
	}
	return slices.DeleteFunc(messages, func(m *pb.Message) bool { return holdsRecords(m) && p.sparing(m.GetTo()) })
}

// yieldEvery is the least time between two attempts to leave leadership to one that has room. Records are refused meanwhile: an attempt that the other was too slow for
// is soon made again.
const yieldEvery = time.Second

// yield hands leadership from a full disk to a voter that has room, where there is one, and again now and then. It tells whether it has asked for that. Taking
// leadership back is the business of whoever balances leaders.
func (p *Partition) yield(now time.Time) bool {
	if !p.serving || !p.full[p.o.RaftID] || !p.handedOver.IsZero() && now.Sub(p.handedOver) < yieldEvery {
		return false
	}
	to := p.successor()
	if to == 0 || p.full[to] {
		return false
	}
	p.handedOver = now
	p.Transfer(to)
	return true
}

// successor is the other voter that is there, has room and most of the log; where none has room, that has most of the log. It is 0 where there is none.
func (p *Partition) successor() (to uint64) {
	var most consensus.Index
	p.replica.Progress(func(q consensus.Progress) {
		if q.ID == p.o.RaftID || !p.live[q.ID] || !slices.Contains(p.state.configuration.Voters, q.ID) {
			return
		}
		if to == 0 || p.full[to] && !p.full[q.ID] || p.full[to] == p.full[q.ID] && q.Match > most {
			to, most = q.ID, q.Match
		}
	})
	return to
}
