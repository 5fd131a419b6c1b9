package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// AlterPartitionReassignments, versions 0-1 (KIP-455). v1 a number of replicas that must not change (KIP-860). The answer says what the metadata has taken
// for its wish; how far it is shows ListPartitionReassignments.
func alterPartitionReassignments(r *Request) {
	q := r.Body.(*kmsg.AlterPartitionAssignmentsRequest)
	r.within(q.TimeoutMillis)
	r.askController(q, func(value any, err error) {
		response, ok := value.(*kmsg.AlterPartitionAssignmentsResponse)
		if !ok {
			response = kmsg.NewPtrAlterPartitionAssignmentsResponse()
			response.AllowReplicationFactorChange = q.AllowReplicationFactorChange
			response.ErrorCode, response.ErrorMessage = r.errCode(err), kafka.Message(err)
			r.respond(response)
			return
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				r.noteCode(p.ErrorCode)
			}
		}
		r.shown(func() { r.respond(response) })
	})
}

// ListPartitionReassignments, version 0 (KIP-455).
func listPartitionReassignments(r *Request) {
	q := r.Body.(*kmsg.ListPartitionReassignmentsRequest)
	r.within(q.TimeoutMillis)
	r.askController(q, func(value any, err error) {
		response, ok := value.(*kmsg.ListPartitionReassignmentsResponse)
		if !ok {
			response = kmsg.NewPtrListPartitionReassignmentsResponse()
			response.ErrorCode, response.ErrorMessage = r.errCode(err), kafka.Message(err)
		}
		r.respond(response)
	})
}
