package partition

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// DeleteRecords moves the log start up to an offset, or to the high watermark for kafka.NoOffset (KIP-107). It is answered
// with *LogStart when the move is applied.
func (p *Partition) DeleteRecords(before kafka.Offset, who Ticket) {
	if before == kafka.NoOffset {
		before = p.state.highWatermark
	}
	var err error
	switch {
	case !p.serving:
		err = errNotLeader
	case before < 0:
		err = kerr.OffsetOutOfRange
	case before > p.state.highWatermark: // as far as this leader knows
		p.waiting.reads = append(p.waiting.reads, confirming{ticket: who, query: &Reply{Ticket: who, Err: kerr.OffsetOutOfRange}})
		return
	case before > max(p.state.logStart, p.moving):
		err = p.moveStart(before)
	}
	if err != nil {
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Err: err})
		return
	}
	if before <= p.state.logStart {
		p.out.Replies = append(p.out.Replies, Reply{Ticket: who, Response: &LogStart{p.state.logStart}})
		return
	}
	p.waiting.moves = insert(p.waiting.moves, waiting{before, who, &LogStart{before}})
}

func (p *Partition) moveStart(to kafka.Offset) error {
	if err := p.propose(consensus.Command, command(moveLogStart, int64(to))); err != nil {
		return errNotLeader
	}
	p.moving = to
	return nil
}

// Retain does what time alone asks for: the leader deletes segments that are too old or too many, and forgets producers that
// have been silent for too long; a replica that is idle gives its memory back and notes its state.
func (p *Partition) Retain(now time.Time) {
	if p.serving && !p.o.Machine {
		if to := p.expired(now); to > max(p.state.logStart, p.moving) {
			_ = p.moveStart(to) // a leader that is stepping down leaves it to the next
		}
	}
	if p.serving {
		p.forgetProducers(now)
	}
	p.checkpoint(true)
}

// Idle gives back the memory that only serves to answer quickly. Nothing was appended or read for a while.
func (p *Partition) Idle() {
	p.tail.drop(len(p.tail.batches))
	p.trim()
}

// expired returns the log start that retention.ms and retention.bytes ask for. As in Kafka, only whole segments go: by time from
// the oldest on while all of a segment's records are too old, by size while the log without it still reaches its limit.
// The newest segment goes too once all its records are too old.
func (p *Partition) expired(now time.Time) kafka.Offset {
	s, c := p.state, &p.o.Config
	to := s.logStart
	size := s.size()
	for i, g := range s.segments {
		newest := i == len(s.segments)-1
		tooOld := c.RetentionMillis >= 0 && g.maxTimestamp >= 0 && now.UnixMilli()-g.maxTimestamp > c.RetentionMillis
		tooMany := c.RetentionBytes >= 0 && !newest && size-g.bytes >= c.RetentionBytes
		if !tooOld && !tooMany {
			break
		}
		size -= g.bytes
		to = s.end(i)
	}
	return to
}

func (p *Partition) forgetProducers(now time.Time) {
	var silent []int64
	for _, id := range slices.Sorted(maps.Keys(p.state.producers)) {
		if at, ok := p.active[id]; ok && p.appending[id] == nil && now.Sub(at) > p.o.Config.ProducerExpiry {
			silent = append(silent, int64(id))
		}
	}
	if len(silent) == 0 || p.propose(consensus.Command, command(forgetProducer, silent...)) != nil {
		return
	}
	for _, id := range silent {
		delete(p.active, kafka.ProducerID(id)) // proposed once
	}
}

// startMoved follows a move of the log start: who waited for it is answered, and the store may drop what lies below.
func (p *Partition) startMoved() {
	s := p.state
	p.waiting.moves = release(p.waiting.moves, s.logStart, &p.out)
	n := 0
	for n < len(p.tail.batches) && p.tail.batches[n].NextOffset() <= s.logStart {
		n++
	}
	p.tail.drop(n)
	if p.o.Machine {
		p.out.SnapshotDue = true
		return
	}
	p.compact(nil, s.rows)
}

// Compact takes the machine's rows as they are at an end of the log, after Effects.SnapshotDue asked for them.
func (p *Partition) Compact(chunks [][]byte, upto kafka.Offset) {
	if upto >= p.state.begin() { // else a snapshot of the leader's has come meanwhile, and the rows are of before it
		p.compact(chunks, upto)
	}
}

// compact makes the log begin at the segment that holds the log start, or after all that is applied where no record is left. The snapshot before it has the newest state: that
// already says what the entries after it did, which apply therefore skips.
func (p *Partition) compact(chunks [][]byte, rows kafka.Offset) {
	s := p.state
	if p.installing > 0 {
		return
	}
	first := s.applied + 1
	if len(s.segments) > 0 {
		first = s.segments[0].index
	}
	if chunks == nil && first <= max(p.compactedTo, p.replica.First()) {
		return
	}
	index := max(first, p.replica.First()) - 1
	s.rows = rows
	p.out.Writes = append(p.out.Writes, &LogWrite{Write: Write{
		Partition: p.o.Number,
		Snapshot: &Snapshot{
			Index: index, Term: p.replica.Terms().Of(index), State: s.encode(p.replica.Terms().Upto(s.applied)),
		},
		Chunks: chunks, LogStart: s.logStart, Sync: true,
	}})
	p.compactedTo, p.begins = first, s.begin()
	p.replica.Compacted(index)
}

// Shrink asks, on the leader of a machine's partition, that the log before its last segment be replaced by a snapshot of
// the machine's rows.
func (p *Partition) Shrink() {
	s := p.state
	if !p.serving || !p.o.Machine || len(s.segments) < 2 {
		return
	}
	if to := s.segments[len(s.segments)-1].base; to > max(s.logStart, p.moving) {
		_ = p.moveStart(to)
	}
}
