package partition

import (
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Append adds a validated batch, which the partition then owns, to the log of its leader. It is answered with *Produced when it is as
// safe as acks asks for: applied, for AcksAll; on this replica's disk, for AcksLeader; never, for AcksNone. A batch
// that an idempotent producer sent before is not appended again: it gets the first one's answer, when that has one.
//
// While too much is on its way to the other replicas, or leadership is being handed over, appends wait in their order.
func (p *Partition) Append(now time.Time, b record.Batch, acks kafka.Acks, who Ticket) {
	h := held{b, acks, who}
	if len(p.waiting.appends) > 0 || !p.tryAppend(now, h) {
		p.waiting.appends = append(p.waiting.appends, h)
	}
}

// appendHeld goes on with the appends that wait; it tells whether it proposed any.
func (p *Partition) appendHeld(now time.Time) bool {
	n := 0
	for n < len(p.waiting.appends) && p.tryAppend(now, p.waiting.appends[n]) {
		n++
	}
	clear(p.waiting.appends[:n])
	if p.waiting.appends = p.waiting.appends[n:]; len(p.waiting.appends) == 0 {
		p.waiting.appends = nil
	}
	return n > 0
}

// unappliedBytesMax bounds the batches of a leader that are proposed and not applied.
const unappliedBytesMax = 64 << 20

// tryAppend appends a batch or answers why not; false means that it has to wait.
func (p *Partition) tryAppend(now time.Time, h held) bool {
	if p.serving && p.unapplied > 0 && p.unapplied+int64(len(h.batch)) > unappliedBytesMax {
		return false
	}
	err := p.append(now, h.batch, h.acks, h.ticket)
	if err != nil && p.serving && p.producer(h.batch.ProducerID()) == nil {
		p.refused.note(h.batch, err)
	}
	switch {
	case err == nil:
	case errors.Is(err, consensus.ErrTransferring):
		return false
	case errors.Is(err, errNotLeader):
		p.reply(h.acks, Reply{Ticket: h.ticket, Err: err})
	case errors.Is(err, kerr.OutOfOrderSequenceNumber):
		// No client recovers from that, and what is missing here may be at another leader, of whom this one does not know yet.
		if h.acks != kafka.AcksNone {
			p.waiting.reads = append(p.waiting.reads, confirming{ticket: h.ticket, query: &Reply{Ticket: h.ticket, Response: p.produced(kafka.NoOffset, -1), Err: err}})
		}
	default: // a leader says where its log starts, in a refusal too
		p.reply(h.acks, Reply{Ticket: h.ticket, Response: p.produced(kafka.NoOffset, -1), Err: err})
	}
	return true
}

func (p *Partition) append(now time.Time, b record.Batch, acks kafka.Acks, who Ticket) error {
	if !p.serving {
		return errNotLeader
	}
	if id := b.ProducerID(); id != kafka.NoProducer && p.producer(id) == nil {
		if err := p.refused.check(b); err != nil {
			return err
		}
	}
	if live, least := p.takers(), p.o.Config.MinInsyncReplicas; acks == kafka.AcksAll && live < least {
		return kafka.Errorf(kerr.NotEnoughReplicas, "%s has %d voters on live nodes with room, and min.insync.replicas is %d", p.o.Name, live, least)
	}
	id, room := b.ProducerID(), p.checkRoom()
	if id != kafka.NoProducer && !b.IsControl() {
		first, err := p.producer(id).check(b)
		if first != nil {
			p.wait(acks, waiting{first.nextOffset(), who, p.produced(first.base, first.timestamp)})
			return nil
		}
		if errors.Is(err, kerr.OutOfOrderSequenceNumber) && room != nil {
			err = room // the batch before it was refused for that
		}
		if err != nil {
			return err
		}
	}
	if room != nil {
		return room
	}
	if p.o.Config.LogAppendTime && !b.IsControl() {
		p.appendMax = max(p.appendMax, now.UnixMilli())
		b.StampLogAppendTime(p.appendMax)
	}
	b.Stamp(p.logEnd, kafka.LeaderEpoch(p.replica.Term()))
	switch err := p.propose(consensus.Batch, b); { // refused, it uses no offset
	case errors.Is(err, consensus.ErrTransferring):
		return err
	case err != nil:
		return errNotLeader
	}
	p.unapplied += int64(len(b))
	base := p.logEnd
	p.logEnd = b.NextOffset()
	if id != kafka.NoProducer && !b.IsControl() {
		p.proposed(id, b)
	}
	p.wait(acks, waiting{p.logEnd, who, p.produced(base, appendTime(b))})
	return nil
}

// propose wakes the replica: the entry goes to the others. A leader whose vote ends with the change that is under way appends nothing behind that: the next voters may not have heard that the change
// is committed, and need the votes of the last ones then, who do not give them to who has less of the log.
func (p *Partition) propose(kind consensus.Kind, data []byte) error {
	p.Wake()
	if c := &p.state.configuration; c.Joint() && !slices.Contains(c.Voters, p.o.RaftID) {
		return consensus.ErrTransferring
	}
	return p.replica.Propose(kind, data)
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
			p.waiting.replicas = append(p.waiting.replicas, replicating{p.state.applied, w.ticket, w.answer})
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
	if !p.serving {
		return
	}
	p.unapplied -= int64(len(b))
	id := b.ProducerID()
	if id == kafka.NoProducer || b.IsControl() {
		return
	}
	p.active[id] = now
	if a := p.appending[id]; a != nil {
		if a.inFlight--; a.inFlight == 0 {
			delete(p.appending, id)
		}
	}
}
