package partition

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// refusals are the producers that the partition does not know, and of which it has refused a batch in a way that has it come again. What they had sent behind it is
// refused, too: a producer that is not known may begin anywhere, so it would be appended in front. Of a producer that is known the sequence numbers say so.
type refusals map[kafka.ProducerID]*refusal

type refusal struct {
	epoch  kafka.ProducerEpoch
	first  kafka.Sequence
	err    error
	behind int // how many batches behind it were refused
}

const (
	// refusalsMax bounds how many producers are remembered, and behindMax how many of their batches are refused: clients have a few in flight, and one that has had more
	// refused does not mean to send the first again.
	refusalsMax = 10_000
	behindMax   = 32
)

// note remembers a batch of a producer that is not known, where it was refused for now.
func (r refusals) note(b record.Batch, err error) {
	forNow := errors.Is(err, kerr.NotEnoughReplicas) || errors.Is(err, kerr.KafkaStorageError)
	if _, known := r[b.ProducerID()]; known || !forNow || b.ProducerID() == kafka.NoProducer || len(r) >= refusalsMax {
		return
	}
	r[b.ProducerID()] = &refusal{epoch: b.ProducerEpoch(), first: b.BaseSequence(), err: err}
}

// check returns why a batch of a producer that is not known is refused: it stands behind one that was. That one itself, or one before it, ends that.
func (r refusals) check(b record.Batch) error {
	at := r[b.ProducerID()]
	if at == nil {
		return nil
	}
	if at.behind++; at.epoch == b.ProducerEpoch() && b.BaseSequence().IsBehind(at.first) && at.behind <= behindMax {
		return at.err
	}
	delete(r, b.ProducerID())
	return nil
}
