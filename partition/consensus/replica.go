package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// What Propose and Reconfigure are refused with.
var (
	ErrNotLeader    = errors.New("not the leader")
	ErrTransferring = errors.New("leadership is being handed over")
)

const (
	tokenSize = 8
	// messageBytesMax bounds what one message to a follower, or one turn of applying, holds: at least one entry.
	messageBytesMax = 1 << 20
	// readBytesMax bounds what one turn reads from the store for followers that are far behind: the read that reaches it is the last.
	readBytesMax = 1 << 20
	// inflightMax and inflightBytesMax bound what is sent to a follower before it answers. Of an entry that is not on this replica's disk yet raft knows the token
	// only: new entries are bounded in number here, and in bytes by what the owner proposes.
	inflightMax      = 256
	inflightBytesMax = 8 << 20
)

// Options is what a Replica begins with: what its store held, and how to read the rest of it.
type Options struct {
	ID             uint64 // the replica's raft id, unique for ever
	ElectionTicks  int    // ticks without a leader before a campaign; raft adds a random part of the same size
	HeartbeatTicks int    // ticks between two heartbeats of a leader

	Hard HardState
	// Configuration is that of the applied index.
	Configuration Configuration
	// SnapshotIndex and SnapshotTerm are those of the state before the log; zero for a log that begins at 1.
	SnapshotIndex Index
	SnapshotTerm  Term
	// Applied is the last index whose effects the owner already has. It is at least SnapshotIndex and at most Hard.Commit.
	Applied Index
	// Terms are those of all entries up to Applied.
	Terms Terms
	// Tail holds the stored entries after Applied, all of them.
	Tail []Entry
	// Read returns entries [lo, hi) of the store, or the first of them; none where the follower for which they are has to wait. It is only called for entries that have left the tail.
	Read func(lo, hi Index, maxBytes int) ([]Entry, error)
	// Snapshot returns what a replica can begin with that needs entries before the first of the log; ok is false where there is nothing to give now. Where it is nil there never is.
	Snapshot func() (s Snapshot, ok bool)
	// Warn, where not nil, is told what raft finds worth a warning.
	Warn func(message string)
}

// A Replica is one copy of a replicated log. It is used by one goroutine at a time.
type Replica struct {
	node    *raft.RawNode
	storage *storage
	id      uint64

	proposals []proposal // waiting for raft to hand out their entries, oldest first
	proposed  uint64     // the newest token
	hard      HardState  // newest
	written   HardState  // newest that was handed out
	applied   Index
	// reconfigured: the configuration was changed by what this turn applied.
	reconfigured bool
	// configured is the last entry whose change of the configuration, if it was one, is in raft's.
	configured Index

	term     Term
	leader   uint64
	isLeader bool
}

type proposal struct {
	token uint64
	kind  Kind
	data  []byte
}

// New returns a replica that continues where its store left off, as a follower that knows no leader.
func New(o Options) (*Replica, error) {
	commit := max(o.Hard.Commit, o.Applied)
	s := &storage{
		hard:  &pb.HardState{Term: new(uint64(o.Hard.Term)), Vote: new(o.Hard.Vote), Commit: new(uint64(commit))},
		conf:  o.Configuration.confState(),
		first: o.SnapshotIndex + 1,
		terms: o.Terms.after(o.SnapshotTerm, o.SnapshotIndex),
		tail:  tail{next: o.Applied + 1},
		read:  o.Read, snapshot: o.Snapshot,
	}
	for _, e := range o.Tail {
		if e.Index != s.tail.next {
			return nil, fmt.Errorf("stored entry %d follows entry %d", e.Index, s.tail.next-1)
		}
		s.append([]Entry{e})
	}
	if commit >= s.tail.next {
		return nil, fmt.Errorf("commit index %d lies beyond the last stored entry %d", commit, s.tail.next-1)
	}
	r := &Replica{storage: s, id: o.ID, applied: o.Applied, configured: max(o.Applied, o.Configuration.Index)}
	r.hard = HardState{Term: o.Hard.Term, Vote: o.Hard.Vote, Commit: commit}
	r.written = o.Hard
	node, err := raft.NewRawNode(&raft.Config{
		ID:                        o.ID,
		ElectionTick:              o.ElectionTicks,
		HeartbeatTick:             o.HeartbeatTicks,
		Storage:                   s,
		Applied:                   uint64(o.Applied),
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             messageBytesMax,
		MaxCommittedSizePerReady:  messageBytesMax,
		MaxUncommittedEntriesSize: 1 << 30, // of tokens: who proposes bounds the bytes
		MaxInflightMsgs:           inflightMax,
		MaxInflightBytes:          inflightBytesMax,
		CheckQuorum:               true,
		PreVote:                   true,
		StepDownOnRemoval:         true,
		DisableProposalForwarding: true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		Logger:                    logger{o.Warn},
	})
	if err != nil {
		return nil, fmt.Errorf("raft: %w", err)
	}
	r.node = node
	r.look()
	return r, nil
}

