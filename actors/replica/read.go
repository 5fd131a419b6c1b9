package replica

import (
	"fmt"
	"iter"
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
			if r.ended.Load() {
				return &messages.Reply{Slot: m.Reply.Slot, Err: kerr.NotLeaderForPartition} // the replica has left the node, and its log with it
			}
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

// search looks for the record that a lookup wants.
func search(store partition.Store, l partition.Lookup) (found *messages.ListedOffset, err error) {
	none := &messages.ListedOffset{Offset: kafka.NoOffset, Timestamp: -1, LeaderEpoch: kafka.NoEpoch}
	if l.Largest {
		if found, err = largest(store, l); found != nil || err != nil {
			return found, err
		}
		if l.Then == nil {
			return none, nil
		}
		l = *l.Then
	}
	from, ok, err := store.SeekTimestamp(l.Partition, l.Segment, l.Timestamp)
	if err != nil {
		return nil, err
	}
	if !ok {
		from = l.Tail
	}
	for b, err := range stretch(store, l.Partition, max(from, l.From), l.To) {
		if err != nil {
			return nil, err
		}
		if found, err := first(b, l); found != nil || err != nil {
			return found, err
		}
	}
	return none, nil
}

// largest reads a stretch through. Batches that can't have what is wanted are not unpacked.
func largest(store partition.Store, l partition.Lookup) (best *messages.ListedOffset, err error) {
	least := l.Timestamp
	for b, err := range stretch(store, l.Partition, l.From, l.To) {
		if err != nil {
			return nil, err
		}
		if b.MaxTimestamp() < least {
			continue
		}
		err := b.Timestamps(unpackedBytesMax, func(o kafka.Offset, timestamp int64) bool {
			if o >= l.From && timestamp >= least {
				best, least = &messages.ListedOffset{Offset: o, Timestamp: timestamp, LeaderEpoch: b.LeaderEpoch()}, timestamp+1
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return best, nil
}

// stretch walks over the batches of [from, to), which live until the next one.
func stretch(store partition.Store, p kafka.PartitionNumber, from, to kafka.Offset) iter.Seq2[record.Batch, error] {
	return func(yield func(record.Batch, error) bool) {
		var buffer []byte
		var err error
		for from < to {
			if buffer, err = store.Read(p, from, to, blockRead, true, buffer[:0]); err != nil {
				yield(nil, err)
				return
			}
			if len(buffer) == 0 {
				return
			}
			for b, broken := range record.Batches(buffer) {
				if !yield(b, broken) || broken != nil {
					return
				}
				from = b.NextOffset()
			}
		}
	}
}

// unpackedBytesMax bounds what one batch may unpack to while it is searched; more than when it was appended.
const unpackedBytesMax = 1 << 30

// first returns the first record of a batch that a lookup may mean.
func first(b record.Batch, l partition.Lookup) (found *messages.ListedOffset, err error) {
	if b.MaxTimestamp() < l.Timestamp {
		return nil, nil
	}
	err = b.Timestamps(unpackedBytesMax, func(o kafka.Offset, timestamp int64) bool {
		if o >= l.From && timestamp >= l.Timestamp {
			found = &messages.ListedOffset{Offset: o, Timestamp: timestamp, LeaderEpoch: b.LeaderEpoch()}
		}
		return found == nil
	})
	return found, err
}
