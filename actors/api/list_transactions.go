package api

import (
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionStates are the states of transactions, by the names that Kafka's tools use (KIP-664).
var transactionStates = []string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"}

// ListTransactions, versions 0-2. v1 a least duration (KIP-994). v2 a pattern of transactional ids (KIP-1152). No node lets a transactional id in (errNoTransactions), so that there is none on any
// of them, and a list without any is the whole one. What is wrong with the question is told.
func listTransactions(r *Request) {
	q := r.Body.(*kmsg.ListTransactionsRequest)
	response := kmsg.NewPtrListTransactionsResponse()
	if q.TransactionalIDPattern != nil {
		if _, err := regexp.Compile(*q.TransactionalIDPattern); err != nil {
			response.ErrorCode = r.errCode(kerr.InvalidRegularExpression)
			r.respond(response)
			return
		}
	}
	for _, state := range q.StateFilters {
		if !slices.Contains(transactionStates, state) {
			response.UnknownStateFilters = append(response.UnknownStateFilters, state)
		}
	}
	r.respond(response)
}
