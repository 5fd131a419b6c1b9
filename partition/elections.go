package partition

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
	"troupe/partition/record"
)

// Step takes a message from another replica of the partition. One that no replica would send is dropped; snapshots come with Install.
func (p *Partition) Step(m *pb.Message) {
	if m.GetType() == pb.MsgSnap {
		return
	}
	for _, e := range m.GetEntries() {
		if e.GetType() == pb.EntryNormal && len(e.GetData()) > 0 && !applicable(e.GetData()) {
			return
		}
	}
	if p.leavesOut(m) {
		return
	}
	if f := p.followers[m.GetFrom()]; f != nil {
		f.contact, f.heard = p.now, true
	}
	if p.isSpared(m) {
		return
	}
	if p.asleep && p.wakes(m) {
		p.Wake()
	}
	p.replica.Step(m)
}

// applicable tells whether an entry's data has the form that applying it relies on: a whole batch, or a command.
func applicable(data []byte) bool {
	if len(data) < commandHeader {
		return false
	}
	if consensus.KindOf(data) == consensus.Command {
		return (len(data)-commandHeader)%8 == 0
	}
	b := record.Batch(data)
	return len(data) >= record.HeaderSize && b.Size() == len(data) && b.LastOffsetDelta() >= 0
}

// Campaign makes the replica try to lead without waiting for an election timeout. The only voter of a partition does so
// at its start, and the followers of a leader whose node is dead do so after ForgetLeader and a random delay. On a learner, and on a
// replica that was removed, it does nothing.
func (p *Partition) Campaign() {
	p.Wake()
	p.replica.Campaign()
}

// ForgetLeader makes a follower forget its leader, whose node is dead.
func (p *Partition) ForgetLeader() {
	p.Wake()
	p.replica.ForgetLeader()
}

// Unreachable says that messages to another replica may have been lost.
func (p *Partition) Unreachable(raftID uint64) {
	if p.serving {
		p.Wake()
	}
	p.replica.Unreachable(raftID)
}

// HandOver hands leadership, where this replica has it, to the voter that is there and has most of the log.
func (p *Partition) HandOver() {
	if to := p.successor(); p.serving && to != 0 {
		p.Transfer(to)
	}
}

// Transfer hands leadership over to another voter, once that has the whole log. Appends wait meanwhile. Where it does not succeed within an election timeout
// this replica goes on leading.
func (p *Partition) Transfer(to uint64) {
	p.Wake()
	p.replica.Transfer(to)
}
