package api

import (
	"math"
	"testing"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

func producedBy(t *testing.T, id kafka.ProducerID, first kafka.Sequence) record.Batch {
	t.Helper()
	b := record.Builder{Producer: &record.Producer{ID: id, Sequence: first}}
	for range 3 {
		b.Add(record.Record{Timestamp: 1})
	}
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a producer sent behind a refused batch waits for that batch to come again.
func TestRefusedSequences(t *testing.T) {
	s := refusedSequences{}
	request := uint64(1)
	follows := func(id kafka.ProducerID, first kafka.Sequence) bool {
		b := producedBy(t, id, first)
		return s.follows(sequenceKeyOf(kafka.TopicID{1}, 0, b), b, request)
	}
	refuse := func(id kafka.ProducerID, first kafka.Sequence) {
		s.note(sequenceKeyOf(kafka.TopicID{1}, 0, producedBy(t, id, first)), first, request)
	}
	if follows(1, 3) {
		t.Error("nothing was refused")
	}
	refuse(1, 0)
	refuse(1, 3)
	if !follows(1, 3) || !follows(1, 6) {
		t.Error("what follows a refused batch is let through")
	}
	if follows(2, 3) {
		t.Error("another producer has to do with it")
	}
	if follows(1, 0) || follows(1, 3) {
		t.Error("the batch has come again, and is not let through with what follows")
	}
	refuse(1, math.MaxInt32-2) // its last record has the largest sequence
	if !follows(1, 0) || follows(1, math.MaxInt32-2) || follows(1, 0) {
		t.Error("sequences wrap")
	}
	refuse(1, 30)
	if follows(1, 27) || len(s) != 0 {
		t.Error("a producer that goes back further begins anew")
	}
	for _, c := range []struct {
		name    string
		request uint64
		want    bool
	}{
		{"the last that can have been in flight", inFlightMax, true},
		{"one that was sent when the refusal was known", inFlightMax + 1, false},
	} {
		request = 1
		refuse(1, 0)
		request = c.request
		if got := follows(1, 3); got != c.want {
			t.Errorf("%s stands behind: %v", c.name, got)
		}
		request = 1
		follows(1, 0)
	}
	request = 1
	refuse(1, 0)
	refuse(1, 3)
	request = 1 + inFlightMax
	refuse(1, 0) // the same again
	request++
	if !follows(1, 3) {
		t.Error("what follows a batch that is refused again is let through")
	}
	request += inFlightMax
	refuse(1, 6) // what came before it was taken elsewhere
	request++
	if follows(1, 3) || follows(1, 6) {
		t.Error("what comes later waits for a batch that was sent before the refusal was known")
	}
	refuse(1, 9)
	request++
	if follows(1, 9) || follows(1, 12) || len(s) != 0 {
		t.Error("a batch that has come again is waited for")
	}
	refuse(kafka.NoProducer, 0)
	if len(s) != 0 {
		t.Error("a producer that is not idempotent is remembered")
	}
}
