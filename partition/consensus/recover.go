package consensus

import (
	"fmt"
	"math"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// RecoveredTerms is how many terms a recovery leaves out. Replicas that are gone may have voted in terms of which the one that is left has never heard, and clients may
// have seen these as epochs: what comes after a recovery is later than all of them.
const RecoveredTerms = 100_000

// RecoveredSince returns the first term that is after a recovery by a replica of a term, and before none. What other replicas have of earlier ones was given up.
func RecoveredSince(term Term) Term { return term + RecoveredTerms/2 }

// isOutdated tells whether a message is of a time before a recovery: terms are left out by nothing else. Whoever sent it was given up and must not take part, nor
// hear of the terms of now, which raft's answer would tell it.
func isOutdated(message, own Term) bool { return message+RecoveredTerms/2 < own }

// Alone returns the entries that make this replica the only voter of its log, and the hard state that makes them, and everything before them, committed. It is for a log of
// which a majority is lost for ever. The configuration is that after the last entry, and data goes into the log as batches. When all of it is durable, the replica is to be
// made anew from its store; it must not be used any more before that.
func (r *Replica) Alone(c Configuration, data ...[]byte) ([]Entry, HardState, error) {
	term, next := r.term+RecoveredTerms, r.Last()+1
	if term >= math.MaxInt32 {
		return nil, HardState{}, fmt.Errorf("there are not enough terms after %d left for a recovery", r.term)
	}
	entries := []Entry{{Index: next, Term: term, Kind: Empty}}
	for _, d := range data {
		entries = append(entries, Entry{Index: next + Index(len(entries)), Term: term, Kind: Batch, Data: d})
	}
	for {
		cc, done := c.towards(r.id)
		if done {
			break
		}
		b, err := proto.Marshal(cc)
		if err != nil {
			return nil, HardState{}, fmt.Errorf("configuration change: %w", err)
		}
		e := Entry{Index: next + Index(len(entries)), Term: term, Kind: Reconfigure, Data: b}
		if c, err = c.Changed(e.Index, e.Data); err != nil {
			return nil, HardState{}, err
		}
		entries = append(entries, e)
	}
	return entries, HardState{Term: term, Commit: entries[len(entries)-1].Index}, nil
}

// towards returns the next change on the way to a configuration of one voter, each of which is one that raft allows.
func (c *Configuration) towards(id uint64) (cc *pb.ConfChangeV2, done bool) {
	change := func(kind pb.ConfChangeType, id uint64) *pb.ConfChangeV2 {
		return &pb.ConfChangeV2{Changes: []*pb.ConfChangeSingle{{Type: kind.Enum(), NodeId: &id}}}
	}
	if c.Joint() {
		return &pb.ConfChangeV2{}, false
	}
	if !slices.Contains(c.Voters, id) {
		return change(pb.ConfChangeAddNode, id), false
	}
	for _, ids := range [][]uint64{c.Voters, c.Learners} {
		for _, other := range ids {
			if other != id {
				return change(pb.ConfChangeRemoveNode, other), false
			}
		}
	}
	return nil, true
}
