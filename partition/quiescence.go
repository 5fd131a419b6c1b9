package partition

import (
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
)

// A Rest is what a leader says to the other replicas when it falls asleep: they all have the log up to Last, and all of that is committed. Who finds that true sleeps too.
type Rest struct {
	Leader uint64 // raft id
	Term   consensus.Term
	Last   consensus.Index
}

// A quiescence is whether a replica sleeps: it needs no ticks, and says nothing to the others. Nodes find out about each other's death without it. A leader sleeps when there
// is nothing that it could say to a replica on a live node, the others when it has told them. Whatever may lead to something wakes it.
type quiescence struct {
	asleep bool
	woken  bool // since the last Ready
	calm   int  // ticks for which a leader might have slept
}

// calmTicks is for how many ticks a leader might have slept when it does: two heartbeats have told the others by then what is committed.
func (p *Partition) calmTicks() int { return 2*p.o.HeartbeatTicks + 1 }

// IsAsleep tells whether the replica needs no ticks.
func (p *Partition) IsAsleep() bool { return p.asleep }

// Wake has the replica need ticks again: what would have woken it may be lost.
func (p *Partition) Wake() {
	p.woken = p.woken || p.asleep
	p.asleep, p.calm = false, 0
}

// Tick advances raft's logical clock. The only voter of a partition without learners needs no ticks, and neither does who sleeps.
func (p *Partition) Tick(now time.Time) {
	p.now = now
	if p.asleep {
		return
	}
	p.observing = true
	if p.calm++; !p.mayRest() {
		p.calm = 0
	}
	if p.calm > p.calmTicks() {
		p.asleep = true
		p.out.Rest = &Rest{p.o.RaftID, p.replica.Term(), p.replica.Last()}
		return
	}
	p.replica.Tick()
}

// mayRest tells whether a leader has nothing to say and waits for nothing.
func (p *Partition) mayRest() bool {
	w, c := &p.waiting, &p.state.configuration
	switch {
	case !p.serving || p.reconfiguring || c.Joint() || p.replica.Transferring():
		return false
	case p.replica.Last() != p.state.applied || p.unapplied > 0 || len(w.appends)+len(w.commits)+len(w.replicas)+len(w.disk)+len(w.moves)+len(w.reads) > 0:
		return false
	case 2*p.liveVoters() <= len(c.Voters):
		return false // it has to find out that it does not lead any more
	case p.full[p.o.RaftID] && p.successor() != 0 && !p.full[p.successor()]:
		return false // it is about to hand over
	}
	change, transfer := p.nextChange()
	rests := change.Empty() && !transfer
	p.replica.Progress(func(q consensus.Progress) {
		own, f := q.ID == p.o.RaftID, p.followers[q.ID]
		rests = rests && (q.Match == p.state.applied && (own || f != nil && f.heard) || !own && !p.live[q.ID])
	})
	return rests
}

// Rest has a follower sleep whose leader does, where it knows as much.
func (p *Partition) Rest(m Rest) {
	if p.replica.Leader() == m.Leader && !p.replica.IsLeader() && p.replica.Term() == m.Term && p.replica.Last() == m.Last && p.state.applied == m.Last && p.installing == 0 {
		p.asleep = true
	}
}

// wakes tells whether a message is one that has something to say to who sleeps. Heartbeats may have been on their way when the replica fell asleep, and so may answers.
func (p *Partition) wakes(m *pb.Message) bool {
	if consensus.Term(m.GetTerm()) != p.replica.Term() {
		return true
	}
	switch m.GetType() {
	case pb.MsgHeartbeat:
		return m.GetFrom() != p.replica.Leader() || consensus.Index(m.GetCommit()) > p.state.applied
	case pb.MsgHeartbeatResp, pb.MsgAppResp:
		return m.GetReject()
	case pb.MsgApp:
		return len(m.GetEntries()) > 0 || consensus.Index(m.GetIndex()) != p.state.applied
	}
	return true
}

// begun makes what was known when the replica fell asleep what is known now: all replicas on live nodes had everything, and nothing came since.
func (p *Partition) begun(now time.Time) {
	if p.woken {
		p.woken = false
		p.observe(now)
	}
}
