package partition

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// A FetchQuery asks what may be read from an offset on.
type FetchQuery struct {
	Offset           kafka.Offset
	MaxBytes         int
	LeaderEpoch      kafka.LeaderEpoch // the reader's current epoch (KIP-320), NoEpoch to skip the check
	LastFetchedEpoch kafka.LeaderEpoch // NoEpoch to skip the check for divergence (KIP-595)
	Isolation        kafka.IsolationLevel
	Wait             bool
	// AnyReplica lets a replica that does not lead answer, with what it has (KIP-392).
	AnyReplica bool
}

// Fetch answers with *Fetched, at once. Where nothing can be read yet and the query waits, a second answer to the same
// ticket follows as soon as there is something, unless EndFetch comes first. The order of the checks is that of Kafka's
// Partition.readRecords.
func (p *Partition) Fetch(q FetchQuery, who Ticket) {
	if q.AnyReplica && !p.serving {
		p.fetchHere(q, who)
		return
	}
	if err := p.checkEpoch(q.LeaderEpoch); err != nil {
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Err: err})
		return
	}
	f := p.fetched()
	compares := q.LastFetchedEpoch >= 0
	end := p.state.endOf(q.LastFetchedEpoch, p.logEnd)
	switch {
	case compares && end.Epoch == kafka.NoEpoch, !compares && q.Offset > p.logEnd:
		// The reader's epoch or offset is beyond the log. A deposed leader would be wrong about that.
		p.waiting.reads = append(p.waiting.reads, confirming{ticket: who, query: q})
		return
	case q.Offset < p.state.logStart:
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Err: kerr.OffsetOutOfRange})
		return
	case compares && (end.Epoch < q.LastFetchedEpoch || end.End < q.Offset):
		f.DivergingEpoch, f.DivergingEnd = end.Epoch, end.End
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Response: f})
		return
	}
	p.give(q, f, who)
}

// give answers with what there is to read, and remembers who waits where there is nothing.
func (p *Partition) give(q FetchQuery, f *Fetched, who Ticket) {
	p.read(q, f)
	p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Response: f})
	if q.Wait && len(f.Batches) == 0 && f.Cold == nil {
		p.waiting.fetches = append(p.waiting.fetches, fetching{who, q})
	}
}

// EndFetch withdraws a waiting fetch.
func (p *Partition) EndFetch(who Ticket) { p.waiting.forget(who) }

func (p *Partition) fetched() *Fetched {
	return &Fetched{
		HighWatermark: p.state.highWatermark, LastStableOffset: p.state.highWatermark, LogStartOffset: p.state.logStart,
		DivergingEpoch: kafka.NoEpoch, DivergingEnd: kafka.NoOffset,
	}
}

// read fills in what lies between the query's offset and the high watermark: from memory, or a range for the store.
func (p *Partition) read(q FetchQuery, f *Fetched) {
	if q.Offset >= p.state.highWatermark {
		return
	}
	if batches, ok := p.tail.read(q.Offset, q.MaxBytes); ok {
		f.Batches = batches
		return
	}
	f.Cold = &ColdRead{Partition: p.o.Number, From: q.Offset, To: p.state.highWatermark, MaxBytes: q.MaxBytes}
}

// answerFetches answers who waited for records that are there now.
func (p *Partition) answerFetches() {
	rest := p.waiting.fetches[:0]
	for _, w := range p.waiting.fetches {
		if w.query.Offset >= p.state.highWatermark {
			rest = append(rest, w)
			continue
		}
		f := p.fetched()
		p.read(w.query, f)
		p.out.Replies = append(p.out.Replies, Reply{Ticket: w.ticket, Response: f})
	}
	clear(p.waiting.fetches[len(rest):])
	p.waiting.fetches = rest
}

// checkEpoch compares a client's epoch with the leader's (KIP-320).
func (p *Partition) checkEpoch(e kafka.LeaderEpoch) error {
	switch current := kafka.LeaderEpoch(p.replica.Term()); {
	case !p.serving:
		return errNotLeader
	case e == kafka.NoEpoch || e == current:
		return nil
	case e < current:
		return kerr.FencedLeaderEpoch
	default:
		return kerr.UnknownLeaderEpoch
	}
}
