package partition

import (
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// purgatory holds who waits for something to happen to the log. Who waits too long withdraws; there are no deadlines here.
type purgatory struct {
	appends  []held        // for their turn to be appended, in the order in which they came
	commits  []waiting     // for the high watermark to reach an offset, in the order of the offsets
	replicas []replicating // for min.insync.replicas, in the order of the entries
	disk     []waiting     // for this replica's disk to reach an offset, in the order of the offsets (acks=1)
	moves    []waiting     // for the log start to reach an offset
	fetches  []fetching
	reads    []confirming // for proof that this replica still leads
}

// A held batch is not proposed yet.
type held struct {
	batch  record.Batch
	acks   kafka.Acks
	ticket Ticket
}

// A replicating ticket's records are applied. It is answered once enough voters have the entry.
type replicating struct {
	index  consensus.Index
	ticket Ticket
	answer any
}

// A waiting ticket is answered once its offset is reached.
type waiting struct {
	upto   kafka.Offset
	ticket Ticket
	answer any
}

// A fetching ticket waits for a record at its offset.
type fetching struct {
	ticket Ticket
	query  FetchQuery
}

// A confirming ticket waits for a ReadIndex round that began after it came.
type confirming struct {
	token  uint64 // 0 until a round is asked for
	ticket Ticket
	query  any
}

// release answers those in list whose offset is reached and returns the rest.
func release(list []waiting, reached kafka.Offset, out *Effects) []waiting {
	n := 0
	for n < len(list) && list[n].upto <= reached {
		out.Replies = append(out.Replies, Reply{Ticket: list[n].ticket, Response: list[n].answer})
		n++
	}
	clear(list[:n])
	if n == len(list) {
		return list[:0]
	}
	return list[n:]
}

// fail answers everybody with an error.
func (p *purgatory) fail(err error, out *Effects) {
	for _, w := range p.replicas {
		out.Replies = append(out.Replies, Reply{Ticket: w.ticket, Err: err})
	}
	for _, list := range [][]waiting{p.commits, p.disk, p.moves} {
		for _, w := range list {
			out.Replies = append(out.Replies, Reply{Ticket: w.ticket, Err: err})
		}
	}
	for _, h := range p.appends {
		if h.acks != kafka.AcksNone {
			out.Replies = append(out.Replies, Reply{Ticket: h.ticket, Err: err})
		}
	}
	for _, f := range p.fetches {
		out.Replies = append(out.Replies, Reply{Ticket: f.ticket, Err: err})
	}
	for _, r := range p.reads {
		out.Replies = append(out.Replies, Reply{Ticket: r.ticket, Err: err})
	}
	*p = purgatory{}
}

// forget drops a fetch that was withdrawn.
func (p *purgatory) forget(t Ticket) {
	for i, f := range p.fetches {
		if f.ticket == t {
			p.fetches = append(p.fetches[:i], p.fetches[i+1:]...)
			return
		}
	}
}
