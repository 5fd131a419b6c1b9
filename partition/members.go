package partition

import (
	"slices"
	"time"

	"troupe/partition/consensus"
)

// caughtUpEntries is how many entries a replica may be behind when it is given a vote.
const caughtUpEntries = 1000

// transferEvery is the least time between two attempts to hand leadership to a wished voter.
const transferEvery = 10 * time.Second

// A wish is the configuration that the cluster wants for a partition. Without voters it wants no change.
type wish struct{ voters, learners []uint64 }

// Want says which replicas should vote and which should only follow, by their raft ids. The leader works toward it, one change of the configuration at a
// time, and the next leader goes on where it stopped. Without voters the configuration stays as it is.
func (p *Partition) Want(voters, learners []uint64) {
	p.wish = wish{slices.Sorted(slices.Values(voters)), slices.Sorted(slices.Values(learners))}
	if change, transfer := p.nextChange(); p.asleep && (!change.Empty() || transfer) {
		p.Wake()
	}
}

// next is the next change on the way from a configuration to the wished one. Replicas begin as learners; when every new voter is ready, and so are enough of the
// old ones to go on with, one change gives them the vote and takes it from the others. A leader that will not vote any more hands over first, to a voter that stays: transfer says so. Where
// none stays it is replaced with the others, and leads until that has come to pass.
func (w *wish) next(c *consensus.Configuration, leader uint64, ready func(id uint64) bool) (change consensus.Change, transfer bool) {
	if len(w.voters) == 0 || c.Joint() {
		return change, false
	}
	wished := slices.Concat(w.voters, w.learners)
	change.Learners = without(wished, slices.Concat(c.Voters, c.Learners))
	change.Removed = without(c.Learners, wished)
	if !change.Empty() {
		return change, false
	}
	leaving := without(c.Voters, w.voters)
	change.Voters = without(w.voters, c.Voters)
	unready := func(id uint64) bool { return !ready(id) }
	readyVoters := len(slices.DeleteFunc(slices.Clone(w.voters), unready))
	if len(leaving)+len(change.Voters) == 0 || slices.ContainsFunc(change.Voters, unready) || readyVoters <= len(w.voters)/2 {
		return consensus.Change{}, false
	}
	if slices.Contains(leaving, leader) && len(change.Voters) < len(w.voters) {
		return consensus.Change{}, true
	}
	change.Removed = without(leaving, w.learners)
	change.Learners = without(leaving, change.Removed)
	return change, false
}

// without returns the ids that are not among others.
func without(ids, others []uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool { return slices.Contains(others, id) })
}

// reconfigure takes the next step towards the wish, or out of a joint configuration that raft has not left; it tells whether it proposed something.
func (p *Partition) reconfigure(now time.Time) bool {
	if p.asleep || p.reconfiguring {
		return false
	}
	if p.serving && p.state.configuration.Joint() && p.replica.Last() == p.state.applied && !p.replica.Transferring() && p.replica.LeaveJoint() == nil {
		p.reconfiguring = true
		return true
	}
	change, transfer := p.nextChange()
	if transfer {
		p.handOver(now)
		return false
	}
	if change.Empty() || p.replica.Reconfigure(change) != nil {
		return false
	}
	p.reconfiguring = true
	return true
}

// nextChange is the next step towards the wish, of which only a leader knows.
func (p *Partition) nextChange() (change consensus.Change, transfer bool) {
	if !p.serving || len(p.wish.voters) == 0 {
		return change, false
	}
	matches := p.matches()
	return p.wish.next(&p.state.configuration, p.o.RaftID, func(id uint64) bool {
		// One that has said nothing to this leader is not there, however short the log.
		return id == p.o.RaftID || p.isThere(id) && matches[id] > 0 && matches[id]+caughtUpEntries >= p.replica.Last()
	})
}

func (p *Partition) matches() map[uint64]consensus.Index {
	matches := map[uint64]consensus.Index{}
	p.replica.Progress(func(q consensus.Progress) { matches[q.ID] = q.Match })
	return matches
}

// handOver hands leadership to the wished voter that has most of the log, of those that are there.
func (p *Partition) handOver(now time.Time) {
	if !p.handedOver.IsZero() && now.Sub(p.handedOver) < transferEvery {
		return
	}
	var to uint64
	matches := p.matches()
	for _, id := range p.wish.voters {
		if p.isThere(id) && slices.Contains(p.state.configuration.Voters, id) && (to == 0 || matches[id] > matches[to]) {
			to = id
		}
	}
	if to != 0 {
		p.handedOver = now
		p.Transfer(to)
	}
}
