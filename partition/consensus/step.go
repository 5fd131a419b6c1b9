package consensus

import (
	"math"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Step takes a message from another replica. One that is for another replica, or that no replica sends, is dropped, as the network might have: what it says
// is not to be trusted before that.
func (r *Replica) Step(m *pb.Message) {
	if r.plausible(m) {
		_ = r.node.Step(m)
	}
}

// betweenReplicas tells which messages replicas send each other. The others are a node's own, or would be forwarded to the leader.
func betweenReplicas(t pb.MessageType) bool {
	switch t {
	case pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgPreVote, pb.MsgPreVoteResp, pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgTimeoutNow, pb.MsgSnap:
		return true
	}
	return false
}

func (r *Replica) plausible(m *pb.Message) bool {
	from := m.GetFrom()
	switch {
	case m.GetTo() != r.id || from == 0 || from == r.id || raft.IsLocalMsgTarget(from):
		return false
	case !betweenReplicas(m.GetType()) || m.GetTerm() == 0 || m.GetTerm() > math.MaxInt32:
		return false
	case isOutdated(Term(m.GetTerm()), r.term):
		return false
	case m.GetType() == pb.MsgAppResp && !m.GetReject() && m.GetTerm() == uint64(r.term) && Index(m.GetIndex()) > r.Last():
		return false // it has what was never sent
	case m.GetType() == pb.MsgSnap:
		_, err := SnapshotIn(m)
		return err == nil
	}
	return plausibleEntries(m)
}

// plausibleEntries tells whether a message's entries may follow the one that it names. Of 8 bytes is no entry: that would be taken for a token.
func plausibleEntries(m *pb.Message) bool {
	if m.GetType() != pb.MsgApp {
		return len(m.GetEntries()) == 0
	}
	index, term := m.GetIndex(), m.GetLogTerm()
	for _, e := range m.GetEntries() {
		index++
		if e.GetIndex() != index || e.GetTerm() < term || e.GetTerm() > m.GetTerm() {
			return false
		}
		term = e.GetTerm()
		switch e.GetType() {
		case pb.EntryNormal:
			if n := len(e.GetData()); n > 0 && n <= tokenSize {
				return false
			}
		case pb.EntryConfChangeV2:
			if proto.Unmarshal(e.GetData(), &pb.ConfChangeV2{}) != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}
