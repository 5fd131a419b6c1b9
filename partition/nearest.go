package partition

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// fetchHere answers a reader on a replica that does not lead (KIP-392). What lies below its high watermark can't change. What would be wrong if it lags
// behind, that an offset or an epoch is beyond the log, it does not say: OFFSET_NOT_AVAILABLE has the client ask again.
func (p *Partition) fetchHere(q FetchQuery, who Ticket) {
	f := p.fetched()
	var err error
	switch current := p.Epoch(); {
	case q.LeaderEpoch != kafka.NoEpoch && q.LeaderEpoch < current:
		err = kerr.FencedLeaderEpoch
	case q.LeaderEpoch > current:
		err = kerr.UnknownLeaderEpoch
	case q.Offset < p.state.logStart:
		err = kerr.OffsetOutOfRange // its start does not go back
	case q.Offset > p.state.highWatermark:
		err = kerr.OffsetNotAvailable
	default:
		err = p.divergence(q, f)
	}
	switch {
	case err != nil:
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Err: err})
	case f.DivergingEpoch != kafka.NoEpoch:
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Response: f})
	default:
		p.give(q, f, who)
	}
}

// divergence compares the reader's last epoch with the log, as far as it is sure: the end of its newest epoch is not.
func (p *Partition) divergence(q FetchQuery, f *Fetched) error {
	if q.LastFetchedEpoch < 0 {
		return nil
	}
	end := p.state.endOf(q.LastFetchedEpoch, p.state.highWatermark)
	switch {
	case end.Epoch == kafka.NoEpoch:
		return kerr.OffsetNotAvailable
	case end.Epoch == q.LastFetchedEpoch && end.End >= q.Offset:
		return nil
	case end.End == p.state.highWatermark:
		return kerr.OffsetNotAvailable
	}
	f.DivergingEpoch, f.DivergingEnd = end.Epoch, end.End
	return nil
}
