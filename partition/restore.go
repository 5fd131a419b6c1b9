package partition

import (
	"fmt"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// restoreBytes is how much of the log is read at a time when a replica starts.
const restoreBytes = 4 << 20

// Restore makes a replica from what its store holds. It reads the entries that the last checkpoint has not seen yet, so
// it is called from a worker. The replica begins as a follower; its first Ready may hold index rows.
func Restore(o Options, stored *Stored) (*Partition, error) {
	p := &Partition{o: o, state: newState(), tail: tail{budget: o.Tails}}
	base, err := newest(stored)
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", o.Name, err)
	}
	p.state, p.begins = base.state, base.begins
	if len(p.state.configuration.Voters) == 0 {
		p.state.configuration = consensus.Founding(o.Founding...)
	}
	commit := min(max(stored.Hard.Commit, p.state.applied, stored.Snapshot.Index), stored.Last)
	var unapplied []consensus.Entry
	for next := max(base.indexed, stored.Snapshot.Index) + 1; next <= stored.Last; {
		entries, err := o.Read(next, stored.Last+1, restoreBytes)
		if err != nil {
			return nil, fmt.Errorf("restore %s: read entry %d: %w", o.Name, next, err)
		}
		for _, e := range entries {
			switch {
			case e.Index <= p.state.applied:
				p.reindex(&base.index, e)
			case e.Index <= commit:
				changed, err := p.state.apply(&p.o.Config, e)
				if err != nil {
					return nil, fmt.Errorf("restore %s: %w", o.Name, err)
				}
				base.terms = appendTerm(base.terms, e)
				p.indexed(changed)
				p.unsaved = true
			default:
				unapplied = append(unapplied, e)
			}
		}
		next = entries[len(entries)-1].Index + 1
	}
	behind := o.ReadBehind
	if behind == nil {
		behind = o.Read
	}
	p.replica, err = consensus.New(consensus.Options{
		ID: o.RaftID, ElectionTicks: o.ElectionTicks, HeartbeatTicks: o.HeartbeatTicks,
		Hard: stored.Hard.HardState, Configuration: p.state.configuration,
		SnapshotIndex: stored.Snapshot.Index, SnapshotTerm: stored.Snapshot.Term,
		Applied: commit, Terms: base.terms, Tail: unapplied,
		Read: behind, Snapshot: p.snapshot, Warn: o.Warn,
	})
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", o.Name, err)
	}
	p.logEnd = p.state.highWatermark
	return p, nil
}

// A base is where a restart continues from.
type base struct {
	state   *state
	terms   consensus.Terms
	indexed consensus.Index // the last entry that the store's index rows cover
	index   indexer         // as it was after that entry
	begins  kafka.Offset    // the high watermark at the snapshot's index
}

// newest decodes the newest state that the store holds. That of a snapshot may be newer than the last checkpoint; index rows
// reach no further than the checkpoint all the same.
func newest(stored *Stored) (base, error) {
	b := base{state: newState(), index: newIndexer()}
	if stored.Snapshot.State != nil {
		s, terms, err := decode(stored.Snapshot.State)
		if err != nil {
			return b, fmt.Errorf("snapshot: %w", err)
		}
		if s.applied > stored.Last {
			return b, fmt.Errorf("the snapshot's state is of entry %d, but the last entry of the log is %d: the log has lost its end", s.applied, stored.Last)
		}
		b.state, b.terms, b.begins = s, terms, s.begin()
	}
	if stored.Checkpoint == nil {
		return b, nil
	}
	s, terms, err := decode(stored.Checkpoint)
	if err != nil {
		return b, fmt.Errorf("checkpoint: %w", err)
	}
	if s.applied > stored.Last {
		return b, fmt.Errorf("the checkpoint is of entry %d, but the last entry of the log is %d: the log has lost its end", s.applied, stored.Last)
	}
	b.indexed, b.index = s.applied, s.index
	if s.applied >= b.state.applied {
		s.rows = b.state.rows // the checkpoint may be of before the snapshot
		b.state, b.terms = s, terms
	}
	return b, nil
}

// reindex makes the index rows of an entry whose effects the state already has.
func (p *Partition) reindex(x *indexer, e consensus.Entry) {
	if e.Kind == consensus.Batch {
		b := record.Batch(e.Data)
		if n := p.state.segmentOf(b.BaseOffset()); n >= 0 {
			blocks, times := x.note(p.state.segments[n].base, e.Index, b)
			p.indexed(appliedEntry{blocks: blocks, times: times})
		}
	}
	if e.Index == p.state.applied {
		p.state.index = *x
		p.unsaved = true
	}
}

func appendTerm(terms consensus.Terms, e consensus.Entry) consensus.Terms {
	if len(terms) > 0 && terms[len(terms)-1].Term == e.Term {
		return terms
	}
	return append(terms, consensus.TermStart{Term: e.Term, Start: e.Index})
}
