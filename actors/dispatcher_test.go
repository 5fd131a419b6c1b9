package actors

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// However many turns there are at once, no more run than there are places, all of them run, and in the order in which they came where there is one place.
func TestTurnsAreBounded(t *testing.T) {
	for _, places := range []int32{1, 3} {
		p := newPool()
		defer p.close()
		p.others.busyMax = places
		var running, most atomic.Int32
		var all sync.WaitGroup
		var mu sync.Mutex
		var order []int
		const turns = 2000
		all.Add(turns)
		held := make(chan struct{})
		for i := range turns {
			p.others.turn(func() {
				<-held
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				running.Add(-1)
				all.Done()
			})
		}
		close(held)
		all.Wait()
		if most.Load() > places {
			t.Errorf("%d turns ran at once, on %d places", most.Load(), places)
		}
		for i := range order {
			if places == 1 && order[i] != i {
				t.Fatalf("turn %d was number %d", order[i], i)
			}
		}
	}
}

// Turns come and go while places are free and taken: none is forgotten.
func TestNoTurnIsForgotten(t *testing.T) {
	p := newPool()
	defer p.close()
	p.others.busyMax = 2
	for range 200 {
		var all sync.WaitGroup
		for range 20 {
			all.Add(1)
			go p.others.turn(all.Done)
		}
		all.Wait()
	}
}

// What may block takes no place of a turn.
func TestWorkTakesNoPlace(t *testing.T) {
	p := newPool()
	defer p.close()
	p.others.busyMax = 1
	held, done := make(chan struct{}), make(chan struct{})
	for range 10 {
		p.work(func() { <-held })
	}
	p.others.turn(func() { close(done) })
	<-done
	close(held)
}

// Actors that have always more to do, as many as there are places, keep nobody from having a turn.
func TestBusyActorsYield(t *testing.T) {
	for _, batching := range []bool{false, true} {
		s := NewSystem(Options{Incarnation: 1})
		s.pool.others.busyMax = 2
		var over atomic.Bool
		for i := range 2 {
			var self *actor.PID
			again := func() {
				if !over.Load() {
					s.Root().Send(self, i)
				}
			}
			spawn(t, s, Kind{Name: "busy", Batching: batching}, fmt.Sprint("busy-", i), func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *actor.Started:
					self = ctx.Self()
					again()
				case *Batch:
					for range m.All() {
						again()
					}
				case int:
					again()
				}
			})
		}
		if !hasTurn(t, s, Kind{Name: "other"}) {
			t.Errorf("batching %v: an actor had no turn in ten seconds", batching)
		}
		over.Store(true)
		s.Shutdown(10 * time.Second)
	}
}

// A prompt actor has its turn though all places are taken, and others wait.
func TestPromptActorsTakeNoPlace(t *testing.T) {
	s := NewSystem(Options{Incarnation: 1})
	s.pool.others.busyMax = 1
	held := make(chan struct{})
	for i := range 3 {
		s.Root().Send(spawn(t, s, Kind{Name: "slow"}, fmt.Sprint("slow-", i), func(ctx actor.Context) {
			if _, ok := ctx.Message().(string); ok {
				<-held
			}
		}), "a message")
	}
	if !hasTurn(t, s, Kind{Name: "prompt", Prompt: true}) {
		t.Error("a prompt actor had no turn in ten seconds")
	}
	close(held)
	s.Shutdown(10 * time.Second)
}

// Where the disk is slow, all go on who do not store.
func TestStoringActorsKeepNobodyWaiting(t *testing.T) {
	s := NewSystem(Options{Incarnation: 1})
	held := make(chan struct{})
	for i := range 2 * s.pool.storing.busyMax {
		s.Root().Send(spawn(t, s, Kind{Name: "storing", Storing: true}, fmt.Sprint("storing-", i), func(ctx actor.Context) {
			if _, ok := ctx.Message().(string); ok {
				<-held
			}
		}), "a message")
	}
	if !hasTurn(t, s, Kind{Name: "other"}) {
		t.Error("an actor had no turn in ten seconds")
	}
	close(held)
	s.Shutdown(10 * time.Second)
}

// hasTurn tells whether an actor of a kind handles a message within ten seconds.
func hasTurn(t *testing.T, s *System, kind Kind) bool {
	t.Helper()
	done := make(chan struct{})
	s.Root().Send(spawn(t, s, kind, kind.Name, func(ctx actor.Context) {
		if _, ok := ctx.Message().(string); ok {
			close(done)
		}
	}), "a message")
	select {
	case <-done:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}
