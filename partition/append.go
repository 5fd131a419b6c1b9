package partition

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Append adds a validated batch, which the partition then owns, to the log of its leader. It is answered with *Produced when it is as
// safe as acks asks for: applied, for AcksAll; on this replica's disk, for AcksLeader; never, for AcksNone. A batch
// that an idempotent producer sent before is not appended again: it gets the first one's answer, when that has one.
func (p *Partition) Append(now time.Time, b record.Batch, acks kafka.Acks, who Ticket) {
	err := p.append(now, b, acks, who)
	switch {
	case err == nil:
	case errors.Is(err, errNotLeader):
		p.reply(acks, Reply{Ticket: who, Err: err})
	default: // a leader says where its log starts, in a refusal too
		p.reply(acks, Reply{Ticket: who, Response: p.produced(kafka.NoOffset, -1), Err: err})
	}
}

func (p *Partition) append(now time.Time, b record.Batch, acks kafka.Acks, who Ticket) error {
	if !p.serving {
		return errNotLeader
	}
	if voters := 1; acks == kafka.AcksAll && p.o.Config.MinInsyncReplicas > voters {
		return kafka.Errorf(kerr.NotEnoughReplicas, "%s has %d replicas in sync, and min.insync.replicas is %d", p.o.Name, voters, p.o.Config.MinInsyncReplicas)
	}
	id := b.ProducerID()
	if id != kafka.NoProducer && !b.IsControl() {
		first, err := p.producer(id).check(b)
		if err != nil {
			return err
		}
		if first != nil {
			p.wait(acks, waiting{first.nextOffset(), who, p.produced(first.base, first.timestamp)})
			return nil
		}
	}
	if p.o.Config.LogAppendTime && !b.IsControl() {
		p.appendMax = max(p.appendMax, now.UnixMilli())
		b.StampLogAppendTime(p.appendMax)
	}
	b.Stamp(p.logEnd, kafka.LeaderEpoch(p.replica.Term()))
	if err := p.replica.Propose(consensus.Batch, b); err != nil {
		return errNotLeader // raft steps down, or hands over: no offset was used
	}
	base := p.logEnd
	p.logEnd = b.NextOffset()
	if id != kafka.NoProducer && !b.IsControl() {
		p.proposed(id, b)
	}
	p.wait(acks, waiting{p.logEnd, who, p.produced(base, appendTime(b))})
	return nil
}

func (p *Partition) produced(base kafka.Offset, appendMillis int64) *Produced {
	return &Produced{BaseOffset: base, LogAppendTime: appendMillis, LogStartOffset: p.state.logStart}
}

// wait answers at once what is there already. Duplicates of old batches come in between, so the lists are kept in order.
func (p *Partition) wait(acks kafka.Acks, w waiting) {
	switch acks {
	case kafka.AcksNone:
	case kafka.AcksLeader:
		if w.upto <= p.stored {
			p.reply(acks, Reply{Ticket: w.ticket, Response: w.answer})
			return
		}
		p.waiting.disk = insert(p.waiting.disk, w)
	default:
		if w.upto <= p.state.highWatermark {
			p.reply(acks, Reply{Ticket: w.ticket, Response: w.answer})
			return
		}
		p.waiting.commits = insert(p.waiting.commits, w)
	}
}

func insert(list []waiting, w waiting) []waiting {
	list = append(list, w)
	for i := len(list) - 1; i > 0 && list[i-1].upto > w.upto; i-- {
		list[i-1], list[i] = list[i], list[i-1]
	}
	return list
}

func (p *Partition) reply(acks kafka.Acks, r Reply) {
	if acks != kafka.AcksNone {
		p.out.Replies = append(p.out.Replies, r)
	}
}

// producer returns what is known of a producer, with its batches in flight; nil where nothing is.
func (p *Partition) producer(id kafka.ProducerID) *producer {
	if a := p.appending[id]; a != nil {
		return &a.producer
	}
	return p.state.producers[id]
}

// proposed notes a batch in flight.
func (p *Partition) proposed(id kafka.ProducerID, b record.Batch) {
	a := p.appending[id]
	if a == nil {
		a = &appending{}
		if known := p.state.producers[id]; known != nil {
			a.producer = *known.clone()
		} else {
			a.epoch = b.ProducerEpoch()
		}
		p.appending[id] = a
	}
	a.add(b)
	a.inFlight++
}

// landed notes that a batch of this leader's is applied.
func (p *Partition) landed(now time.Time, b record.Batch) {
	id := b.ProducerID()
	if !p.serving || id == kafka.NoProducer || b.IsControl() {
		return
	}
	p.active[id] = now
	if a := p.appending[id]; a != nil {
		if a.inFlight--; a.inFlight == 0 {
			delete(p.appending, id)
		}
	}
}
