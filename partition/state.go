package partition

import (
	"encoding/binary"
	"fmt"
	"sort"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// state is what the applied entries of a partition's log amount to. It changes in apply only, on every replica alike.
type state struct {
	applied          consensus.Index
	highWatermark    kafka.Offset // the offset after the last applied record
	logStart         kafka.Offset
	lastAppendMillis int64 // the newest log append time that was given
	epochs           []epochStart
	segments         []segment
	index            indexer
	producers        map[kafka.ProducerID]*producer
	configuration    consensus.Configuration
	// rows is the end of the log that the machine's rows beside the newest snapshot are from. It may lie above the high watermark, where the snapshot came from the leader.
	rows kafka.Offset
}

// An epochStart says at which offset a leader epoch began.
type epochStart struct {
	epoch kafka.LeaderEpoch
	start kafka.Offset
}

func newState() *state {
	return &state{index: newIndexer(), producers: map[kafka.ProducerID]*producer{}}
}

// An appliedEntry is what one entry changed that others have to know.
type appliedEntry struct {
	batch    record.Batch // nil where the entry holds none
	blocks   []Block
	times    []BlockTime
	logStart bool // the log start moved
}

// apply makes a committed entry part of the state. It must accept whatever was committed: an error is a broken log.
func (s *state) apply(c *Config, e consensus.Entry) (out appliedEntry, err error) {
	switch e.Kind {
	case consensus.Empty:
		s.beginEpoch(kafka.LeaderEpoch(e.Term))
	case consensus.Batch:
		b := record.Batch(e.Data)
		if b.BaseOffset() != s.highWatermark {
			return out, fmt.Errorf("entry %d has base offset %d, but the log ends at %d", e.Index, b.BaseOffset(), s.highWatermark)
		}
		out.batch = b
		out.blocks, out.times = s.note(c, e.Index, b)
		s.highWatermark = b.NextOffset()
		if b.IsLogAppendTime() {
			s.lastAppendMillis = max(s.lastAppendMillis, b.MaxTimestamp())
		}
		if id := b.ProducerID(); id != kafka.NoProducer && !b.IsControl() {
			p := s.producers[id]
			if p == nil {
				p = &producer{epoch: b.ProducerEpoch()}
				s.producers[id] = p
			}
			p.add(b)
		}
	case consensus.Command:
		if out.logStart, err = s.command(e); err != nil {
			return out, err
		}
	case consensus.Reconfigure:
		if s.configuration, err = s.configuration.Changed(e.Index, e.Data); err != nil {
			return out, fmt.Errorf("entry %d: %w", e.Index, err)
		}
	}
	s.applied = e.Index
	return out, nil
}

// beginEpoch notes where a leader's epoch begins. As in Kafka's cache, an epoch that ended where it began makes room for the next.
func (s *state) beginEpoch(epoch kafka.LeaderEpoch) {
	n := len(s.epochs)
	if n > 0 && s.epochs[n-1].epoch == epoch {
		return // raft puts an empty entry in the place of a configuration change that it refuses
	}
	if n > 0 && s.epochs[n-1].start == s.highWatermark {
		s.epochs = s.epochs[:n-1]
	}
	s.epochs = append(s.epochs, epochStart{epoch, s.highWatermark})
}

// The commands. Their entries begin with 8 bytes of 0xff, which no base offset is, and a byte that says which.
const (
	commandHeader  = 9
	moveLogStart   = 1 // offset i64
	forgetProducer = 2 // any number of producer ids i64
)

func command(kind byte, numbers ...int64) []byte {
	b := make([]byte, 0, commandHeader+8*len(numbers))
	b = binary.BigEndian.AppendUint64(b, ^uint64(0))
	b = append(b, kind)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func (s *state) command(e consensus.Entry) (movedLogStart bool, err error) {
	if len(e.Data) < commandHeader || (len(e.Data)-commandHeader)%8 != 0 {
		return false, fmt.Errorf("entry %d is a command of %d bytes", e.Index, len(e.Data))
	}
	numbers := make([]int64, 0, 1)
	for b := e.Data[commandHeader:]; len(b) > 0; b = b[8:] {
		numbers = append(numbers, int64(binary.BigEndian.Uint64(b)))
	}
	switch kind := e.Data[commandHeader-1]; kind {
	case moveLogStart:
		to := min(kafka.Offset(numbers[0]), s.highWatermark)
		if to <= s.logStart {
			return false, nil
		}
		s.logStart = to
		s.dropBelow(to)
		return true, nil
	case forgetProducer:
		for _, id := range numbers {
			delete(s.producers, kafka.ProducerID(id))
		}
		return false, nil
	default:
		return false, fmt.Errorf("entry %d is a command of kind %d, which this version does not know", e.Index, kind)
	}
}

// dropBelow forgets the segments and epochs that lie whole below an offset. Where nothing is left the next record begins a segment, and the newest epoch stays.
func (s *state) dropBelow(o kafka.Offset) {
	if o == s.highWatermark {
		s.segments, s.index = nil, newIndexer()
	} else if n := s.segmentOf(o); n > 0 {
		s.segments = append([]segment(nil), s.segments[n:]...)
	}
	n := sort.Search(len(s.epochs), func(i int) bool { return s.epochs[i].start > o }) - 1
	if n > 0 {
		s.epochs = append([]epochStart(nil), s.epochs[n:]...)
	}
	if len(s.epochs) > 0 && s.epochs[0].start < o {
		s.epochs[0].start = o
	}
}

// epochAt returns the leader epoch of the record at an offset, or the newest one for the end of the log.
func (s *state) epochAt(o kafka.Offset) kafka.LeaderEpoch {
	n := sort.Search(len(s.epochs), func(i int) bool { return s.epochs[i].start > o })
	if n == 0 {
		return kafka.NoEpoch
	}
	return s.epochs[n-1].epoch
}

// endOf returns the largest epoch at or below e and the offset at which it ended, as Kafka's LeaderEpochFileCache.endOffsetFor:
// logEnd for the newest epoch, -1 and -1 for an epoch that is newer or lies before the log.
func (s *state) endOf(e kafka.LeaderEpoch, logEnd kafka.Offset) EpochEnd {
	n := sort.Search(len(s.epochs), func(i int) bool { return s.epochs[i].epoch > e })
	switch {
	case len(s.epochs) == 0 || e == kafka.NoEpoch:
		return EpochEnd{kafka.NoEpoch, kafka.NoOffset}
	case n == len(s.epochs):
		if s.epochs[n-1].epoch != e {
			return EpochEnd{kafka.NoEpoch, kafka.NoOffset}
		}
		return EpochEnd{e, logEnd}
	case n == 0:
		return EpochEnd{e, s.epochs[0].start}
	default:
		return EpochEnd{s.epochs[n-1].epoch, s.epochs[n].start}
	}
}
