package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// stateFormat is the version of the encoding below. Earlier ones are read too: format 1 had no configuration, which was always the founding one, and format 2 did not say
// where the configuration and the machine's rows are from. A reader refuses a newer one.
const stateFormat = 3

// encode returns the state as checkpoints and snapshots hold it: the format, then everything as varints, lists led by their length.
func (s *state) encode(terms consensus.Terms) []byte {
	b := make(fields, 0, 64+32*len(s.producers)+24*len(s.segments))
	b = append(b, stateFormat)
	b.put(uint64(s.applied))
	b.offset(s.highWatermark)
	b.offset(s.logStart)
	b.put(uint64(s.lastAppendMillis))
	b.put(uint64(len(terms)))
	for _, t := range terms {
		b.put(uint64(t.Term))
		b.put(uint64(t.Start))
	}
	b.put(uint64(len(s.epochs)))
	for _, e := range s.epochs {
		b.put(uint64(e.epoch))
		b.offset(e.start)
	}
	b.put(uint64(len(s.segments)))
	for _, g := range s.segments {
		b.offset(g.base)
		b.put(uint64(g.index))
		b.put(uint64(g.bytes))
		b.sput(g.createdMillis)
		b.sput(g.maxTimestamp)
		b.offset(g.maxTimestampAt)
	}
	b.offset(s.index.segment)
	b.offset(s.index.block.Offset)
	b.put(uint64(s.index.block.Index))
	b.put(uint64(s.index.bytes))
	b.sput(s.index.newest)
	b.sput(s.index.indexed)
	b.put(uint64(len(s.producers)))
	for _, id := range slices.Sorted(maps.Keys(s.producers)) {
		p := s.producers[id]
		b.put(uint64(id))
		b.sput(int64(p.epoch))
		b.put(uint64(len(p.batches)))
		for _, batch := range p.batches {
			b.put(uint64(batch.first))
			b.put(uint64(batch.last))
			b.offset(batch.base)
			b.sput(batch.timestamp)
		}
	}
	c := &s.configuration
	for _, ids := range [][]uint64{c.Voters, c.Learners, c.Outgoing, c.LearnersNext} {
		b.put(uint64(len(ids)))
		for _, id := range ids {
			b.put(id)
		}
	}
	if c.AutoLeave {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b.put(uint64(c.Index))
	b.offset(s.rows)
	return b
}

// decode reads what encode wrote.
func decode(b []byte) (*state, consensus.Terms, error) {
	if len(b) == 0 || b[0] == 0 || b[0] > stateFormat {
		return nil, nil, fmt.Errorf("partition state has format %v; this version reads formats 1 to %d", b[:min(1, len(b))], stateFormat)
	}
	r := reader{b: b[1:]}
	s := newState()
	s.applied = consensus.Index(r.get())
	s.highWatermark = r.offset()
	s.logStart = r.offset()
	s.lastAppendMillis = int64(r.get())
	var terms consensus.Terms
	for n := r.count(); n > 0; n-- {
		terms = append(terms, consensus.TermStart{Term: consensus.Term(r.get()), Start: consensus.Index(r.get())})
	}
	for n := r.count(); n > 0; n-- {
		s.epochs = append(s.epochs, epochStart{kafka.LeaderEpoch(r.get()), r.offset()})
	}
	for n := r.count(); n > 0; n-- {
		s.segments = append(s.segments, segment{
			base: r.offset(), index: consensus.Index(r.get()), bytes: int64(r.get()),
			createdMillis: r.sget(), maxTimestamp: r.sget(), maxTimestampAt: r.offset(),
		})
	}
	s.index = indexer{
		segment: r.offset(), block: Block{Offset: r.offset(), Index: consensus.Index(r.get())},
		bytes: int(r.get()), newest: r.sget(), indexed: r.sget(),
	}
	for n := r.count(); n > 0; n-- {
		id := kafka.ProducerID(r.get())
		p := &producer{epoch: kafka.ProducerEpoch(r.sget())}
		for m := r.count(); m > 0; m-- {
			p.batches = append(p.batches, producedBatch{
				first: kafka.Sequence(r.get()), last: kafka.Sequence(r.get()), base: r.offset(), timestamp: r.sget(),
			})
		}
		s.producers[id] = p
	}
	if b[0] > 1 {
		c := &s.configuration
		for _, ids := range []*[]uint64{&c.Voters, &c.Learners, &c.Outgoing, &c.LearnersNext} {
			for n := r.count(); n > 0; n-- {
				*ids = append(*ids, r.get())
			}
		}
		c.AutoLeave = r.get() == 1
	}
	if b[0] > 2 {
		s.configuration.Index, s.rows = consensus.Index(r.get()), r.offset()
	} else {
		s.configuration.Index, s.rows = s.applied, s.highWatermark // from no later, which is what counts
	}
	if r.failed || len(r.b) > 0 {
		return nil, nil, errors.New("partition state is damaged: its fields do not fill its bytes")
	}
	return s, terms, nil
}

type fields []byte

func (f *fields) put(v uint64)          { *f = binary.AppendUvarint(*f, v) }
func (f *fields) sput(v int64)          { *f = binary.AppendVarint(*f, v) }
func (f *fields) offset(v kafka.Offset) { f.sput(int64(v)) }

type reader struct {
	b      []byte
	failed bool
}

func (r *reader) get() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) sget() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) offset() kafka.Offset { return kafka.Offset(r.sget()) }

// count reads a list's length, which can't be more than the bytes that are left.
func (r *reader) count() int {
	n := r.get()
	if n > uint64(len(r.b)) {
		r.failed, r.b = true, nil
		return 0
	}
	return int(n)
}
