package consensus

import (
	"bytes"
	"fmt"
	"testing"
)

// disk is a store of one replica's log: writes are durable when sync is called.
type disk struct {
	entries []Entry
	hard    HardState
	waiting []*Write
	paced   bool
	reads   int // that are left, where it is paced
}

func (d *disk) read(lo, hi Index, maxBytes int) ([]Entry, error) {
	if d.paced && d.reads == 0 {
		return nil, nil
	}
	d.reads--
	n, size := 0, 0
	for _, e := range d.entries[lo-1 : hi-1] {
		if size += len(e.Data); n > 0 && size > maxBytes {
			break
		}
		n++
	}
	return d.entries[lo-1:][:n:n], nil
}

func (d *disk) sync(r *Replica) {
	for _, w := range d.waiting {
		if len(w.Entries) > 0 {
			d.entries = append(d.entries[:w.Entries[0].Index-1], w.Entries...)
		}
		if w.Hard != nil {
			d.hard = *w.Hard
		}
		r.Stored(w)
	}
	d.waiting = nil
}

// turn takes a Ready and returns what was committed.
func turn(d *disk, r *Replica) []Entry {
	rd := r.Ready()
	d.waiting = append(d.waiting, rd.Writes...)
	return rd.Committed
}

// settle takes turns until nothing is left to do, and returns what was committed.
func settle(d *disk, r *Replica) (committed []Entry) {
	for {
		committed = append(committed, turn(d, r)...)
		if len(d.waiting) == 0 {
			return committed
		}
		d.sync(r)
	}
}

func start(t *testing.T, d *disk, applied Index) *Replica {
	t.Helper()
	var terms Terms
	for _, e := range d.entries[:applied] {
		terms = terms.append(e.Term, e.Index)
	}
	r, err := New(Options{
		ID: 1, ElectionTicks: 10, HeartbeatTicks: 1, Hard: d.hard, Configuration: Founding(1),
		Applied: applied, Terms: terms, Tail: d.entries[applied:], Read: d.read,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func payload(n int) []byte { return bytes.Repeat([]byte{byte(n + 1)}, 100+n) }

func TestSingleVoterLeadsAndCommitsInOrder(t *testing.T) {
	d := &disk{}
	r := start(t, d, 0)
	r.Campaign()
	committed := settle(d, r)
	if len(committed) != 1 || committed[0].Kind != Empty || !r.IsLeader() || r.Term() != 1 {
		t.Fatalf("after the campaign: committed %v, leader %v, term %d", committed, r.IsLeader(), r.Term())
	}
	for i := range 5 {
		if err := r.Propose(Batch, payload(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := turn(d, r); len(got) != 0 {
		t.Fatalf("%d entries were committed before anything was durable", len(got))
	}
	d.sync(r)
	got := settle(d, r)
	if len(got) != 5 {
		t.Fatalf("committed %d of 5 entries", len(got))
	}
	for i, e := range got {
		if e.Index != Index(i+2) || e.Kind != Batch || !bytes.Equal(e.Data, payload(i)) {
			t.Errorf("entry %d is %d, %v, %d bytes", i, e.Index, e.Kind, len(e.Data))
		}
	}
}

func TestProposalIsNotCopied(t *testing.T) {
	d := &disk{}
	r := start(t, d, 0)
	r.Campaign()
	settle(d, r)
	data := payload(1)
	if err := r.Propose(Batch, data); err != nil {
		t.Fatal(err)
	}
	got := settle(d, r)
	if &got[0].Data[0] != &data[0] || &d.entries[1].Data[0] != &data[0] {
		t.Error("the committed or the stored entry is a copy of what was proposed")
	}
}

func TestCommitIndexAloneIsNotWritten(t *testing.T) {
	d := &disk{}
	r := start(t, d, 0)
	r.Campaign()
	settle(d, r)
	_ = r.Propose(Batch, payload(0))
	turn(d, r)
	d.sync(r)
	turn(d, r)
	for _, w := range d.waiting {
		if w.Sync || w.Hard != nil {
			t.Errorf("a commit alone makes a write: %+v", w)
		}
	}
	// The next entries bring it along.
	_ = r.Propose(Batch, payload(1))
	settle(d, r)
	if d.hard.Commit != 2 {
		t.Errorf("stored commit is %d, want that of the entry before the last write, 2", d.hard.Commit)
	}
}

// A restart finds every entry again, whatever part of it had been applied, in a new term.
func TestRestart(t *testing.T) {
	for applied := Index(0); applied <= 3; applied++ {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			d := &disk{}
			r := start(t, d, 0)
			r.Campaign()
			settle(d, r)
			for i := range 3 {
				_ = r.Propose(Batch, payload(i))
			}
			settle(d, r)
			r = start(t, d, applied)
			if err := r.Propose(Batch, payload(9)); err != ErrNotLeader {
				t.Fatalf("a restarted replica takes proposals: %v", err)
			}
			r.Campaign()
			got := settle(d, r)
			if want := 4 - int(applied) + 1; len(got) != want {
				t.Fatalf("committed %d entries, want %d", len(got), want)
			}
			if last := got[len(got)-1]; last.Kind != Empty || last.Term != 2 || last.Index != 5 {
				t.Errorf("the new term begins with %+v", last)
			}
			for i := Index(1); i <= 5; i++ {
				if want := d.entries[i-1].Term; r.Terms().Of(i) != want {
					t.Errorf("term of entry %d is %d, want %d", i, r.Terms().Of(i), want)
				}
			}
		})
	}
}

func TestReadIndexConfirmsAfterOwnTerm(t *testing.T) {
	d := &disk{}
	r := start(t, d, 0)
	r.Campaign()
	settle(d, r)
	r.ReadIndex(7)
	rd := r.Ready()
	if len(rd.Confirmed) != 1 || rd.Confirmed[0] != 7 {
		t.Errorf("confirmed %v, want [7]", rd.Confirmed)
	}
}

func TestTrimAndCompact(t *testing.T) {
	d := &disk{}
	r := start(t, d, 0)
	r.Campaign()
	settle(d, r)
	for i := range 4 {
		_ = r.Propose(Batch, payload(i))
	}
	settle(d, r)
	r.TrimTail(100)
	if len(r.Tail()) != 0 || r.Last() != 5 {
		t.Fatalf("tail holds %d entries, last is %d", len(r.Tail()), r.Last())
	}
	r.Compacted(3)
	if r.First() != 4 || r.Terms().Of(3) != 1 {
		t.Errorf("first is %d, term of 3 is %d", r.First(), r.Terms().Of(3))
	}
	_ = r.Propose(Batch, payload(5))
	if got := settle(d, r); len(got) != 1 || got[0].Index != 6 {
		t.Errorf("after compaction %v was committed", got)
	}
}

func TestTermsList(t *testing.T) {
	var terms Terms
	for i, term := range []Term{1, 1, 2, 2, 5} {
		terms = terms.append(term, Index(i+1))
	}
	for i, want := range []Term{0, 1, 1, 2, 2, 5, 5} {
		if got := terms.Of(Index(i)); got != want {
			t.Errorf("Of(%d) = %d, want %d", i, got, want)
		}
	}
	if got := terms.truncate(4); len(got) != 2 || got.Of(9) != 2 {
		t.Errorf("truncate(4) = %v", got)
	}
	if got := terms.Upto(4); len(got) != 2 {
		t.Errorf("Upto(4) = %v", got)
	}
	if got := terms.from(3); len(got) != 2 || got[0].Term != 2 {
		t.Errorf("from(3) = %v", got)
	}
}
