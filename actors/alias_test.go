package actors

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// An actor is reached under its alias, its successor after it, and nobody once the name is taken away.
func TestAlias(t *testing.T) {
	s, st := simulated(1, func(o *Options) { o.Address = "2" })
	var heard []string
	ear := func(name string) *actor.PID {
		return spawn(t, s, Kind{Name: "ear"}, name, func(ctx actor.Context) {
			if m, ok := ctx.Message().(string); ok {
				heard = append(heard, name+" "+m)
			}
		})
	}
	one, two := ear("one"), ear("two")
	pid := At("2", "ear") // remembers what it leads to
	if one.Address != "2" {
		t.Fatalf("a PID of node 2 has address %q", one.Address)
	}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { s.Alias("ear", one) }, "one hello"},
		{func() { s.Alias("ear", two) }, "two hello"},
		{func() { s.Unalias("ear", one) }, "two hello"},
	} {
		step.do()
		heard = nil
		s.Root().Send(pid, "hello")
		for st.Step() {
		}
		if len(heard) != 1 || heard[0] != step.want {
			t.Fatalf("heard %q, want %q", heard, step.want)
		}
	}
	s.Unalias("ear", two)
	refused := 0
	asker := spawn(t, s, Kind{Name: "asker"}, "asker", func(ctx actor.Context) {
		if _, ok := ctx.Message().(*refusal); ok {
			refused++
		}
	})
	s.Root().Send(pid, &question{asker})
	s.Root().Send(At("2", "ear"), &question{asker})
	for st.Step() {
	}
	if refused != 2 {
		t.Fatal("a question to nobody was not answered")
	}
}
