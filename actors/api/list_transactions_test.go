package api

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// There are no transactions, and who asks for them is told what is wrong with the question.
func TestListTransactions(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		name, pattern string
		states        []string
		unknown       []string
		err           *kerr.Error
	}{
		{name: "all"},
		{name: "states", states: []string{"Ongoing", "PrepareEpochFence"}},
		{name: "a state that there is not", states: []string{"Ongoing", "ongoing"}, unknown: []string{"ongoing"}},
		{name: "pattern", pattern: "a.*"},
		{name: "what is no pattern", pattern: "a(", err: kerr.InvalidRegularExpression},
	} {
		q := kmsg.NewPtrListTransactionsRequest()
		q.Version, q.StateFilters = 2, c.states
		if c.pattern != "" {
			q.TransactionalIDPattern = &c.pattern
		}
		got := response[*kmsg.ListTransactionsResponse](b, b.send(q))
		if len(got.TransactionStates) > 0 || !slices.Equal(got.UnknownStateFilters, c.unknown) || (got.ErrorCode != 0) != (c.err != nil) || c.err != nil && got.ErrorCode != c.err.Code {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
