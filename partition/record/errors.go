package record

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

func corrupt(format string, args ...any) error {
	return kafka.Errorf(kerr.CorruptMessage, format, args...)
}
func invalid(format string, args ...any) error {
	return kafka.Errorf(kerr.InvalidRecord, format, args...)
}

// A RecordError says why one record of a batch is refused (KIP-467).
type RecordError struct {
	Index   int32 // of the record in its batch
	Message string
}

// String returns the error as Kafka shows it.
func (e RecordError) String() string {
	return fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", e.Index, e.Message)
}

// A RecordsError refuses a batch for some of its records. All of the batch is refused; a client may send the others again.
type RecordsError struct {
	Records []RecordError
	err     error
}

// Error returns what is wrong with the batch, led by the protocol's name of the error.
func (e *RecordsError) Error() string { return e.err.Error() }

// Unwrap returns the protocol's error.
func (e *RecordsError) Unwrap() error { return e.err }

// RecordErrors returns the records that err blames.
func RecordErrors(err error) []RecordError {
	var e *RecordsError
	if errors.As(err, &e) {
		return e.Records
	}
	return nil
}

// refusals are the records of a batch that are refused, in Kafka's words (LogValidator.processRecordErrors).
type refusals struct {
	timestamps bool
	records    []RecordError
}

// refusalsMax bounds what an answer says: a batch of a megabyte may hold a hundred thousand records.
const refusalsMax = 300

func (r *refusals) add(kind *kerr.Error, index int32, format string, args ...any) {
	r.timestamps = r.timestamps || kind == kerr.InvalidTimestamp
	r.records = append(r.records, RecordError{index, fmt.Sprintf(format, args...)})
}

func (r *refusals) full() bool { return len(r.records) == refusalsMax }

func (r *refusals) err() error {
	switch {
	case len(r.records) == 0:
		return nil
	case r.timestamps:
		return &RecordsError{r.records, kafka.Errorf(kerr.InvalidTimestamp, "One or more records have been rejected due to invalid timestamp")}
	}
	var first []string
	for _, e := range r.records[:min(3, len(r.records))] {
		first = append(first, e.String())
	}
	return &RecordsError{r.records, invalid(
		"One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: [%s]", len(r.records), strings.Join(first, ", "))}
}
