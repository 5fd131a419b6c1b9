package messages

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition"
	"troupe/partition/record"
)

// SurveyReplica asks a replica what it knows of its partition, whoever leads it. Answer: *Surveyed; an error where it is not there, or is being loaded.
type SurveyReplica struct{ Reply ReplyTo }

// Surveyed is what a replica knows.
type Surveyed = partition.Survey

// RecoverReplica has a replica go on alone, on an operator's word: most voters of its partition are lost for ever, and all others are given up. It does not leave its node. Answer:
// *Surveyed, of the replica as it goes on; an error where a leader can be elected by the replicas that are there.
type RecoverReplica struct {
	There []uint64 // the raft ids of the other replicas that are there
	// More, where not nil, returns what is appended to the log with it. It is told which batches are committed with it, that were not known to be.
	More  func(pending []record.Batch) ([]record.Batch, error)
	Reply ReplyTo
}

// Undelivered refuses the question.
func (m *SurveyReplica) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.ReplicaNotAvailable)
}

// Undelivered refuses the recovery.
func (m *RecoverReplica) Undelivered() (*actor.PID, any) {
	return m.Reply.refusal(kerr.ReplicaNotAvailable)
}
