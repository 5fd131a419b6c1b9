package coordinator

import (
	"slices"
	"testing"
	"time"

	"troupe/actors"
	"troupe/actors/messages"
)

func lives(infos []*actors.Info, kind string) bool {
	return slices.ContainsFunc(infos, func(i *actors.Info) bool { return i.Kind == kind || lives(i.Children, kind) })
}

// A coordinator that is told to stop while batches are applied and requests come ends, and everybody has an answer.
func TestStopWhileMessagesCome(t *testing.T) {
	for seed := range uint64(40) {
		b := newBench(t, nil, "a/row", "b/row")
		b.ask("a", "wait")
		b.pass(time.Millisecond)
		for range seed {
			b.st.Rand().Uint64()
		}
		b.system.Root().Stop(b.coordinator)
		b.system.Root().Send(b.coordinator, &messages.Applied{})
		late, other := b.ask("a", "wait"), b.ask("c", "wait")
		b.pass(10 * time.Second)
		if lives(b.system.Tree(), "coordinator") || b.replies[late] == nil || b.replies[other] == nil {
			t.Errorf("seed %d: it lives: %v; answered: %v, %v", seed, lives(b.system.Tree(), "coordinator"), b.replies[late] != nil, b.replies[other] != nil)
		}
	}
}
