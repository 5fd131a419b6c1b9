package record

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// Limits is what a topic accepts.
type Limits struct {
	BatchBytesMax int // max.message.bytes
	// UnpackedBytesMax bounds what a compressed batch may unpack to. Kafka has no such bound; without one
	// a batch of a megabyte could unpack to a gigabyte.
	UnpackedBytesMax int
	// The range that timestamps must lie in, in milliseconds before and after now (message.timestamp.before.max.ms
	// and .after.max.ms, KIP-937). They are not looked at with LogAppendTime.
	TimestampBeforeMaxMillis int64
	TimestampAfterMaxMillis  int64
	LogAppendTime            bool
	KeysRequired             bool // a compacted topic
	ZstdAllowed              bool // produce requests from version 7 on (KIP-110)
}

// Validate checks the records field that a produce request holds for one partition, and returns it as the one
// batch that it must be. Now is in milliseconds since 1970. The order of the checks and their errors are those of Kafka's
// ProduceRequest.validateRecords and LogValidator: CORRUPT_MESSAGE for bytes that are no batch or have
// another checksum, INVALID_RECORD for a batch that is not whole or says what it must not, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP and
// UNSUPPORTED_COMPRESSION_TYPE. Where single records are to blame the error is a *RecordsError. Nothing is copied, and nothing changed but what Kafka corrects too: a largest
// timestamp that is not that of the records, and log append time on a topic with create time.
func Validate(records []byte, limits Limits, now int64) (Batch, error) {
	b, err := only(records)
	if err != nil {
		return nil, err
	}
	if b.BaseOffset() != 0 {
		return nil, invalid("the batch has base offset %d; a client counts from 0", b.BaseOffset())
	}
	if len(b) > limits.BatchBytesMax {
		return nil, kafka.Errorf(kerr.MessageTooLarge, "a batch of %d bytes exceeds max.message.bytes, %d", len(b), limits.BatchBytesMax)
	}
	if got, want := b.ComputeCRC(), b.CRC(); got != want {
		return nil, corrupt("the batch has checksum %08x, its header says %08x", got, want)
	}
	if err := checkHeader(b, limits); err != nil {
		return nil, err
	}
	return b, checkRecords(b, limits, now)
}

// only returns the single batch that a produce request of version 3 or later holds for a partition. As in Kafka
// (ByteBufferLogInputStream, ProduceRequest.validateRecords) a batch that is not whole is none at all, which the client must not send again;
// bytes that no batch begins with are corrupt.
func only(records []byte) (Batch, error) {
	b := Batch(records)
	if len(b) < posLeaderEpoch {
		return nil, invalid("a produce request holds exactly one record batch for a partition, this one %d bytes", len(b))
	}
	size := b.Size()
	switch {
	case size < lengthOverhead+recordOverheadMin:
		return nil, corrupt("the batch claims %d bytes", size)
	case len(b) <= posMagic:
		return nil, invalid("the batch has %d bytes of %d", len(b), size)
	case b.Magic() < 0 || b.Magic() > magic:
		return nil, corrupt("the batch has magic %d", b.Magic())
	case size > len(b):
		return nil, invalid("the batch has %d bytes of %d", len(b), size)
	case b.Magic() != magic:
		return nil, invalid("the batch has magic %d; produce requests from version 3 on hold batches of magic 2 only", b.Magic())
	case size < HeaderSize:
		return nil, corrupt("the batch claims %d bytes: its header alone has %d", size, HeaderSize)
	case size < len(b):
		return nil, invalid("a produce request holds exactly one record batch for a partition, this one more")
	}
	return b, nil
}

