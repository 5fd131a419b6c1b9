package coordinator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// loadedRows is what a worker read: the snapshot's rows and those of the log, in their order.
type loadedRows struct {
	rows []partition.KeyValue
	upto kafka.Offset
	err  error
}

const (
	readBytes     = 4 << 20
	chunkBytes    = 1 << 20
	unpackedBytes = 1 << 30
	retryAfter    = 50 * time.Millisecond
)

// load reads what was committed before the coordinator was attached.
func (c *coordinator) load(m *messages.Attached) {
	c.loaded, c.later = false, nil
	result := &loadedRows{upto: m.To}
	c.reading = result
	c.o.System.Work(c.self, func() any {
		// From the first record on that is there: the log start moves before the snapshot is written that stands for what lies below it.
		result.rows, result.err = read(c.o.Store, c.o.Number, 0, m.To)
		return result
	})
}

var errNotThereYet = errors.New("the store does not show all committed records yet")

func read(store partition.Store, number kafka.PartitionNumber, from, to kafka.Offset) (rows []partition.KeyValue, err error) {
	err = store.Chunks(number, func(chunk []byte) error {
		rows, err = appendChunk(rows, chunk)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the snapshot's rows: %w", err)
	}
	for from < to {
		b, err := store.Read(number, from, to, readBytes, true, nil)
		if err != nil {
			return nil, fmt.Errorf("read rows from offset %d: %w", from, err)
		}
		if len(b) == 0 {
			return nil, errNotThereYet
		}
		for batch, err := range record.Batches(b) {
			if err == nil {
				rows, err = appendRows(rows, batch)
			}
			if err != nil {
				return nil, fmt.Errorf("read rows from offset %d: %w", from, err)
			}
			from = batch.NextOffset()
		}
	}
	return rows, nil
}

func appendRows(rows []partition.KeyValue, b record.Batch) ([]partition.KeyValue, error) {
	for r, err := range b.Records(unpackedBytes) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, partition.KeyValue{Key: r.Key, Value: r.Value})
	}
	return rows, nil
}

// take makes what was read the coordinator's rows, and what was applied meanwhile.
func (c *coordinator) take(m *loadedRows) {
	c.reading = nil
	if errors.Is(m.err, errNotThereYet) {
		c.o.System.After(retryAfter, c.self, &reload{c})
		return
	}
	if m.err != nil {
		panic(m.err)
	}
	c.loaded, c.upto = true, m.upto
	for _, o := range c.keys {
		clear(o.rows)
	}
	c.set(m.rows)
	for _, o := range c.sorted() {
		c.forgetIfEmpty(o)
	}
	c.tellAll()
	later := c.later
	c.later = nil
	for _, b := range later {
		c.apply(*b)
	}
	if c.snapshotDue {
		c.snapshotDue = false
		c.send(c.replica, &messages.Snapshot{Chunks: c.snapshot(), Upto: c.upto})
	}
	c.maybeBegin()
}

func (c *coordinator) applied(m *messages.Applied) {
	for _, b := range m.Batches {
		switch {
		case c.loaded:
			c.apply(b)
		case c.reading != nil:
			c.later = append(c.later, &b)
		}
	}
	c.maybeBegin()
	if c.begun && (c.sinceBytes >= c.o.SnapshotBytes || c.sinceRecords >= c.o.SnapshotRecords) {
		c.sinceBytes, c.sinceRecords = 0, 0
		c.send(c.replica, &messages.Shrink{})
	}
}

func (c *coordinator) apply(b record.Batch) {
	rows, err := appendRows(nil, b)
	if err != nil {
		panic(fmt.Errorf("the batch at offset %d: %w", b.BaseOffset(), err))
	}
	c.sinceBytes += len(b)
	c.sinceRecords += len(rows)
	c.upto = b.NextOffset()
	c.set(rows)
	c.tell(Committed{Rows: rows, Upto: c.upto})
}

// set changes the rows.
func (c *coordinator) set(rows []partition.KeyValue) {
	for _, kv := range rows {
		key, ok := c.o.KeyOf(kv.Key)
		if !ok {
			level.Warn(c.o.System.Logger()).Log("msg", "a record of an unknown kind was left alone", "partition", c.o.Number, "key", fmt.Sprintf("%x", kv.Key))
			continue
		}
		o := c.owner(key)
		if kv.Value == nil {
			delete(o.rows, string(kv.Key))
			c.forgetIfEmpty(o)
			continue
		}
		o.rows[string(kv.Key)] = kv.Value
	}
}

func (c *coordinator) tell(what Committed) {
	if c.o.Committed != nil {
		c.o.Committed(what)
	}
}

// tellAll tells every row.
func (c *coordinator) tellAll() {
	if c.o.Committed == nil || !c.loaded {
		return
	}
	var all []partition.KeyValue
	for _, o := range c.sorted() {
		all = append(all, sortedRows(o.rows)...)
	}
	c.tell(Committed{Rows: all, Whole: true, Upto: c.upto})
}

// snapshot writes the rows as chunks: each a sequence of keys and values, each led by its length.
func (c *coordinator) snapshot() [][]byte {
	chunks := [][]byte{{}}
	for _, o := range c.sorted() {
		for _, kv := range sortedRows(o.rows) {
			last := chunks[len(chunks)-1]
			if len(last) > chunkBytes {
				last = nil
				chunks = append(chunks, nil)
			}
			last = binary.AppendUvarint(last, uint64(len(kv.Key)))
			last = append(last, kv.Key...)
			last = binary.AppendUvarint(last, uint64(len(kv.Value)))
			chunks[len(chunks)-1] = append(last, kv.Value...)
		}
	}
	return chunks
}

var errTorn = errors.New("a chunk ends in the middle of a row")

func appendChunk(rows []partition.KeyValue, chunk []byte) ([]partition.KeyValue, error) {
	field := func() ([]byte, error) {
		n, size := binary.Uvarint(chunk)
		if size <= 0 || n > uint64(len(chunk)-size) {
			return nil, errTorn
		}
		f := chunk[size : size+int(n) : size+int(n)]
		chunk = chunk[size+int(n):]
		return f, nil
	}
	for len(chunk) > 0 {
		k, err := field()
		if err != nil {
			return nil, err
		}
		v, err := field()
		if err != nil {
			return nil, err
		}
		rows = append(rows, partition.KeyValue{Key: k, Value: v})
	}
	return rows, nil
}
