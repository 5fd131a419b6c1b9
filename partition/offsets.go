package partition

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// The special timestamps of ListOffsets.
const (
	Latest                = -1
	Earliest              = -2
	MaxTimestamp          = -3 // of the record with the largest timestamp (KIP-734)
	EarliestLocal         = -4 // the same as Earliest: there is no other tier (KIP-405)
	LatestTiered          = -5 // none: there is no other tier (KIP-1005)
	EarliestPendingUpload = -6 // likewise (KIP-1023)
)

// An OffsetQuery asks for the offset that a timestamp, in milliseconds since 1970 or special, stands for.
type OffsetQuery struct {
	Timestamp   int64
	LeaderEpoch kafka.LeaderEpoch
	Isolation   kafka.IsolationLevel
}

// ListOffsets answers with *ListedOffset, once a majority has confirmed that this replica still leads.
func (p *Partition) ListOffsets(q OffsetQuery, who Ticket) {
	p.confirm(q.LeaderEpoch, q, who)
}

// An EpochQuery asks where a leader epoch ended (KIP-101, KIP-320).
type EpochQuery struct {
	CurrentEpoch kafka.LeaderEpoch
	Epoch        kafka.LeaderEpoch
}

// EndOfEpoch answers with *EpochEnd, once a majority has confirmed that this replica still leads.
func (p *Partition) EndOfEpoch(q EpochQuery, who Ticket) {
	p.confirm(q.CurrentEpoch, q, who)
}

func (p *Partition) confirm(epoch kafka.LeaderEpoch, query any, who Ticket) {
	if err := p.checkEpoch(epoch); err != nil {
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Err: err})
		return
	}
	p.waiting.reads = append(p.waiting.reads, confirming{ticket: who, query: query})
}

// confirmReads begins one ReadIndex round for everybody who came since the last.
func (p *Partition) confirmReads() {
	fresh := len(p.waiting.reads)
	for fresh > 0 && p.waiting.reads[fresh-1].token == 0 {
		fresh--
	}
	if fresh == len(p.waiting.reads) {
		return
	}
	p.Wake()
	p.reading++
	for i := range p.waiting.reads[fresh:] {
		p.waiting.reads[fresh+i].token = p.reading
	}
	p.replica.ReadIndex(p.reading)
}

// confirmed answers the reads of the rounds that came back. What was committed when a round began is applied by now: raft
// hands out committed entries before it confirms.
func (p *Partition) confirmed(_ time.Time, tokens []uint64) {
	if len(tokens) == 0 {
		return
	}
	upto := tokens[len(tokens)-1]
	n := 0
	for n < len(p.waiting.reads) && p.waiting.reads[n].token <= upto {
		r := p.waiting.reads[n]
		switch q := r.query.(type) {
		case FetchQuery:
			p.out.Replies = append(p.out.Replies, Reply{Ticket: r.ticket, Err: kerr.OffsetOutOfRange})
		case *Reply: // a refusal
			p.out.Replies = append(p.out.Replies, *q)
		case EpochQuery:
			end := p.state.endOf(q.Epoch, p.logEnd)
			p.out.Replies = append(p.out.Replies, Reply{Ticket: r.ticket, Response: &end})
		case OffsetQuery:
			p.listOffset(q, r.ticket)
		}
		n++
	}
	p.waiting.reads = p.waiting.reads[n:]
}

func (p *Partition) listOffset(q OffsetQuery, who Ticket) {
	answer := func(o kafka.Offset, epoch kafka.LeaderEpoch) {
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Response: &ListedOffset{o, -1, epoch}})
	}
	s := p.state
	switch {
	case q.Timestamp == Latest:
		answer(s.highWatermark, kafka.LeaderEpoch(p.replica.Term()))
	case q.Timestamp == Earliest || q.Timestamp == EarliestLocal:
		answer(s.logStart, s.epochAt(s.logStart))
	case q.Timestamp == MaxTimestamp:
		p.lookUpMax(who)
	case q.Timestamp < 0:
		answer(kafka.NoOffset, kafka.NoEpoch)
	default:
		p.lookUp(q.Timestamp, s.logStart, who)
	}
}

// lookUp asks the store for the first record at or after from with a timestamp at or after ts. The segments say in which
// part of the log it lies, the store's rows in which block, and a reader finds the record.
func (p *Partition) lookUp(ts int64, from kafka.Offset, who Ticket) {
	if l := p.lookup(ts, from, who); l != nil {
		p.out.Lookups = append(p.out.Lookups, *l)
		return
	}
	p.listNone(who)
}

// lookup returns nil where no segment has such a record.
func (p *Partition) lookup(ts int64, from kafka.Offset, who Ticket) *Lookup {
	s := p.state
	for i := max(0, s.segmentOf(from)); i < len(s.segments); i++ {
		g := s.segments[i]
		if g.maxTimestamp < ts || s.end(i) <= from {
			continue
		}
		tail := g.base
		if i == len(s.segments)-1 {
			tail = s.index.block.Offset
		}
		return &Lookup{Ticket: who, Partition: p.o.Number, Segment: g.base, Tail: tail, From: from, To: s.highWatermark, Timestamp: ts}
	}
	return nil
}

func (p *Partition) listNone(who Ticket) {
	p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Response: &ListedOffset{kafka.NoOffset, -1, kafka.NoEpoch}})
}

// lookUpMax asks for the record with the largest timestamp: the first with the largest that any segment has seen. Of the segment in which
// the log starts that may be a record before the start; then what is left of this segment has to be read.
func (p *Partition) lookUpMax(who Ticket) {
	s, ts := p.state, int64(-1)
	begun := -1
	for i, g := range s.segments {
		switch {
		case s.end(i) <= s.logStart:
		case g.maxTimestampAt < s.logStart:
			begun = i
		default:
			ts = max(ts, g.maxTimestamp)
		}
	}
	switch {
	case begun >= 0 && s.segments[begun].maxTimestamp >= max(ts, 0):
		l := Lookup{Ticket: who, Partition: p.o.Number, Segment: s.segments[begun].base, From: s.logStart, To: s.end(begun), Timestamp: max(ts, 0), Largest: true}
		if ts >= 0 {
			l.Then = p.lookup(ts, s.end(begun), who)
		}
		p.out.Lookups = append(p.out.Lookups, l)
	case ts < 0:
		p.listNone(who)
	default:
		p.lookUp(ts, s.logStart, who)
	}
}
