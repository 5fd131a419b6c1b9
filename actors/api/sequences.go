package api

import (
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A refusedSequences is the batches of idempotent producers that were refused on one connection and have not come again. A producer has several requests in
// flight: what it had sent behind a refused batch is appended only where the partition knows the producer, and so by the sequence numbers (KIP-98) that nothing is missing in front of it.
// A producer that is not known may begin anywhere.
type refusedSequences map[sequenceKey]refusedSequence

type refusedSequence struct {
	first   kafka.Sequence
	request uint64 // which of the connection's Produce requests it was
}

type sequenceKey struct {
	topic     kafka.TopicID
	partition int32
	producer  kafka.ProducerID
	epoch     kafka.ProducerEpoch
}

// inFlightMax is how many requests an idempotent producer has in flight on a connection at most (max.in.flight.requests.per.connection, KIP-98). Answers come in the order of requests, so one
// that comes later was sent in the knowledge of the refusal, by a producer that has had the refused batch taken elsewhere meanwhile.
const inFlightMax = 5

// refusedMax bounds how many producers and partitions of one connection are remembered.
const refusedMax = 10_000

func sequenceKeyOf(topic kafka.TopicID, partition int32, b record.Batch) sequenceKey {
	return sequenceKey{topic, partition, b.ProducerID(), b.ProducerEpoch()}
}

// follows tells whether the batch stands behind one that was refused, and was sent before that was known. The refused one itself, or one before it, ends that.
func (s refusedSequences) follows(key sequenceKey, b record.Batch, request uint64) bool {
	of, ok := s[key]
	if !ok {
		return false
	}
	if of.isBefore(b.BaseSequence(), request) {
		return true
	}
	delete(s, key)
	return false
}

// isBefore tells whether a batch of a request stands behind the refused one, and was sent before that was known.
func (of refusedSequence) isBefore(first kafka.Sequence, request uint64) bool {
	return first.IsBehind(of.first) && request < of.request+inFlightMax
}

// note says that a batch of a request was refused now and will come again. It is the one that is waited for, again where it was before, unless it stands behind another.
func (s refusedSequences) note(key sequenceKey, first kafka.Sequence, request uint64) {
	of, ok := s[key]
	if key.producer == kafka.NoProducer || ok && of.isBefore(first, request) || !ok && len(s) >= refusedMax {
		return
	}
	s[key] = refusedSequence{first, max(request, of.request)}
}
