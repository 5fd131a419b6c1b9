package partition

import (
	"slices"

	"troupe/partition/consensus"
)

// settling is how a leader finds out that its configuration stands for good, so that replicas that are not in it can be removed with their data.
//
// That a change of the configuration is applied is not enough. Who has its entry and does not know that it is committed goes, after a crash, by the
// configuration before, and needs the votes of replicas that may be gone by then. So the leader appends one more entry after it. What a replica has of that
// on its disk comes with a commit index that covers the change, and when a majority of the voters has it, whoever they elect knows.
type settling struct {
	configured consensus.Index // where the configuration was last changed, or where this leader began
	mark       consensus.Index // what was applied when the entry that is on its way was proposed; 0 where none is
	isSettled  bool
}

// nowhere is where a log start is moved to by an entry that changes nothing.
const nowhere = -1

// beginSettling is for a leader that begins. The only voter has voted for itself, and with that what it knew to be committed went to its disk; what it has heard
// since may not be there.
func (p *Partition) beginSettling() {
	c := &p.state.configuration
	p.settling = settling{configured: p.state.applied, isSettled: len(c.Voters) == 1 && !c.Joint() && p.reconfigured < p.replica.Term()}
}

// settle proposes the entry that is needed; it tells whether it did. That is so on the way to the wish as well: a node may have to remove an earlier replica before it can
// make the one that is wished for.
func (p *Partition) settle() bool {
	if !p.serving || p.isSettled || p.mark > 0 || p.reconfiguring || p.state.configuration.Joint() || len(p.wish.voters) == 0 {
		return false
	}
	if p.replica.Propose(consensus.Command, command(moveLogStart, nowhere)) != nil {
		return false // later, when leadership has not gone to another replica
	}
	p.mark = p.state.applied
	p.Wake()
	return true
}

// settled follows what is applied.
func (p *Partition) settled(e consensus.Entry) {
	if e.Kind == consensus.Reconfigure {
		p.reconfigured, p.inherited = p.replica.Term(), p.replica.Last()
	}
	switch {
	case !p.serving:
	case e.Kind == consensus.Reconfigure:
		p.configured, p.isSettled = e.Index, false
	case e.Kind == consensus.Command && slices.Equal(e.Data, command(moveLogStart, nowhere)):
		p.isSettled = p.mark >= p.configured
		p.mark = 0
	}
}
