package coordinator

import (
	"errors"
	"testing"
	"time"

	"troupe/actors/messages"
)

func TestAnswersComeAfterTheirRecords(t *testing.T) {
	b := newBench(t, nil, "a", "b")
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
	b := newBench(t, nil, "a", "b")
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
		b := newBench(t, nil, "a", "b")
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

func (b *bench) lead(serving bool) {
	b.system.Root().Send(b.coordinator, &messages.Leading{Epoch: 2, Serving: serving})
}
