package logstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A Harness is a store under test.
type Harness struct {
	partition.Store
	// Reclaim gives space back now; nil where there is nothing to give.
	Reclaim func() error
	// Reopen closes the store in good order and opens it again; nil where that makes no sense.
	Reopen func() partition.Store
	// FailSync makes the next sync, and so the store, fail.
	FailSync func()
}

// p is the partition of most tests. Its neighbours below and above hold rows too, which must not get mixed up with its own.
const p kafka.PartitionNumber = 7

// Conformance runs what every store must do.
func Conformance(t *testing.T, open func(t *testing.T) *Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, h *Harness)
	}{
		{"a partition that nobody wrote is empty", empty},
		{"what is written is loaded", writeAndLoad},
		{"writes are reported in their order", order},
		{"entries replace what stands at their index and above", truncate},
		{"entries come in portions", portions},
		{"batches are read by offset", readByOffset},
		{"timestamps are found by segment", seekTimestamp},
		{"a snapshot replaces what lies below", snapshot},
		{"a reset deletes what lies above too", reset},
		{"the machine's rows go with their snapshot", chunks},
		{"a dropped partition is gone, its neighbours are not", drop},
		{"a partition that comes again after a drop keeps its log", dropAndAgain},
		{"after a failed sync the store is dead", death},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Batch returns a batch of so many records, stamped.
func Batch(t testing.TB, base kafka.Offset, records, size int) record.Batch {
	t.Helper()
	var b record.Builder
	for range records {
		b.Add(record.Record{Timestamp: int64(base), Value: bytes.Repeat([]byte{byte(base)}, size)})
	}
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	out.Stamp(base, 1)
	return out
}

// Write hands in a write and waits until it is durable.
func (h *Harness) Write(t testing.TB, w *partition.Write) {
	t.Helper()
	done := make(chan error, 1)
	w.Sync, w.Done = true, func(err error) { done <- err }
	h.Append(w)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (h *Harness) load(t *testing.T, p kafka.PartitionNumber) *partition.Stored {
	t.Helper()
	s, err := h.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// entry is an entry whose data says what it is.
func entry(i consensus.Index, term consensus.Term) consensus.Entry {
	return consensus.Entry{Index: i, Term: term, Kind: consensus.Command, Data: fmt.Appendf(nil, "entry %d of term %d", i, term)}
}

func entries(lo, hi consensus.Index, term consensus.Term) (out []consensus.Entry) {
	for i := lo; i < hi; i++ {
		out = append(out, entry(i, term))
	}
	return out
}

func (h *Harness) expect(t *testing.T, lo, hi consensus.Index, want []consensus.Entry) {
	t.Helper()
	got, err := h.Entries(p, lo, hi, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries in [%d, %d), want %d", len(got), lo, hi, len(want))
	}
	for i := range want {
		if got[i].Index != want[i].Index || got[i].Term != want[i].Term || got[i].Kind != want[i].Kind || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("entry %d is %+v, want %+v", want[i].Index, got[i], want[i])
		}
	}
}

func empty(t *testing.T, h *Harness) {
	s := h.load(t, p)
	if s.Hard.Known || s.Last != 0 || s.Checkpoint != nil {
		t.Errorf("%+v", s)
	}
	if got, err := h.Read(p, 0, 100, 1000, true, nil); err != nil || len(got) != 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := h.Entries(p, 1, 2, 100); !errors.Is(err, partition.ErrCompacted) {
		t.Errorf("an entry that is not there: %v", err)
	}
}

func writeAndLoad(t *testing.T, h *Harness) {
	hard := consensus.HardState{Term: 3, Vote: 1, Commit: 2}
	for _, n := range []kafka.PartitionNumber{p - 1, p, p + 1} {
		h.Write(t, &partition.Write{Partition: n, Entries: entries(1, 4, consensus.Term(n)), Hard: &hard})
	}
	h.Update(&partition.Update{Partition: p, Checkpoint: []byte("state")})
	check := func() {
		s := h.load(t, p)
		if s.Hard.HardState != hard || !s.Hard.Known || s.Last != 3 || s.LastTerm != consensus.Term(p) ||
			string(s.Checkpoint) != "state" {
			t.Errorf("%+v", s)
		}
		h.expect(t, 1, 4, entries(1, 4, consensus.Term(p)))
		all, err := h.Partitions()
		if err != nil || len(all) != 3 || all[0] != p-1 || all[2] != p+1 {
			t.Errorf("partitions %v, %v", all, err)
		}
	}
	check()
	if h.Reopen != nil {
		h.Store = h.Reopen()
		check()
	}
}

func order(t *testing.T, h *Harness) {
	const n = 200
	reports := make(chan int, n)
	for i := range n {
		w := &partition.Write{Partition: p, Done: func(err error) {
			if err != nil {
				t.Error(err)
			}
			reports <- i
		}}
		if i%3 != 0 { // every third says nothing and still waits for its turn
			w.Entries, w.Sync = entries(consensus.Index(i+1), consensus.Index(i+2), 1), true
		}
		h.Append(w)
	}
	for i := range n {
		if got := <-reports; got != i {
			t.Fatalf("write %d was reported as number %d", got, i)
		}
	}
}

func truncate(t *testing.T, h *Harness) {
	h.Write(t, &partition.Write{Partition: p, Entries: entries(1, 11, 1)})
	h.Write(t, &partition.Write{Partition: p + 1, Entries: entries(1, 11, 1)})
	h.Write(t, &partition.Write{Partition: p, Entries: entries(5, 7, 2)})
	h.expect(t, 1, 7, append(entries(1, 5, 1), entries(5, 7, 2)...))
	check := func() {
		if s := h.load(t, p); s.Last != 6 || s.LastTerm != 2 {
			t.Errorf("last entry %d of term %d", s.Last, s.LastTerm)
		}
		if s := h.load(t, p+1); s.Last != 10 {
			t.Errorf("the neighbour's last entry is %d", s.Last)
		}
	}
	check()
	if h.Reopen != nil {
		h.Store = h.Reopen()
		check()
		h.Write(t, &partition.Write{Partition: p, Entries: entries(2, 3, 3)}) // what it does not know from memory
		if s := h.load(t, p); s.Last != 2 {
			t.Errorf("last entry %d", s.Last)
		}
	}
}

func portions(t *testing.T, h *Harness) {
	h.Write(t, &partition.Write{Partition: p, Entries: entries(1, 11, 1)})
	size := len(entry(1, 1).Data)
	for _, c := range []struct{ maxBytes, want int }{{0, 1}, {size, 1}, {3 * size, 3}, {1000, 8}} {
		got, err := h.Entries(p, 2, 10, c.maxBytes)
		if err != nil || len(got) != c.want || got[0].Index != 2 {
			t.Errorf("%d bytes: %d entries, %v", c.maxBytes, len(got), err)
		}
	}
}

// log writes 40 batches of 3 records with other entries in between, and an index row for every tenth batch.
func log(t *testing.T, h *Harness) {
	w := &partition.Write{Partition: p}
	u := &partition.Update{Partition: p}
	for i := range 40 {
		at := consensus.Index(len(w.Entries) + 1)
		if i%4 == 0 {
			w.Entries = append(w.Entries, entry(at, 1))
			at++
		}
		base := kafka.Offset(3 * i)
		if i%10 == 0 {
			u.Blocks = append(u.Blocks, partition.Block{Offset: base, Index: at})
			u.Times = append(u.Times, partition.BlockTime{Segment: base / 60 * 60, Timestamp: int64(base) + 5, Offset: base})
		}
		w.Entries = append(w.Entries, consensus.Entry{Index: at, Term: 1, Kind: consensus.Batch, Data: Batch(t, base, 3, 500)})
	}
	h.Write(t, w)
	h.Update(u)
}

func readByOffset(t *testing.T, h *Harness) {
	log(t, h)
	size := len(Batch(t, 0, 3, 500))
	for _, c := range []struct {
		from, to   kafka.Offset
		maxBytes   int
		atLeastOne bool
		first, n   int // the first batch's base offset and how many there are
	}{
		{0, 120, 1 << 20, true, 0, 40},
		{1, 120, 1 << 20, true, 0, 40},
		{3, 120, 1 << 20, true, 3, 39},
		{59, 120, 2 * size, true, 57, 2},
		{60, 120, 1, true, 60, 1},
		{60, 120, 1, false, 0, 0},
		{60, 120, size, false, 60, 1},
		{100, 106, 1 << 20, true, 99, 3},
		{119, 120, 1 << 20, true, 117, 1},
		{120, 200, 1 << 20, true, 0, 0},
	} {
		got, err := h.Read(p, c.from, c.to, c.maxBytes, c.atLeastOne, []byte("before"))
		if err != nil || !bytes.HasPrefix(got, []byte("before")) {
			t.Fatalf("%+v: %v", c, err)
		}
		n := 0
		for b := range record.Batches(got[len("before"):]) {
			if want := kafka.Offset(c.first + 3*n); b.BaseOffset() != want || b.CRC() != b.ComputeCRC() {
				t.Errorf("%+v: batch %d begins at %d, want %d", c, n, b.BaseOffset(), want)
			}
			n++
		}
		if n != c.n {
			t.Errorf("%+v: %d batches", c, n)
		}
	}
}

func seekTimestamp(t *testing.T, h *Harness) {
	log(t, h)
	for _, c := range []struct {
		segment kafka.Offset
		ts      int64
		want    kafka.Offset
		ok      bool
	}{{0, 0, 0, true}, {0, 5, 0, true}, {0, 6, 30, true}, {0, 35, 30, true}, {0, 36, 0, false}, {60, 36, 60, true}, {60, 66, 90, true}, {60, 96, 0, false}, {90, 0, 0, false}} {
		got, ok, err := h.SeekTimestamp(p, c.segment, c.ts)
		if err != nil || ok != c.ok || got != c.want {
			t.Errorf("%+v: %d, %v, %v", c, got, ok, err)
		}
	}
}

func snapshot(t *testing.T, h *Harness) {
	log(t, h)
	h.Write(t, &partition.Write{Partition: p + 1, Entries: entries(1, 11, 1)})
	h.Write(t, &partition.Write{Partition: p, Snapshot: &partition.Snapshot{Index: 26, Term: 1, State: []byte("then")}, LogStart: 61})
	if h.Reclaim != nil {
		if err := h.Reclaim(); err != nil {
			t.Fatal(err)
		}
	}
	s := h.load(t, p)
	if s.Snapshot.Index != 26 || string(s.Snapshot.State) != "then" || s.Last != 50 {
		t.Errorf("%+v", s)
	}
	if _, err := h.Entries(p, 26, 30, 1000); !errors.Is(err, partition.ErrCompacted) {
		t.Errorf("an entry below the snapshot: %v", err)
	}
	if got, err := h.Entries(p, 27, 51, 1<<30); err != nil || len(got) != 24 {
		t.Errorf("%d entries are left, %v", len(got), err)
	}
	got, err := h.Read(p, 61, 120, 1<<20, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	for b := range record.Batches(got) {
		if b.BaseOffset() != 60 {
			t.Errorf("the first batch begins at %d", b.BaseOffset())
		}
		break
	}
	if s := h.load(t, p+1); s.Last != 10 {
		t.Errorf("the neighbour's last entry is %d", s.Last)
	}
}

// reset has old index rows and an old checkpoint stay where they are: what they say of the log is true, but there is nothing below the snapshot any more.
func reset(t *testing.T, h *Harness) {
	log(t, h)
	h.Update(&partition.Update{Partition: p, Checkpoint: []byte("old")})
	h.Write(t, &partition.Write{
		Partition: p, Reset: true, Snapshot: &partition.Snapshot{Index: 100, Term: 4, State: []byte("then")}, Chunks: [][]byte{[]byte("rows")}, LogStart: 300,
		Entries: []consensus.Entry{entry(101, 4), {Index: 102, Term: 4, Kind: consensus.Batch, Data: Batch(t, 300, 3, 500)}},
	})
	check := func() {
		t.Helper()
		s := h.load(t, p)
		if s.Last != 102 || s.LastTerm != 4 || s.Snapshot.Index != 100 || string(s.Snapshot.State) != "then" {
			t.Errorf("%+v", s)
		}
		if c := string(s.Checkpoint); c != "old" && c != "" {
			t.Errorf("the checkpoint is %q", c)
		}
		if _, err := h.Entries(p, 50, 51, 1000); !errors.Is(err, partition.ErrCompacted) {
			t.Errorf("an entry of before: %v", err)
		}
		for _, from := range []kafka.Offset{0, 61, 119, 300, 301} {
			got, err := h.Read(p, from, 303, 1<<20, true, nil)
			if err != nil || len(got) == 0 || record.Batch(got).BaseOffset() != 300 || record.Batch(got).Size() != len(got) {
				t.Errorf("from offset %d: %d bytes, %v", from, len(got), err)
			}
		}
		if o, ok, err := h.SeekTimestamp(p, 300, 0); ok || err != nil {
			t.Errorf("a row of the new segment says %d, %v", o, err)
		}
		if of, chunk, err := h.Chunk(p, 0); string(chunk) != "rows" || of.Index != 100 || err != nil {
			t.Errorf("chunk %q of %+v, %v", chunk, of, err)
		}
	}
	check()
	if h.Reclaim != nil {
		if err := h.Reclaim(); err != nil {
			t.Fatal(err)
		}
		check()
	}
	if h.Reopen != nil {
		h.Store = h.Reopen()
		check()
	}
	h.Write(t, &partition.Write{Partition: p, Reset: true, Snapshot: &partition.Snapshot{Index: 200, Term: 5}})
	if s := h.load(t, p); s.Last != 200 || s.LastTerm != 5 {
		t.Errorf("%+v", s)
	}
	h.Write(t, &partition.Write{Partition: p, Entries: entries(201, 203, 5)})
	h.expect(t, 201, 203, entries(201, 203, 5))
}

func chunks(t *testing.T, h *Harness) {
	read := func() (out []string) {
		if err := h.Chunks(p, func(c []byte) error { out = append(out, string(c)); return nil }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	h.Write(t, &partition.Write{Partition: p, Entries: entries(1, 11, 1)})
	h.Write(t, &partition.Write{Partition: p, Snapshot: &partition.Snapshot{Index: 2, Term: 1}, Chunks: [][]byte{[]byte("a"), []byte("b"), []byte("c")}})
	if got := fmt.Sprint(read()); got != "[a b c]" {
		t.Error(got)
	}
	one := func(n int) string {
		of, chunk, err := h.Chunk(p, n)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s of %d, %v", chunk, of.Index, chunk != nil)
	}
	if got := one(2); got != "c of 2, true" {
		t.Error(got)
	}
	h.Write(t, &partition.Write{Partition: p, Snapshot: &partition.Snapshot{Index: 4, Term: 1}, Chunks: [][]byte{[]byte("d"), {}}})
	for n, want := range []string{"d of 4, true", " of 4, true", " of 4, false"} {
		if got := one(n); got != want {
			t.Error(got)
		}
	}
	if got := fmt.Sprint(read()); got != "[d ]" {
		t.Error(got)
	}
}

func drop(t *testing.T, h *Harness) {
	hard := consensus.HardState{Term: 1}
	for _, n := range []kafka.PartitionNumber{p - 1, p, p + 1} {
		h.Write(t, &partition.Write{Partition: n, Entries: entries(1, 4, 1), Hard: &hard})
		h.Update(&partition.Update{Partition: n, Checkpoint: []byte("x"), Blocks: []partition.Block{{Offset: 1, Index: 1}}})
	}
	done := make(chan error, 1)
	h.Drop(p, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if h.Reclaim != nil {
		if err := h.Reclaim(); err != nil {
			t.Fatal(err)
		}
	}
	if s := h.load(t, p); s.Hard.Known || s.Last != 0 || s.Checkpoint != nil {
		t.Errorf("%+v is left", s)
	}
	for _, n := range []kafka.PartitionNumber{p - 1, p + 1} {
		if s := h.load(t, n); s.Last != 3 || s.Checkpoint == nil {
			t.Errorf("partition %d: %+v", n, s)
		}
	}
	if all, err := h.Partitions(); err != nil || len(all) != 2 {
		t.Errorf("partitions %v, %v", all, err)
	}
}

// A replica that comes after a dropped one, on the same store, keeps what it is given, whatever was noted of the one before.
func dropAndAgain(t *testing.T, h *Harness) {
	hard := consensus.HardState{Term: 1, Commit: 5}
	h.Write(t, &partition.Write{Partition: p, Entries: entries(1, 9, 1), Hard: &hard})
	h.Write(t, &partition.Write{Partition: p, LogStart: 5, Snapshot: &partition.Snapshot{Index: 5, Term: 1}})
	done := make(chan error, 1)
	h.Drop(p, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.Write(t, &partition.Write{Partition: p, Entries: entries(1, 4, 2), Hard: &hard})
	if h.Reclaim != nil {
		if err := h.Reclaim(); err != nil {
			t.Fatal(err)
		}
	}
	h.load(t, p)
	if got, err := h.Entries(p, 1, 4, 1<<20); err != nil || len(got) != 3 || got[0].Term != 2 {
		t.Errorf("entries %v, %v", got, err)
	}
	if s := h.load(t, p); s.Last != 3 || s.Snapshot.Index != 0 {
		t.Errorf("%+v is left", s)
	}
}

func death(t *testing.T, h *Harness) {
	h.Write(t, &partition.Write{Partition: p, Entries: entries(1, 4, 1)})
	h.FailSync()
	for i := range 3 {
		done := make(chan error, 1)
		h.Append(&partition.Write{Partition: p, Entries: entries(4, 5, 1), Sync: true, Done: func(err error) { done <- err }})
		if err := <-done; err == nil {
			t.Errorf("write %d after the failure was acknowledged", i)
		}
	}
	if _, err := h.Load(p); err == nil {
		t.Error("a dead store loads")
	}
}