func (s *storage) append(entries []Entry) {
	s.terms = s.terms.truncate(entries[0].Index)
	for _, e := range entries {
		s.terms = s.terms.append(e.Term, e.Index)
	}
	s.tail.append(entries)
}

// Propose appends data to the log if this replica leads. The data is kept, not copied, and must not change any more. The
// entry comes out of Ready's Committed when it is safe, or never, if another leader takes over.
func (r *Replica) Propose(kind Kind, data []byte) error {
	if len(data) <= tokenSize {
		panic(fmt.Sprintf("consensus: a proposal of %d bytes can't be told from a token", len(data)))
	}
	var token [tokenSize]byte
	binary.BigEndian.PutUint64(token[:], r.proposed+1)
	if err := r.node.Propose(token[:]); err != nil {
		return r.refusal()
	}
	r.proposed++
	r.proposals = append(r.proposals, proposal{r.proposed, kind, data})
	return nil
}

// refusal is why raft has dropped a proposal.
func (r *Replica) refusal() error {
	if s := r.node.BasicStatus(); s.RaftState == raft.StateLeader && s.LeadTransferee != raft.None {
		return ErrTransferring
	}
	return ErrNotLeader
}

// Transferring tells whether this replica leads and is handing leadership over.
func (r *Replica) Transferring() bool { return errors.Is(r.refusal(), ErrTransferring) }

// Campaign makes the replica ask for votes now instead of waiting for its election timeout. A learner, or a replica that the
// configuration does not name, does nothing.
func (r *Replica) Campaign() {
	_ = r.node.Campaign()
}

// ForgetLeader makes a follower forget its leader, whose node is dead, so that it grants its vote to others.
func (r *Replica) ForgetLeader() {
	_ = r.node.ForgetLeader()
}

// Unreachable says that messages to a replica may have been lost: a leader then sends carefully until it answers.
func (r *Replica) Unreachable(id uint64) { r.node.ReportUnreachable(id) }

// Transfer begins to hand leadership to a voter. Until that leads, or an election timeout has passed, proposals are refused.
func (r *Replica) Transfer(to uint64) { r.node.TransferLeader(to) }

// Tick advances raft's logical clock. A log with one voter needs no ticks.
func (r *Replica) Tick() { r.node.Tick() }

// ReadIndex asks for proof that this replica still leads. The token comes out of Ready's Confirmed once a majority
// said so, and everything that was committed before the call is applied.
func (r *Replica) ReadIndex(token uint64) {
	var ctx [tokenSize]byte
	binary.BigEndian.PutUint64(ctx[:], token)
	r.node.ReadIndex(ctx[:])
}

// Stored takes back a write that has become durable, in the order in which Ready returned them.
func (r *Replica) Stored(w *Write) (toPeers []*pb.Message) {
	for _, m := range w.responses {
		if to := m.GetTo(); to != r.id && !raft.IsLocalMsgTarget(to) {
			toPeers = append(toPeers, m)
			continue
		}
		_ = r.node.Step(m)
	}
	if w.Snapshot != nil {
		r.applied = max(r.applied, w.Snapshot.Index)
	}
	return toPeers
}

// Term is the current term.
func (r *Replica) Term() Term { return r.term }

// Leader is the raft id of the leader of the current term, zero where none is known.
func (r *Replica) Leader() uint64 { return r.leader }

// IsLeader tells whether this replica leads the current term, as far as it knows.
func (r *Replica) IsLeader() bool { return r.isLeader }

// Applied is the index of the last entry that Ready handed out as committed, or of a later snapshot that Stored took back.
func (r *Replica) Applied() Index { return r.applied }

// Last is the index of the last entry that was handed out for storing.
func (r *Replica) Last() Index { return r.storage.tail.next - 1 }

// Terms are the terms of the log's entries. The slice is shared and read only.
func (r *Replica) Terms() Terms { return r.storage.terms }

// Tail is the newest entries of the log that are in memory. The slice is shared and read only; it stays valid.
func (r *Replica) Tail() []Entry { return r.storage.tail.entries }

// TrimTail lets go of the entries before i, but of none that is not applied.
func (r *Replica) TrimTail(i Index) { r.storage.tail.trim(min(i, r.applied+1)) }

// Compacted says that the log now begins after a snapshot at i, which must be applied.
func (r *Replica) Compacted(i Index) {
	s := r.storage
	if i < s.first {
		return
	}
	s.terms = append(Terms(nil), s.terms.from(i)...)
	s.first = i + 1
}

// First is the index of the log's first entry; the snapshot ends before it.
func (r *Replica) First() Index { return r.storage.first }

func (r *Replica) look() {
	st := r.node.BasicStatus()
	r.term = Term(st.HardState.GetTerm())
	if r.term > math.MaxInt32 {
		panic(fmt.Sprintf("consensus: term %d does not fit a leader epoch", r.term))
	}
	r.leader = st.Lead
	isLeader := st.RaftState == raft.StateLeader
	if r.isLeader && !isLeader {
		r.proposals = nil // raft dropped what it had not handed out
	}
	r.isLeader = isLeader
}
