package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"troupe/actors/messages"
)

func TestAnswersComeAfterTheirRecords(t *testing.T) {
	b := newBench(t, nil, "a/row", "b/row")
	wrote, count := b.ask("a", "write one"), b.ask("a", "count")
	b.pass(time.Millisecond)
	b.expect(wrote, "write")
	b.expect(count, "a:2")
	b.refuses = errors.New("no")
	wrote, count = b.ask("a", "write two"), b.ask("a", "count")
	b.pass(time.Millisecond)
	b.expect(wrote, "NOT_COORDINATOR")
	b.expect(count, "NOT_COORDINATOR")
	count = b.ask("a", "count")
	b.pass(time.Millisecond)
	b.expect(count, "a:2")
}

// A key whose actor has panicked too often is out of service, with an error that no client repeats for ever. Nobody waits for it: not who asked
// while it was failing, not who asks later, not who asks all keys.
func TestFailedKey(t *testing.T) {
	b := newBench(t, nil, "a/row", "b/row")
	waits, all := b.ask("a", "wait"), uint64(0)
	b.pass(time.Millisecond)
	for range 10 {
		bad := b.ask("a", "panic")
		b.pass(10 * time.Second / 10)
		b.expect(bad, "NOT_COORDINATOR")
	}
	b.expect(waits, "NOT_COORDINATOR")
	last, late := b.ask("a", "panic"), b.ask("a", "wait")
	all = b.askAll("count")
	b.pass(30 * time.Second)
	if b.replies[last] == nil || b.replies[late] == nil {
		t.Fatal("who asked while the actor failed has no answer")
	}
	b.expect(all, "[b:1]")
	late, other, all := b.ask("a", "count"), b.ask("b", "count"), b.askAll("count")
	b.pass(time.Millisecond)
	b.expect(late, "UNKNOWN_SERVER_ERROR")
	b.expect(other, "b:1")
	b.expect(all, "[b:1]")
	b.lead(false)
	b.lead(true)
	again := b.ask("a", "count")
	b.pass(time.Millisecond)
	b.expect(again, "a:1")
}

// An actor that is told to stop has not ended at once. Until it has, its name is taken.
func TestLeadsAgain(t *testing.T) {
	for seed := range uint64(20) {
		b := newBench(t, nil, "a/row", "b/row")
		waits := b.ask("a", "wait")
		b.pass(time.Millisecond)
		for range seed {
			b.st.Rand().Uint64()
		}
		b.lead(false)
		b.lead(true)
		count, all := b.ask("a", "count"), b.askAll("count")
		b.pass(time.Millisecond)
		b.expect(waits, "NOT_COORDINATOR")
		b.expect(count, "a:1")
		b.expect(all, "[a:1 b:1]")
	}
}

// What does not exist costs no actor, whoever asks; what begins to exist has one.
func TestUnknownKeys(t *testing.T) {
	b := newBench(t, nil)
	count, wait, bad, write := b.ask("nobody", "count"), b.ask("waits", "wait"), b.ask("fails", "panic"), b.ask("exists", "write one")
	b.pass(time.Second)
	b.expect(count, "nobody:0")
	b.expect(wait, "nothing")
	b.expect(bad, "NOT_COORDINATOR")
	b.expect(write, "write")
	if got := fmt.Sprint(b.children()); got != "[exists fails waits]" {
		t.Errorf("actors of %s", got)
	}
	all := b.askAll("count")
	b.pass(time.Second)
	b.expect(all, "[exists:1 fails:0 waits:0]")
}

// Keys are rows, not actors. Those that have something to do get one when the replica begins to lead, and once in a while; to ask all
// of them makes none.
func TestKeysWithoutActors(t *testing.T) {
	rows := []string{"b-live/live", "c-old/new", "c-old/old"}
	for i := range 3 * glancesPerTurn {
		rows = append(rows, fmt.Sprintf("d%d/row", i))
	}
	b := newBench(t, func(o *Options) { o.SweepEvery = 10 * time.Minute }, rows...)
	want := func(children ...string) {
		t.Helper()
		if got := b.children(); !slices.Equal(got, children) {
			t.Fatalf("actors of %v, want %v", got, children)
		}
	}
	want("b-live", "c-old")
	all := b.askAll("count")
	b.pass(time.Second)
	if r := b.replies[all]; r == nil || len(r.Value.([]any)) != 2+3*glancesPerTurn || r.Value.([]any)[1] != "c-old:1" {
		t.Fatalf("%d keys answered, the second %v", len(r.Value.([]any)), r.Value.([]any)[1])
	}
	want("b-live", "c-old")
	b.pass(2 * idleFor)
	want("b-live")
	made := b.made
	b.pass(10 * time.Minute)
	if n := b.made - made; n != 1+3*glancesPerTurn {
		t.Errorf("%d machines looked at the time, want %d", n, 1+3*glancesPerTurn)
	}
	b.lead(false)
	b.lead(true)
	b.pass(time.Second)
	made = b.made
	b.pass(25 * time.Minute)
	if n := b.made - made; n != 2*(1+3*glancesPerTurn) {
		t.Errorf("%d machines looked at the time, want two rounds", n)
	}
}

// An actor that can't go because a record of it is under way goes later.
func TestIdleActorsGo(t *testing.T) {
	b := newBench(t, nil, "a/row")
	b.holds = true
	wrote := b.ask("a", "write one")
	b.pass(2 * idleFor)
	b.expect(wrote, "nothing")
	b.release()
	b.pass(2 * idleFor)
	b.expect(wrote, "write")
	if got := b.children(); len(got) > 0 {
		t.Fatalf("actors of %v, which is idle", got)
	}
	count := b.ask("a", "count")
	b.pass(time.Millisecond)
	b.expect(count, "a:2")
}

func (b *bench) lead(serving bool) {
	b.system.Root().Send(b.coordinator, &messages.Leading{Epoch: 2, Serving: serving})
}
