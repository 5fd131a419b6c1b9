package partition

import (
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Produced answers Append. It is given with an error of the leader's too; its offset is then kafka.NoOffset.
type Produced struct {
	BaseOffset     kafka.Offset
	LogAppendTime  int64 // milliseconds since 1970; -1 with CreateTime
	LogStartOffset kafka.Offset
}

// Fetched answers Fetch.
type Fetched struct {
	HighWatermark    kafka.Offset
	LastStableOffset kafka.Offset
	LogStartOffset   kafka.Offset
	Aborted          []AbortedTransaction // only for ReadCommitted
	// Batches are whole record batches, shared and read only. Empty where nothing can be read yet, or
	// where Cold says what to read from the store.
	Batches []record.Batch
	Cold    *ColdRead
	// DivergingEpoch and DivergingEnd are set where the reader's last epoch ended earlier here; otherwise
	// DivergingEpoch is NoEpoch.
	DivergingEpoch kafka.LeaderEpoch
	DivergingEnd   kafka.Offset
}

// Bytes is the size of what the answer lets the client read; for a cold read what it may at most be.
func (f *Fetched) Bytes() int {
	if f.Cold != nil {
		return f.Cold.MaxBytes
	}
	n := 0
	for _, b := range f.Batches {
		n += len(b)
	}
	return n
}

// A ColdRead says what a reader may take from the store: whole batches in [From, To).
type ColdRead struct {
	Partition kafka.PartitionNumber
	From, To  kafka.Offset
	MaxBytes  int
}

// Empty tells whether there is nothing to read, now or from the store, and nothing that keeps the reader from waiting for it.
func (f *Fetched) Empty() bool {
	return len(f.Batches) == 0 && f.Cold == nil && f.DivergingEpoch == kafka.NoEpoch
}

// An AbortedTransaction tells a consumer which records to leave out.
type AbortedTransaction struct {
	ProducerID  kafka.ProducerID
	FirstOffset kafka.Offset
}

// ListedOffset answers ListOffsets. All fields are -1 where no record is as asked.
type ListedOffset struct {
	Offset      kafka.Offset
	Timestamp   int64
	LeaderEpoch kafka.LeaderEpoch
}

// EpochEnd answers EndOfEpoch: the largest epoch at or below the one asked for, and the offset after its last record.
// Both are -1 where there is no such epoch.
type EpochEnd struct {
	Epoch kafka.LeaderEpoch
	End   kafka.Offset
}

// LogStart answers DeleteRecords.
type LogStart struct{ Offset kafka.Offset }
