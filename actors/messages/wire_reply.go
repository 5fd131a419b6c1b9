package messages

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// How answers stand on the wire.

func replyFields(c *coder, m *Reply) {
	natural(c, &m.Slot)
	c.value(&m.Value)
	c.error(&m.Err)
}

// What an error is, as far as clients are told: kafka.Code and kafka.Message say the same of it on the other side.
const (
	noError       uint8 = iota
	codeError           // one of the protocol, without any words of ours
	detailedError       // with words
	otherError          // one that the protocol has no code for: its words
)

func (c *coder) error(v *error) {
	kind, code, words := noError, int16(0), ""
	if err := *v; err != nil {
		var known *kerr.Error
		var detailed *kafka.DetailedError
		kind, code = otherError, kafka.Code(err)
		switch {
		case errors.As(err, &detailed):
			kind = detailedError
		case errors.As(err, &known):
			kind = codeError
		}
		if kind != codeError {
			words = *kafka.Message(err)
		}
	}
	if natural(c, &kind); kind == noError {
		return
	}
	integer(c, &code)
	c.text(&words)
	if !c.reading {
		return
	}
	var known *kerr.Error
	isKnown := errors.As(kerr.ErrorForCode(code), &known)
	switch {
	case kind == otherError:
		*v = errors.New(words)
	case kind == detailedError && isKnown:
		*v = &kafka.DetailedError{Kind: known, Message: words}
	case kind == codeError && isKnown:
		*v = known
	default:
		c.fail("there is no error of kind %d with code %d", kind, code)
	}
}

func producedFields(c *coder, m *Produced) {
	integer(c, &m.BaseOffset)
	integer(c, &m.LogAppendTime)
	integer(c, &m.LogStartOffset)
}

func fetchedFields(c *coder, m *Fetched) {
	integer(c, &m.HighWatermark)
	integer(c, &m.LastStableOffset)
	integer(c, &m.LogStartOffset)
	list(c, &m.Aborted, func(c *coder, a *AbortedTransaction) {
		integer(c, &a.ProducerID)
		integer(c, &a.FirstOffset)
	})
	plain(c, &m.Batches, batch)
	optional(c, &m.Cold, func(c *coder, r *ColdRead) {
		b := c.begin()
		coldFields(c, r)
		c.end(b)
	})
	integer(c, &m.DivergingEpoch)
	integer(c, &m.DivergingEnd)
}

func listedOffsetFields(c *coder, m *ListedOffset) {
	integer(c, &m.Offset)
	integer(c, &m.Timestamp)
	integer(c, &m.LeaderEpoch)
}

func epochEndFields(c *coder, m *EpochEnd) {
	integer(c, &m.Epoch)
	integer(c, &m.End)
}

func logStartFields(c *coder, m *LogStart) { integer(c, &m.Offset) }

func replicaDescriptionFields(c *coder, m *ReplicaDescription) {
	integer(c, &m.LogStart)
	integer(c, &m.HighWatermark)
	integer(c, &m.LogEnd)
	integer(c, &m.Bytes)
	list(c, &m.Progress, func(c *coder, p *ReplicaProgress) {
		natural(c, &p.RaftID)
		c.flag(&p.Learner)
		integer(c, &p.LogEnd)
		integer(c, &p.ContactMillis)
		integer(c, &p.CaughtUpMillis)
	})
}
