package consensus

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A Snapshot stands for all entries of a log up to an index.
type Snapshot struct {
	Index Index
	Term  Term
	// Configuration may be that of a later entry, as its own Index says.
	Configuration Configuration
	// State is the owner's: what these entries amount to.
	State []byte
}

// configurationIndexSize is what stands before the state in raft's form of a snapshot, which knows the configuration and not where it comes from.
const configurationIndexSize = 8

// Snapshot is asked for when a follower needs what the log no longer holds.
func (s *storage) Snapshot() (*pb.Snapshot, error) {
	if s.snapshot == nil {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	of, ok := s.snapshot()
	if !ok {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	data := make([]byte, 0, configurationIndexSize+len(of.State))
	data = binary.BigEndian.AppendUint64(data, uint64(of.Configuration.Index))
	return &pb.Snapshot{
		Data: append(data, of.State...),
		Metadata: &pb.SnapshotMetadata{
			Index: new(uint64(of.Index)), Term: new(uint64(of.Term)), ConfState: of.Configuration.confState(),
		},
	}, nil
}

// SnapshotIn returns the snapshot that a message of raft brings. It fails where that can't be one.
func SnapshotIn(m *pb.Message) (Snapshot, error) {
	meta, data := m.GetSnapshot().GetMetadata(), m.GetSnapshot().GetData()
	out := Snapshot{Index: Index(meta.GetIndex()), Term: Term(meta.GetTerm()), Configuration: configurationOf(meta.GetConfState())}
	switch {
	case m.GetType() != pb.MsgSnap || len(m.GetEntries()) > 0:
		return out, fmt.Errorf("a %v brings no snapshot", m.GetType())
	case out.Index == 0 || out.Term == 0 || meta.GetTerm() > m.GetTerm() || len(data) < configurationIndexSize:
		return out, fmt.Errorf("a snapshot of entry %d, term %d, with %d bytes, in term %d", out.Index, out.Term, len(data), m.GetTerm())
	case len(out.Configuration.Voters) == 0:
		return out, fmt.Errorf("the snapshot of entry %d has no voters", out.Index)
	}
	out.Configuration.Index, out.State = Index(binary.BigEndian.Uint64(data)), data[configurationIndexSize:]
	_, err := out.Configuration.tracker()
	return out, err
}

// restore makes a log of a snapshot that raft has accepted: it begins after it, and holds nothing yet.
func (r *Replica) restore(s *pb.Snapshot) *Snapshot {
	of, err := SnapshotIn(&pb.Message{Type: pb.MsgSnap.Enum(), Term: s.GetMetadata().Term, Snapshot: s})
	if err != nil {
		panic(fmt.Sprintf("consensus: raft has accepted %v", err)) // Step has looked at it
	}
	r.storage.first, r.storage.terms, r.storage.tail = of.Index+1, Terms{{of.Term, of.Index}}, tail{next: of.Index + 1}
	r.configured = max(of.Index, of.Configuration.Index)
	return &of
}

// Sent says what became of a snapshot that was to be sent to a replica. Until then nothing else is sent to it.
func (r *Replica) Sent(id uint64, arrived bool) {
	status := raft.SnapshotFailure
	if arrived {
		status = raft.SnapshotFinish
	}
	r.node.ReportSnapshot(id, status)
}
