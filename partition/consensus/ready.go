package consensus

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A Ready is everything that has to happen after one turn of messages.
type Ready struct {
	// Writes are to be made durable in this order, and handed back with Stored in this order.
	Writes []*Write
	// Messages go to other replicas; losing one does no harm.
	Messages []*pb.Message
	// Committed are the entries to apply, in order. They were applied as far as raft is concerned.
	Committed []Entry
	// Confirmed are the tokens of ReadIndex calls that a majority has confirmed.
	Confirmed []uint64
}

// A Write is what must be durable before the replicas that wait for it, this one among them, may know.
type Write struct {
	Snapshot  *Snapshot  // where not nil, replaces the whole log, and the owner's state once the write is durable
	Entries   []Entry    // replace what stands at their first index and above
	Hard      *HardState // nil where it need not be written
	Sync      bool       // false: nothing of it has to survive a crash
	responses []*pb.Message
}

// Ready returns what has to happen now. The caller does all of it before the next call of any method.
func (r *Replica) Ready() Ready {
	var out Ready
	r.storage.toRead = readBytesMax
	for r.node.HasReady() {
		rd := r.node.Ready()
		if rd.HardState != nil {
			r.hard = HardState{Term(rd.HardState.GetTerm()), rd.HardState.GetVote(), Index(rd.HardState.GetCommit())}
		}
		for _, s := range rd.ReadStates {
			out.Confirmed = append(out.Confirmed, binary.BigEndian.Uint64(s.RequestCtx))
		}
		// The write first: it gives the new entries, which messages to followers hold too, their data.
		for _, m := range rd.Messages {
			if m.GetTo() != raft.LocalAppendThread {
				continue
			}
			if w := r.write(m); w != nil {
				out.Writes = append(out.Writes, w)
			}
		}
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
			case raft.LocalApplyThread:
				out.Committed = append(out.Committed, r.apply(m)...)
			default:
				out.Messages = r.outgoing(out.Messages, m)
			}
		}
		r.look()
	}
	// A commit alone is not worth a write, but for one that changed the configuration: a replica that came back with an earlier one would wait for voters that are
	// long gone.
	if r.reconfigured && r.hard.Commit > r.written.Commit {
		hard := r.hard
		out.Writes = append(out.Writes, &Write{Hard: &hard, Sync: true})
		r.written = hard
	}
	r.reconfigured = false
	return out
}

// write turns a MsgStorageAppend into a Write; nil where there is nothing to wait for.
func (r *Replica) write(m *pb.Message) *Write {
	w := &Write{responses: m.GetResponses()}
	if s := m.GetSnapshot(); s != nil {
		w.Snapshot = r.restore(s)
	}
	if len(m.GetEntries()) > 0 {
		w.Entries = make([]Entry, len(m.GetEntries()))
		for i, e := range m.GetEntries() {
			w.Entries[i] = r.fromRaft(e)
		}
		r.storage.append(w.Entries)
	}
	voted := r.hard.Term != r.written.Term || r.hard.Vote != r.written.Vote
	if voted || len(w.Entries) > 0 || w.Snapshot != nil {
		w.Sync = true
		if r.hard != r.written {
			hard := r.hard
			w.Hard, r.written = &hard, hard
		}
	}
	if !w.Sync && len(w.responses) == 0 {
		return nil
	}
	return w
}

// fromRaft gives an entry that is to be stored its data: what was proposed here, or what came from the leader.
func (r *Replica) fromRaft(e *pb.Entry) Entry {
	out := Entry{Index: Index(e.GetIndex()), Term: Term(e.GetTerm()), Data: e.GetData()}
	switch {
	case e.GetType() != pb.EntryNormal:
		out.Kind = Reconfigure
	case len(out.Data) == 0:
		out.Kind = Empty
	case len(out.Data) == tokenSize:
		token := binary.BigEndian.Uint64(out.Data)
		for len(r.proposals) > 0 && r.proposals[0].token < token {
			r.proposals = r.proposals[1:] // dropped by raft after it had accepted them
		}
		if len(r.proposals) == 0 || r.proposals[0].token != token {
			panic(fmt.Sprintf("consensus: entry %d refers to proposal %d, which is not here", out.Index, token))
		}
		out.Kind, out.Data = r.proposals[0].kind, r.proposals[0].data
		r.proposals[0] = proposal{}
		r.proposals = r.proposals[1:]
	default:
		out.Kind = KindOf(out.Data)
	}
	return out
}

// KindOf tells a batch from a command: a command begins with eight bytes of 0xff, where a batch has its base offset.
func KindOf(data []byte) Kind {
	if int64(binary.BigEndian.Uint64(data)) == -1 {
		return Command
	}
	return Batch
}

// apply turns a MsgStorageApply into committed entries and tells raft at once that they are applied: the caller's state
// changes before anything else of this replica happens.
func (r *Replica) apply(m *pb.Message) []Entry {
	entries := m.GetEntries()
	lo, hi := Index(entries[0].GetIndex()), Index(entries[len(entries)-1].GetIndex())+1
	committed := r.storage.tail.slice(lo, hi, 1<<63)
	r.applied = hi - 1 // before raft may ask for a snapshot, which the owner does not have of a configuration that it has not seen
	for _, e := range committed {
		if e.Kind == Reconfigure && e.Index > r.configured {
			r.applyConfiguration(e)
		}
	}
	for _, resp := range m.GetResponses() {
		_ = r.node.Step(resp)
	}
	return committed
}

func (r *Replica) applyConfiguration(e Entry) {
	var cc pb.ConfChangeV2
	if err := proto.Unmarshal(e.Data, &cc); err != nil {
		panic(fmt.Sprintf("consensus: configuration entry %d: %v", e.Index, err))
	}
	r.node.ApplyConfChange(&cc)
	r.reconfigured = true
}

// outgoing appends a message to another replica with the data of its entries. Raft counts the bytes of entries that it has as tokens wrong: a message that holds
// too much leaves as several, one after the other, which a follower takes as if the leader had sent them so.
func (r *Replica) outgoing(out []*pb.Message, m *pb.Message) []*pb.Message {
	switch {
	case !betweenReplicas(m.GetType()):
		return out // such as a read that a leader asked for when it had just stopped leading
	case m.GetType() != pb.MsgApp || len(m.GetEntries()) == 0:
		return append(out, m)
	}
	all, bytes := m.GetEntries(), 0
	m.Entries = make([]*pb.Entry, 0, len(all))
	for _, e := range all {
		if e.GetType() == pb.EntryNormal && len(e.GetData()) == tokenSize {
			data, ok := r.dataOf(Index(e.GetIndex()), Term(e.GetTerm()))
			if !ok {
				break // this replica has stopped leading
			}
			e = &pb.Entry{Term: e.Term, Index: e.Index, Type: e.Type, Data: data}
		}
		if n := len(m.Entries); n > 0 && bytes+len(e.GetData()) > messageBytesMax {
			out = append(out, m)
			last := m.Entries[n-1]
			m = &pb.Message{Type: m.Type, To: m.To, From: m.From, Term: m.Term, Index: last.Index, LogTerm: last.Term, Commit: m.Commit}
			bytes = 0
		}
		m.Entries = append(m.Entries, e)
		bytes += len(e.GetData())
	}
	return append(out, m)
}

// dataOf returns the data of an entry that is not on this replica's disk yet; ok is false where another leader has replaced it.
func (r *Replica) dataOf(i Index, term Term) (data []byte, ok bool) {
	t := &r.storage.tail
	if i < t.first() || i >= t.next {
		return nil, false
	}
	e := &t.entries[i-t.first()]
	return e.Data, e.Term == term
}
