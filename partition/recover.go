package partition

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A Survey is what one replica knows, for whoever has to decide whether its partition is lost, and which replica has most of it.
type Survey struct {
	RaftID uint64
	// Leader is the raft id of the one that it knows, 0 for none. That may be of the past: a replica without a vote does not look whether its leader is there.
	Leader uint64
	// Voters, Outgoing and Learners are those of the configuration.
	Voters, Outgoing, Learners []uint64
	LogStart, HighWatermark    kafka.Offset
	LogEnd                     kafka.Offset // the offset after the last record of the log, be it known to be committed or not
	Last                       consensus.Index
	LastTerm, Term             consensus.Term // of the last entry, and the newest that it knows
}

// Follows tells whether it has a vote and a leader, or leads itself: it has heard of that one within an election timeout, or would know of its death.
func (s *Survey) Follows() bool {
	return s.Leader != 0 && (slices.Contains(s.Voters, s.RaftID) || slices.Contains(s.Outgoing, s.RaftID))
}

// Survey returns what this replica knows.
func (p *Partition) Survey() Survey {
	c, last := &p.state.configuration, p.replica.Last()
	return Survey{
		RaftID: p.o.RaftID, Leader: p.replica.Leader(), Voters: c.Voters, Outgoing: c.Outgoing, Learners: c.Learners,
		LogStart: p.state.logStart, HighWatermark: p.state.highWatermark, LogEnd: p.end(), Last: last, LastTerm: p.replica.Terms().Of(last), Term: p.replica.Term(),
	}
}

// notApplied are the entries of the log that are not known to be committed.
func (p *Partition) notApplied() []consensus.Entry {
	tail := p.replica.Tail()
	n, _ := slices.BinarySearchFunc(tail, p.state.applied+1, func(e consensus.Entry, i consensus.Index) int { return int(int64(e.Index) - int64(i)) })
	return tail[n:]
}

// end is the offset after the last record of the log.
func (p *Partition) end() kafka.Offset {
	for _, e := range slices.Backward(p.notApplied()) {
		if e.Kind == consensus.Batch {
			return record.Batch(e.Data).NextOffset()
		}
	}
	return p.state.highWatermark
}

// Lost tells whether no leader can be elected while only these replicas, and the one of the survey, are there.
func (s *Survey) Lost(there []uint64) bool {
	return !s.majority(s.Voters, there) || len(s.Outgoing) > 0 && !s.majority(s.Outgoing, there)
}

func (s *Survey) majority(of, there []uint64) bool {
	n := 0
	for _, id := range of {
		if id == s.RaftID || slices.Contains(there, id) {
			n++
		}
	}
	return n > len(of)/2
}

// Gone returns the replicas of the configuration that are not there, in ascending order.
func (s *Survey) Gone(there []uint64) []uint64 {
	all := slices.Concat(s.Voters, s.Outgoing, s.Learners)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id uint64) bool { return id == s.RaftID || slices.Contains(there, id) })
}

// Behind tells whether another replica has more of the log. Of several, one that is behind none of the others has everything that any of them knows to be committed.
func (s *Survey) Behind(o *Survey) bool {
	return o.LastTerm > s.LastTerm || o.LastTerm == s.LastTerm && o.Last > s.Last
}

// Recover gives the other replicas of a partition up: this one becomes its only voter, and what its log holds is committed, as far as it goes. What only others had is gone. It
// is refused where a leader can be elected by the replicas that are there, or is. What more returns, where it is not nil, gets its offsets after the last record of the log; it is
// told which batches are committed with it, that were not known to be.
//
// The write is for the store, behind all writes of before. Nothing else of the partition is to be used any more: when the write is durable it is restored from the store.
func (p *Partition) Recover(there []uint64, more func(pending []record.Batch) ([]record.Batch, error)) (*LogWrite, error) {
	s := p.Survey()
	switch {
	case s.Leader == s.RaftID:
		return nil, kafka.Errorf(kerr.ElectionNotNeeded, "%s is not lost: this replica leads it.", p.o.Name)
	case !s.Lost(there):
		return nil, kafka.Errorf(kerr.ElectionNotNeeded, "%s is not lost: most of its voters are there; one of them leads it, or will.", p.o.Name)
	case s.Follows():
		return nil, kafka.Errorf(kerr.ElectionNotNeeded, "%s is not lost: replica %d leads it, or did a moment ago.", p.o.Name, s.Leader)
	case p.installing > 0:
		return nil, kafka.Errorf(kerr.CoordinatorLoadInProgress, "%s is being made from a snapshot; try again in a moment.", p.o.Name)
	}
	c, err := p.state.configuration, error(nil)
	var pending, batches []record.Batch
	for _, e := range p.notApplied() {
		if e.Kind == consensus.Batch {
			pending = append(pending, e.Data)
		}
		if e.Kind != consensus.Reconfigure {
			continue
		}
		if c, err = c.Changed(e.Index, e.Data); err != nil {
			return nil, fmt.Errorf("recover %s: entry %d: %w", p.o.Name, e.Index, err)
		}
	}
	if more != nil {
		if batches, err = more(pending); err != nil {
			return nil, fmt.Errorf("recover %s: %w", p.o.Name, err)
		}
	}
	next, data := s.LogEnd, make([][]byte, len(batches))
	for i, b := range batches {
		b.Stamp(next, kafka.LeaderEpoch(p.replica.Term()+consensus.RecoveredTerms))
		next, data[i] = b.NextOffset(), b
	}
	entries, hard, err := p.replica.Alone(c, data...)
	if err != nil {
		return nil, fmt.Errorf("recover %s: %w", p.o.Name, err)
	}
	return &LogWrite{Write: Write{Partition: p.o.Number, Entries: entries, Hard: &hard, Sync: true}}, nil
}
