package supervisor

import (
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
)

// What becomes of actors that panic at whatever they hear: some are given up and shown, some take the node with them. Without others the cluster would stand still and nobody would know: they come back
// as soon as they can.
func TestActorsThatPanicForALongTime(t *testing.T) {
	const trouble = time.Hour
	for _, kind := range kinds {
		began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		st := actors.NewStepper(1, began)
		givenUp := false
		system := actors.NewSystem(actors.Options{
			Incarnation: 1, Stepper: st, Rand: st.Rand(), Policies: policies, OnGivenUp: func(string, string, *actors.Panic) { givenUp = true },
		})
		var hears time.Duration // when it last panicked, or when it did not for the first time
		pid, err := system.Spawn(nil, actors.Kind{Name: kind}, kind, func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if ctx.Message() != "a message" || hears >= trouble {
					return
				}
				if hears = system.Now().Sub(began); hears < trouble {
					panic("trouble")
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		var send func()
		send = func() {
			system.Root().Send(pid, "a message")
			st.AfterFunc(time.Second, send)
		}
		send()
		st.Run(func() bool { return st.Now().Sub(began) > trouble+10*time.Second }, 1_000_000)
		never := slices.Contains([]string{"balance", "peer", "substitute"}, kind)
		if back := hears >= trouble && hears < trouble+5*time.Second*5/4; back != never || never && givenUp {
			t.Errorf("%s: it heard something after %v, and is given up: %v", kind, hears, givenUp)
		}
		st.Kill(system)
	}
}
