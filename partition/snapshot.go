package partition

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// A Snapshotted message is a snapshot for another replica, which has to begin with it because the log does not hold any more what it needs.
type Snapshotted struct {
	Message *pb.Message
	// Index and Rows say which of the store's snapshots the machine's rows have to belong to. A partition without a machine has none.
	Index consensus.Index
	Rows  kafka.Offset
}

// RowsOf returns the end of the log that the machine's rows beside a stored snapshot are from.
func (s *Snapshot) RowsOf() (kafka.Offset, error) {
	if s.State == nil {
		return 0, nil
	}
	state, _, err := decode(s.State)
	if err != nil {
		return 0, fmt.Errorf("snapshot: %w", err)
	}
	return state.rows, nil
}

// begin is the offset after the last record before the log's first segment, which is the first that the log must hold.
func (s *state) begin() kafka.Offset {
	if len(s.segments) > 0 {
		return s.segments[0].base
	}
	return s.highWatermark
}

// at returns the state after entry i of term t, from the newest one: what the replica that gets it needs, so that it has the newest one too when it has applied the
// entries after i. The log began after i, and with the record at begins, when the newest state was young or later.
//
// Everything but producers and the configuration is then as in a log that begins there:
//   - No segment that is still known lies before, and the first one begins with a fresh indexer.
//   - The log start was moved to begins, or beyond it, by a command. Was that before i, it stood there: it can't be moved above the high watermark. Was it after i, the
//     command comes again; what it does to a log start below begins, it does to one at begins.
//   - Of the epochs it leaves the newest, as if that had begun at begins. It is the epoch of entry i: a term begins with an empty entry.
//
// A producer has the batches that are still remembered and lie before. They are of its epoch of now. Are there any, it was not forgotten since, and what else it had then has been
// pushed out by later ones, which come again; are there none, it has been made by a batch after i, or forgotten, which comes again as well. The configuration is the newest: raft passes
// over the entries up to its index.
func (s *state) at(i consensus.Index, t consensus.Term, begins kafka.Offset) *state {
	out := newState()
	out.applied, out.highWatermark, out.logStart = i, begins, begins
	out.lastAppendMillis, out.configuration, out.rows = s.lastAppendMillis, s.configuration, s.rows
	out.epochs = []epochStart{{kafka.LeaderEpoch(t), begins}}
	for id, p := range s.producers {
		n := 0
		for n < len(p.batches) && p.batches[n].base < begins {
			n++
		}
		if n > 0 {
			out.producers[id] = &producer{p.epoch, append([]producedBatch(nil), p.batches[:n]...)}
		}
	}
	return out
}

// snapshot is what raft sends to a replica that needs entries before the log.
func (p *Partition) snapshot() (consensus.Snapshot, bool) {
	i := p.replica.First() - 1
	if i == 0 || p.installing > 0 || p.state.applied < p.replica.Applied() {
		return consensus.Snapshot{}, false
	}
	terms := consensus.Terms{{Term: p.replica.Terms().Of(i), Start: i}}
	return consensus.Snapshot{
		Index: i, Term: terms[0].Term, Configuration: p.state.configuration, State: p.state.at(i, terms[0].Term, p.begins).encode(terms),
	}, true
}

func (p *Partition) sending(m *pb.Message) Snapshotted {
	of, err := consensus.SnapshotIn(m)
	var s *state
	if err == nil {
		s, _, err = decode(of.State)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: raft sends what this replica has not made: %v", p.o.Name, err))
	}
	return Snapshotted{Message: m, Index: of.Index, Rows: s.rows}
}

// Sent says whether a snapshot has arrived at another replica.
func (p *Partition) Sent(raftID uint64, arrived bool) { p.replica.Sent(raftID, arrived) }

// An arriving snapshot is what Install was called with.
type arriving struct {
	of     consensus.Snapshot
	state  *state
	chunks [][]byte
}

// Install takes a leader's snapshot, with the machine's rows that belong to it. Where raft needs it, it replaces log and state, as soon as it is durable; what was there before answers
// until then. It fails where the message holds none that this version can read.
func (p *Partition) Install(m *pb.Message, chunks [][]byte) error {
	of, err := consensus.SnapshotIn(m)
	if err != nil {
		return fmt.Errorf("%s: %w", p.o.Name, err)
	}
	s, _, err := decode(of.State)
	switch {
	case err != nil:
		return fmt.Errorf("%s: snapshot from replica %d: %w", p.o.Name, m.GetFrom(), err)
	case s.applied != of.Index:
		return fmt.Errorf("%s: snapshot from replica %d of entry %d has the state of entry %d", p.o.Name, m.GetFrom(), of.Index, s.applied)
	case p.arriving == nil && !p.leavesOut(m): // one in a turn
		p.arriving = &arriving{of, s, chunks}
		p.Wake()
		p.replica.Step(m)
	}
	return nil
}

// install makes a write that raft wants with its snapshot one that the store can take.
func (p *Partition) install(w *LogWrite) {
	a := p.arriving
	if a == nil || a.of.Index != w.raft.Snapshot.Index {
		panic(fmt.Sprintf("%s: raft installs a snapshot of entry %d that has not come", p.o.Name, w.raft.Snapshot.Index))
	}
	w.Snapshot = &Snapshot{Index: a.of.Index, Term: a.of.Term, State: a.of.State}
	w.Chunks, w.Reset, w.LogStart, w.installs = a.chunks, true, a.state.logStart, a.state
	p.installing++
}

// installed replaces the state by that of a snapshot that is durable.
func (p *Partition) installed(s *state) {
	p.installing--
	p.tail.drop(len(p.tail.batches))
	p.state, p.begins, p.compactedTo = s, s.highWatermark, s.applied+1
	p.logEnd = s.highWatermark
	p.unsaved, p.sinceCheckpoint = false, 0
	p.waiting.fetches = slices.DeleteFunc(p.waiting.fetches, func(w fetching) bool {
		gone := w.query.Offset < s.logStart
		if gone {
			p.out.Replies = append(p.out.Replies, Reply{Ticket: w.ticket, Err: kerr.OffsetOutOfRange})
		}
		return gone
	})
	p.out.Applied, p.out.Installed, p.out.SnapshotDue, p.observing = nil, true, false, true
	p.trim()
}

// Rows is the end of the log that the rows beside the snapshot are from. As long as it is above the high watermark, the log up to there has to be applied before they are told to anybody: what
// it says of a row in between is older.
func (p *Partition) Rows() kafka.Offset { return p.state.rows }
