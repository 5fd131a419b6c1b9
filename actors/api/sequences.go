package api

import (
	"math"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A refusedSequences is the batches of idempotent producers that were refused on one connection and have not come again. A producer has several requests in
// flight: what it had sent behind a refused batch is refused too, or it would be appended before it where the partition does not know the producer yet. Where it
// does, the sequence numbers say so (KIP-98).
type refusedSequences map[sequenceKey]refusedSequence

type refusedSequence struct {
	first   kafka.Sequence
	refused int // batches behind it
}

type sequenceKey struct {
	topic     kafka.TopicID
	partition int32
	producer  kafka.ProducerID
	epoch     kafka.ProducerEpoch
}

// behindMax is how many batches behind a refused one are refused. Clients have five requests in flight, each with a batch or a few; one that has had more refused
// does not mean to send the first again over this connection.
const behindMax = 32

// refusedMax bounds how many producers and partitions of one connection are remembered.
const refusedMax = 10_000

func sequenceKeyOf(topic kafka.TopicID, partition int32, b record.Batch) sequenceKey {
	return sequenceKey{topic, partition, b.ProducerID(), b.ProducerEpoch()}
}

// follows tells whether the batch stands behind one that was refused. The refused one itself, or one before it, ends that.
func (s refusedSequences) follows(key sequenceKey, b record.Batch) bool {
	at, ok := s[key]
	if !ok {
		return false
	}
	// Sequences wrap; a producer has few batches in flight, so what is less than half of them ahead stands behind.
	ahead := uint32(b.BaseSequence()-at.first) & math.MaxInt32
	if at.refused++; ahead != 0 && ahead < math.MaxInt32/2 && at.refused <= behindMax {
		s[key] = at
		return true
	}
	delete(s, key)
	return false
}

// note says that a batch was refused and will come again.
func (s refusedSequences) note(key sequenceKey, first kafka.Sequence) {
	if key.producer == kafka.NoProducer || len(s) >= refusedMax {
		return
	}
	if _, ok := s[key]; !ok {
		s[key] = refusedSequence{first: first}
	}
}
