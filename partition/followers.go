package partition

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A follower is what a leader knows of another replica.
type follower struct {
	contact  time.Time       // when it last said something
	heard    bool            // it has said something since its node is there
	behind   bool            // it has not had all that was applied since then
	caughtUp time.Time       // when it last had all that was applied
	mark     consensus.Index // what was applied at
	marked   time.Time
	probed   time.Time // when it was last tried to send it something in spite of its full disk
}

// A ReplicaProgress is how far a replica is, as its leader knows.
type ReplicaProgress struct {
	RaftID  uint64
	Learner bool
	LogEnd  kafka.Offset // the offset after its last record; kafka.NoOffset where the leader can't tell without reading
	// Contact is when it last said something, and CaughtUp when it last had everything that was committed; zero where that was not under this leader.
	Contact, CaughtUp time.Time
}

// Progress returns how far all replicas of the configuration are, in the order of their ids; nil on a replica that does not lead.
func (p *Partition) Progress(now time.Time) []ReplicaProgress {
	if !p.serving {
		return nil
	}
	p.now = now
	var out []ReplicaProgress
	p.replica.Progress(func(q consensus.Progress) {
		r := ReplicaProgress{RaftID: q.ID, Learner: q.Learner, LogEnd: p.offsetAfter(q.Match)}
		if f := p.followers[q.ID]; f != nil {
			r.Contact, r.CaughtUp = f.contact, f.caughtUp
		}
		if p.asleep && p.live[q.ID] {
			r.Contact, r.CaughtUp = now, now // there was nothing to say, and who is there has everything
		}
		if q.ID == p.o.RaftID {
			r.LogEnd, r.Contact, r.CaughtUp = p.logEnd, p.now, p.now
		}
		out = append(out, r)
	})
	return out
}

// offsetAfter returns the offset after the last record at or before an entry, as far as memory tells.
func (p *Partition) offsetAfter(i consensus.Index) kafka.Offset {
	if i >= p.state.applied {
		return p.state.highWatermark
	}
	n, ok := slices.BinarySearch(p.tail.indexes, i)
	switch {
	case ok:
		return p.tail.batches[n].NextOffset()
	case n > 0:
		return p.tail.batches[n-1].NextOffset()
	case n < len(p.tail.batches) && p.tail.indexes[n] == i+1:
		return p.tail.batches[n].BaseOffset()
	}
	return kafka.NoOffset
}

// SetLive says which of the other replicas are there, whenever that changes: their nodes are, and they have not failed for good. That they say nothing does not tell: in a partition
// that sleeps nobody does.
func (p *Partition) SetLive(raftIDs []uint64) {
	live := make(map[uint64]bool, len(raftIDs))
	for _, id := range raftIDs {
		live[id] = true
	}
	for id, f := range p.followers {
		if !live[id] || !p.live[id] {
			f.heard, f.behind, f.mark, f.marked = false, true, 0, time.Time{}
		}
	}
	if p.serving && !maps.Equal(live, p.live) {
		p.Wake()
	}
	p.live, p.observing = live, true
}

// countLive counts the replicas on live nodes, this one among them, but for those of which not is true.
func (p *Partition) countLive(ids []uint64, not func(id uint64) bool) (n int) {
	for _, id := range ids {
		if (id == p.o.RaftID || p.live[id]) && !not(id) {
			n++
		}
	}
	return n
}

// liveVoters counts the voters on live nodes.
func (p *Partition) liveVoters() int {
	return p.countLive(p.state.configuration.Voters, func(uint64) bool { return false })
}

// takers counts the voters on live nodes that get records: not those whose disk is full, and that are not needed for a majority.
func (p *Partition) takers() int { return p.countLive(p.state.configuration.Voters, p.sparing) }

// isThere tells whether another replica is: it is live, and it has said something since. One that has said nothing since its node is back may have lost what it had.
func (p *Partition) isThere(id uint64) bool {
	f := p.followers[id]
	return p.live[id] && f != nil && f.heard
}