// checkHeader looks at what the header says of itself (LogValidator.validateBatch).
func checkHeader(b Batch, limits Limits) error {
	switch {
	case b.Count() <= 0:
		return invalid("the batch claims %d records", b.Count())
	case b.LastOffsetDelta() != b.Count()-1:
		return invalid("the batch claims %d records and a last offset delta of %d", b.Count(), b.LastOffsetDelta())
	case b.IsControl():
		return invalid("clients can't write control batches")
	case b.Attributes()&attrDeleteHorizon != 0:
		return invalid("clients can't set a delete horizon")
	case b.Codec() > Zstd:
		return kafka.Errorf(kerr.UnsupportedCompressionType, "compression type %d is unknown", b.Codec())
	case b.Codec() == Zstd && !limits.ZstdAllowed:
		return kafka.Errorf(kerr.UnsupportedCompressionType, "produce requests below version 7 can't carry zstd")
	}
	if b.ProducerID() == kafka.NoProducer {
		if b.IsTransactional() {
			return invalid("a transactional batch without a producer id")
		}
		return nil
	}
	switch {
	case b.ProducerID() < 0:
		return invalid("producer id %d", b.ProducerID())
	case b.ProducerEpoch() < 0:
		return invalid("producer epoch %d with producer id %d", b.ProducerEpoch(), b.ProducerID())
	case b.BaseSequence() < 0:
		return invalid("sequence %d with producer id %d", b.BaseSequence(), b.ProducerID())
	}
	return nil
}

// checkRecords walks over the records: each must be well formed and they must be as many as the header says.
func checkRecords(b Batch, limits Limits, now int64) error {
	var newest int64
	check := func(f *fieldReader) (err error) {
		newest, err = checkBody(f, b, limits, now)
		return err
	}
	var err error
	if b.Codec() == None {
		err = check(&fieldReader{b: b[HeaderSize:b.Size()]})
	} else {
		err = b.unpack(limits.UnpackedBytesMax, check)
	}
	if err != nil {
		return err
	}
	if !limits.LogAppendTime && (b.MaxTimestamp() != newest || b.IsLogAppendTime()) {
		b.stampCreateTime(newest)
	}
	return nil
}

// checkBody returns the largest timestamp of the records.
func checkBody(f *fieldReader, b Batch, limits Limits, now int64) (newest int64, err error) {
	var refused refusals
	newest = noTimestamp
	for n := range b.Count() {
		var r shape
		if err := r.read(f); err != nil {
			return 0, invalidAt(n, err)
		}
		timestamp := b.BaseTimestamp() + r.timestampDelta
		newest = max(newest, timestamp)
		switch {
		case limits.KeysRequired && r.keyless:
			refused.add(kerr.InvalidRecord, n, "Compacted topic cannot accept message without key.")
		case limits.LogAppendTime && b.IsLogAppendTime():
			refused.add(kerr.InvalidTimestamp, n, "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.")
		case !limits.LogAppendTime && !limits.accepts(timestamp, now):
			refused.add(kerr.InvalidTimestamp, n, "Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
				timestamp, n, sub(now, limits.TimestampBeforeMaxMillis), add(now, limits.TimestampAfterMaxMillis))
		case r.offsetDelta != int64(n):
			refused.add(kerr.InvalidRecord, n, "Record has offset delta %d, expected is %d.", r.offsetDelta, n)
		}
		if refused.full() {
			break
		}
	}
	if err := refused.err(); err != nil {
		return 0, err
	}
	if !f.ended() {
		return 0, invalid("bytes follow the last of %d records", b.Count())
	}
	return newest, f.err()
}

// accepts tells whether a timestamp is near enough to now.
func (l *Limits) accepts(timestamp, now int64) bool {
	return timestamp == noTimestamp || sub(now, timestamp) <= l.TimestampBeforeMaxMillis && sub(timestamp, now) <= l.TimestampAfterMaxMillis
}

// noTimestamp is that of a record whose client gave it none.
const noTimestamp = -1

// sub is a-b, or the nearest number that fits.
func sub(a, b int64) int64 {
	d := a - b
	switch {
	case b < 0 && d < a:
		return math.MaxInt64
	case b > 0 && d > a:
		return math.MinInt64
	}
	return d
}

// add is a+b, or the largest number, where b is not below zero.
func add(a, b int64) int64 {
	if d := a + b; d >= a {
		return d
	}
	return math.MaxInt64
}

// invalidAt says which record is malformed, unless the whole batch is.
func invalidAt(n int32, err error) error {
	if kafka.Code(err) != kerr.UnknownServerError.Code {
		return err
	}
	return invalid("record %d: %v", n, err)
}
