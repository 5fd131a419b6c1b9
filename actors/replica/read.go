package replica

import (
	"fmt"
	"runtime/debug"

	"github.com/go-kit/log/level"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Both kinds of reads answer straight from the worker: the record bytes don't pass through the replica. Whatever lies below the
// high watermark can't change meanwhile.

// readCold reads a stretch of the log.
func (r *replica) readCold(m *messages.ReadCold) {
	q := m.Read
	r.work(m.Reply, func() any {
		// While clients are slow to read what was read before, nothing is added to it.
		r.o.Answers.Await(never)
		r.o.Answers.Take(q.MaxBytes)
		defer r.o.Answers.Give(q.MaxBytes) // the session takes what the answer really has
		b, err := r.o.Store.Read(q.Partition, q.From, q.To, q.MaxBytes, true, nil)
		f := &messages.Fetched{DivergingEpoch: kafka.NoEpoch, DivergingEnd: kafka.NoOffset}
		if err == nil {
			for batch, broken := range record.Batches(b) {
				if err = broken; err != nil {
					break
				}
				f.Batches = append(f.Batches, batch)
			}
		}
		if err == nil && (len(f.Batches) == 0 || f.Batches[0].BaseOffset() > q.From) {
			// Retention has passed by since the partition said what may be read: what comes next is not what was asked for.
			return &messages.Reply{Slot: m.Reply.Slot, Value: f, Err: kerr.OffsetOutOfRange}
		}
		return r.read(m.Reply, f, err)
	})
}

func never() bool { return false }

// work runs a read whose result is an answer. A panic in it is an answer too.
func (r *replica) work(to messages.ReplyTo, f func() any) {
	r.o.System.Work(to.PID, func() (answer any) {
		defer func() {
			if p := recover(); p != nil {
				answer = r.read(to, nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		return f()
	})
}

// blockRead is how much is read at once in search of a timestamp: more than a block, so that one read finds it.
const blockRead = 4 * partition.BlockSize

// lookUp finds the first record with a timestamp.
func (r *replica) lookUp(l partition.Lookup) {
	to, ok := r.tickets.redeem(partition.Reply{Ticket: l.Ticket})
	if !ok {
		return
	}
	r.work(to, func() any {
		found, err := search(r.o.Store, l)
		return r.read(to, found, err)
	})
}

// read makes the reply to a read. Bytes that can't be read or don't add up are an error that names the place.
func (r *replica) read(to messages.ReplyTo, value any, err error) *messages.Reply {
	if err != nil {
		level.Error(r.o.System.Logger()).Log("msg", "can't read the log", "partition", r.o.Partition.Name, "err", err)
		return &messages.Reply{Slot: to.Slot, Err: kerr.KafkaStorageError}
	}
	return &messages.Reply{Slot: to.Slot, Value: value}
}

// search looks for the first record of a lookup's range whose timestamp is late enough.
func search(store partition.Store, l partition.Lookup) (*messages.ListedOffset, error) {
	from, ok, err := store.SeekTimestamp(l.Partition, l.Segment, l.Timestamp)
	if err != nil {
		return nil, err
	}
	if !ok {
		from = l.Tail
	}
	var buffer []byte
	for from = max(from, l.From); from < l.To; {
		if buffer, err = store.Read(l.Partition, from, l.To, blockRead, true, buffer[:0]); err != nil {
			return nil, err
		}
		if len(buffer) == 0 {
			break
		}
		for b, broken := range record.Batches(buffer) {
			if broken != nil {
				return nil, broken
			}
			from = b.NextOffset()
			if b.MaxTimestamp() < l.Timestamp {
				continue
			}
			found, err := first(b, l)
			if found != nil || err != nil {
				return found, err
			}
		}
	}
	return &messages.ListedOffset{Offset: kafka.NoOffset, Timestamp: -1, LeaderEpoch: kafka.NoEpoch}, nil
}

// unpackedBytesMax bounds what one batch may unpack to while it is searched, as when it was appended.
const unpackedBytesMax = 1 << 30

func first(b record.Batch, l partition.Lookup) (*messages.ListedOffset, error) {
	for rec, err := range b.Records(unpackedBytesMax) {
		if err != nil {
			return nil, err
		}
		if rec.Offset >= l.From && rec.Timestamp >= l.Timestamp {
			return &messages.ListedOffset{Offset: rec.Offset, Timestamp: rec.Timestamp, LeaderEpoch: b.LeaderEpoch()}, nil
		}
	}
	return nil, nil
}