// observe finds out which followers keep up. One that takes everything in time but is always a little behind counts too: it
// had, a moment ago, what was applied at a moment before. One whose node is back counts from the moment when it has everything again: whoever restarts nodes, one after the other,
// waits for that.
func (p *Partition) observe(now time.Time) {
	if !p.serving {
		p.inSync = nil
		return
	}
	// While voters are being replaced the new ones are not shown: a majority of the old ones is needed still, and who counts the nodes that may die must not count these.
	voters, inSync := p.state.configuration.BeforeChange(), make([]uint64, 0, 8)
	p.replica.Progress(func(q consensus.Progress) {
		f := p.followers[q.ID]
		if f == nil {
			f = &follower{heard: q.Match > 0, behind: true}
			p.followers[q.ID] = f
		}
		switch {
		case !f.heard:
		case q.Match >= p.state.applied:
			f.caughtUp, f.behind = now, false
		case q.Match >= f.mark && f.marked.After(f.caughtUp):
			f.caughtUp, f.behind = f.marked, false
		}
		if q.Match >= f.mark {
			f.mark, f.marked = p.state.applied, now
		}
		follows := p.isThere(q.ID) && !f.behind && now.Sub(f.caughtUp) <= p.o.Config.ReplicaLagTimeMax
		if (q.ID == p.o.RaftID || follows) && slices.Contains(voters, q.ID) {
			inSync = append(inSync, q.ID)
		}
	})
	if !slices.Equal(inSync, p.inSync) {
		p.inSync = inSync
	}
}

// committed moves those whose records are applied on: they wait for min.insync.replicas, which the majority that has committed them may not be.
func (p *Partition) committed() {
	n := 0
	for n < len(p.waiting.commits) && p.waiting.commits[n].upto <= p.state.highWatermark {
		w := &p.waiting.commits[n]
		p.waiting.replicas = append(p.waiting.replicas, replicating{p.state.applied, w.ticket, w.answer})
		n++
	}
	clear(p.waiting.commits[:n])
	if n == len(p.waiting.commits) {
		n, p.waiting.commits = 0, p.waiting.commits[:0]
	}
	p.waiting.commits = p.waiting.commits[n:]
	p.replicated()
}

// replicated answers those whose records are applied, once min.insync.replicas voters have them on their disks, and sends them away when so many are not there any more.
func (p *Partition) replicated() {
	if len(p.waiting.replicas) == 0 {
		return
	}
	least := p.o.Config.MinInsyncReplicas
	// Who committed an entry that was in the log when the configuration changed was perhaps the majority of the voters before.
	enough := least <= len(p.state.configuration.Voters)/2+1
	if enough && p.waiting.replicas[0].index > p.inherited {
		for _, w := range p.waiting.replicas {
			p.out.Replies = append(p.out.Replies, Reply{Ticket: w.ticket, Response: w.answer})
		}
		clear(p.waiting.replicas)
		p.waiting.replicas = p.waiting.replicas[:0]
		return
	}
	var matches []consensus.Index
	p.replica.Progress(func(q consensus.Progress) {
		if slices.Contains(p.state.configuration.Voters, q.ID) {
			matches = append(matches, q.Match)
		}
	})
	slices.Sort(matches)
	var upto consensus.Index
	if n := len(matches) - least; n >= 0 {
		upto = matches[min(n, len(matches)-1)]
	}
	rest := p.waiting.replicas[:0]
	live := p.takers()
	for _, w := range p.waiting.replicas {
		switch {
		case w.index <= upto || enough && w.index > p.inherited:
			p.out.Replies = append(p.out.Replies, Reply{Ticket: w.ticket, Response: w.answer})
		case live < least:
			p.out.Replies = append(p.out.Replies, Reply{Ticket: w.ticket, Response: p.produced(kafka.NoOffset, -1), Err: kafka.Errorf(
				kerr.NotEnoughReplicasAfterAppend, "the records are safe, but %s has %d voters on live nodes with room, and min.insync.replicas is %d", p.o.Name, live, least)})
		default:
			rest = append(rest, w)
		}
	}
	clear(p.waiting.replicas[len(rest):])
	p.waiting.replicas = rest
}
