package partition

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// batchesRemembered is how many batches of a producer a partition knows again (KIP-98): clients keep at most that many in flight.
const batchesRemembered = 5

// A producer is what a partition remembers of an idempotent producer.
type producer struct {
	epoch   kafka.ProducerEpoch
	batches []producedBatch // of that epoch, oldest first
}

// A producedBatch is one batch that a producer appended.
type producedBatch struct {
	first, last kafka.Sequence
	base        kafka.Offset
	timestamp   int64 // log append time in milliseconds, -1 with CreateTime
}

func (b producedBatch) nextOffset() kafka.Offset {
	return b.base + kafka.Offset((int64(b.last)-int64(b.first))&0x7fffffff) + 1
}

func (p *producer) clone() *producer {
	return &producer{p.epoch, append([]producedBatch(nil), p.batches...)}
}

// add notes a batch that was appended.
func (p *producer) add(b record.Batch) {
	if epoch := b.ProducerEpoch(); epoch != p.epoch {
		p.epoch, p.batches = epoch, nil
	}
	if len(p.batches) == batchesRemembered {
		p.batches = append(p.batches[:0], p.batches[1:]...)
	}
	p.batches = append(p.batches, producedBatch{b.BaseSequence(), b.LastSequence(), b.BaseOffset(), appendTime(b)})
}

// check tells whether the batch may be appended after what p remembers, in Kafka's order (ProducerAppendInfo,
// ProducerStateEntry). For a batch that p has seen it returns the first one's entry. A nil p is a producer that the partition
// has never heard of, or has forgotten: it may begin anywhere.
func (p *producer) check(b record.Batch) (*producedBatch, error) {
	if p == nil {
		return nil, nil
	}
	epoch, first, last := b.ProducerEpoch(), b.BaseSequence(), b.LastSequence()
	if epoch == p.epoch {
		for i := range p.batches {
			if p.batches[i].first == first && p.batches[i].last == last {
				return &p.batches[i], nil
			}
		}
	}
	switch {
	case epoch < p.epoch:
		return nil, kafka.Errorf(kerr.InvalidProducerEpoch, "epoch %d of producer %d is fenced by epoch %d", epoch, b.ProducerID(), p.epoch)
	case epoch > p.epoch:
		if first != 0 {
			return nil, kafka.Errorf(kerr.OutOfOrderSequenceNumber,
				"sequence %d begins epoch %d of producer %d; a new epoch begins at 0", first, epoch, b.ProducerID())
		}
	case len(p.batches) > 0:
		if newest := p.batches[len(p.batches)-1].last; first != newest.Add(1) {
			return nil, kafka.Errorf(kerr.OutOfOrderSequenceNumber,
				"sequence %d of producer %d does not follow sequence %d", first, b.ProducerID(), newest)
		}
	}
	return nil, nil
}

// Expects tells whether the partition knows a batch's producer, and nothing is missing in front of the batch.
func (p *Partition) Expects(b record.Batch) bool {
	known := p.producer(b.ProducerID())
	if known == nil || len(known.batches) == 0 {
		return false
	}
	_, err := known.check(b)
	return !errors.Is(err, kerr.OutOfOrderSequenceNumber)
}

// appendTime is the timestamp that the broker gave a batch, -1 with CreateTime.
func appendTime(b record.Batch) int64 {
	if b.IsLogAppendTime() {
		return b.MaxTimestamp()
	}
	return -1
}
