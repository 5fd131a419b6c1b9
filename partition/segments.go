package partition

import (
	"sort"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A segment is a stretch of the log that retention deletes as a whole, as Kafka's segment files are. It is no file: the store
// knows nothing of it.
type segment struct {
	base           kafka.Offset    // of its first record
	index          consensus.Index // of its first batch
	bytes          int64
	createdMillis  int64 // the timestamp of its first batch: a segment's age is counted in the time of its records
	maxTimestamp   int64 // -1 where no record has one
	maxTimestampAt kafka.Offset
}

// An indexer decides where index rows stand: one for each block of about BlockSize bytes, and one for each block in which
// the largest timestamp of its segment grew.
type indexer struct {
	segment kafka.Offset // the base of the segment that it is in
	block   Block        // the newest, which still grows
	bytes   int          // of that block
	newest  int64        // the largest timestamp of the segment so far
	indexed int64        // the largest that has a row
}

func newIndexer() indexer { return indexer{segment: kafka.NoOffset, newest: -1, indexed: -1} }

// note takes a batch, which lies in the given segment, and returns the rows that it completes.
func (x *indexer) note(segment kafka.Offset, index consensus.Index, b record.Batch) (blocks []Block, times []BlockTime) {
	if segment != x.segment {
		if x.bytes > 0 && x.newest > x.indexed { // the last block of the segment before
			times = append(times, BlockTime{Segment: x.segment, Timestamp: x.newest, Offset: x.block.Offset})
		}
		*x = newIndexer()
		x.segment = segment
	}
	if x.bytes == 0 || x.bytes >= BlockSize {
		x.block, x.bytes = Block{Offset: b.BaseOffset(), Index: index}, 0
		blocks = append(blocks, x.block)
	}
	x.bytes += len(b)
	x.newest = max(x.newest, b.MaxTimestamp())
	if x.bytes >= BlockSize && x.newest > x.indexed {
		times = append(times, BlockTime{Segment: segment, Timestamp: x.newest, Offset: x.block.Offset})
		x.indexed = x.newest
	}
	return blocks, times
}

// note takes a batch into the log's last segment, or into a new one where that is full, and returns the index rows that
// this completes. Segments roll by size and by the age of their records (segment.bytes, segment.ms).
func (s *state) note(c *Config, index consensus.Index, b record.Batch) ([]Block, []BlockTime) {
	timestamp := b.MaxTimestamp()
	roll := len(s.segments) == 0
	if !roll {
		last := &s.segments[len(s.segments)-1]
		roll = last.bytes+int64(len(b)) > c.SegmentBytes || timestamp-last.createdMillis >= c.SegmentMillis
	}
	if roll {
		s.segments = append(s.segments, segment{
			base: b.BaseOffset(), index: index, createdMillis: timestamp, maxTimestamp: -1, maxTimestampAt: kafka.NoOffset,
		})
	}
	last := &s.segments[len(s.segments)-1]
	last.bytes += int64(len(b))
	if timestamp > last.maxTimestamp {
		last.maxTimestamp, last.maxTimestampAt = timestamp, b.BaseOffset()
	}
	return s.index.note(last.base, index, b)
}

// segmentOf returns the position of the segment that holds the offset; -1 where the log begins above it.
func (s *state) segmentOf(o kafka.Offset) int {
	return sort.Search(len(s.segments), func(i int) bool { return s.segments[i].base > o }) - 1
}

// end is the offset after a segment's last record.
func (s *state) end(i int) kafka.Offset {
	if i+1 < len(s.segments) {
		return s.segments[i+1].base
	}
	return s.highWatermark
}

// size is the number of bytes from the segment of the log start on.
func (s *state) size() (bytes int64) {
	for _, g := range s.segments {
		bytes += g.bytes
	}
	return bytes
}
