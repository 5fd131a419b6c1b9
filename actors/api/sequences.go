package api

import (
	"math"
	"time"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A refusedSequences is the batches of idempotent producers that were refused on one connection and have not come again. A producer has several requests in
// flight: what it had sent behind a refused batch is refused too, or it would be appended before it where the partition does not know the producer yet. Where it
// does, the sequence numbers say so (KIP-98).
type refusedSequences map[sequenceKey]refusedSequence

type refusedSequence struct {
	first   kafka.Sequence
	request uint64 // which of the connection's Produce requests it was
	at      time.Time
}

type sequenceKey struct {
	topic     kafka.TopicID
	partition int32
	producer  kafka.ProducerID
	epoch     kafka.ProducerEpoch
}

// inFlightMax is how many requests an idempotent producer has in flight on a connection at most (max.in.flight.requests.per.connection, KIP-98). One that comes later was sent in the
// knowledge of the refusal, by a producer that has had the refused batch taken elsewhere meanwhile.
const inFlightMax = 5

// inFlightFor is how long a request may come after a refusal that its sender has not heard of.
const inFlightFor = 5 * time.Second

// refusedMax bounds how many producers and partitions of one connection are remembered.
const refusedMax = 10_000

func sequenceKeyOf(topic kafka.TopicID, partition int32, b record.Batch) sequenceKey {
	return sequenceKey{topic, partition, b.ProducerID(), b.ProducerEpoch()}
}

// follows tells whether the batch stands behind one that was refused, and was sent before that was known. The refused one itself, or one before it, ends that.
func (s refusedSequences) follows(key sequenceKey, b record.Batch, request uint64, now time.Time) bool {
	of, ok := s[key]
	if !ok {
		return false
	}
	if of.isBefore(b.BaseSequence(), request, now) {
		return true
	}
	delete(s, key)
	return false
}

// isBefore tells whether a batch of a request stands behind the refused one, and was sent before that was known. Sequences wrap; a producer has few batches in flight, so what is less than half
// of them ahead stands behind.
func (of refusedSequence) isBefore(first kafka.Sequence, request uint64, now time.Time) bool {
	ahead := uint32(first-of.first) & math.MaxInt32
	return ahead != 0 && ahead < math.MaxInt32/2 && request < of.request+inFlightMax && now.Sub(of.at) < inFlightFor
}

// note says that a batch of a request was refused now and will come again. It is the one that is waited for, again where it was before, unless it stands behind another.
func (s refusedSequences) note(key sequenceKey, first kafka.Sequence, request uint64, now time.Time) {
	of, ok := s[key]
	if key.producer == kafka.NoProducer || ok && of.isBefore(first, request, now) || !ok && len(s) >= refusedMax {
		return
	}
	s[key] = refusedSequence{first, max(request, of.request), now}
}
