package messages

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
)

// What a sender is told whose message reached nobody: that the cluster is not as it thinks, which clients look into.

// Undelivered refuses the batch.
func (m *Produce) Undelivered() (*actor.PID, any) { return m.Reply.refusal(kerr.NotLeaderForPartition) }

// Undelivered refuses the read.
func (m *Fetch) Undelivered() (*actor.PID, any) { return m.Reply.refusal(kerr.NotLeaderForPartition) }

// Undelivered refuses the read.
func (m *ReadCold) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.NotLeaderForPartition)
}

// Undelivered refuses the question.
func (m *ListOffsets) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.NotLeaderForPartition)
}

// Undelivered refuses the question.
func (m *OffsetForLeaderEpoch) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.NotLeaderForPartition)
}

// Undelivered refuses the move.
func (m *DeleteRecords) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.NotLeaderForPartition)
}

// Undelivered refuses the transfer.
func (m *Transfer) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.NotLeaderForPartition)
}

// Undelivered refuses the question.
func (m *DescribeReplica) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.NotLeaderForPartition)
}

// Undelivered refuses the request.
func (m *Coordinate) Undelivered() (*actor.PID, any) { return m.Reply.refusal(kerr.NotCoordinator) }

// Undelivered refuses the request.
func (m *CoordinateAll) Undelivered() (*actor.PID, any) { return m.Reply.refusal(kerr.NotCoordinator) }

// Shortened is the answer without what was asked for, where the way to who asked is full: an error that has clients ask again.
func (r *Reply) Shortened() any {
	switch r.Value.(type) {
	case nil:
		return r
	case *Produced, *Fetched, *ColdRead, *ListedOffset, *EpochEnd, *LogStart:
		return &Reply{Slot: r.Slot, Err: kerr.NotLeaderForPartition}
	}
	return &Reply{Slot: r.Slot, Err: kerr.NotCoordinator}
}

func (r ReplyTo) refusal(err error) (*actor.PID, any) { return r.PID, &Reply{Slot: r.Slot, Err: err} }
