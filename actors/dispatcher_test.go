package actors

import (
	"sync"
	"sync/atomic"
	"testing"
)

// However many turns there are at once, no more run than there are places, all of them run, and in the order in which they came where there is one place.
func TestTurnsAreBounded(t *testing.T) {
	for _, places := range []int32{1, 3} {
		p := newPool()
		defer p.close()
		p.busyMax = places
		var running, most atomic.Int32
		var all sync.WaitGroup
		var mu sync.Mutex
		var order []int
		const turns = 2000
		all.Add(turns)
		held := make(chan struct{})
		for i := range turns {
			p.turn(func() {
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
	p.busyMax = 2
	for range 200 {
		var all sync.WaitGroup
		for range 20 {
			all.Add(1)
			go p.turn(all.Done)
		}
		all.Wait()
	}
}

// What may block takes no place of a turn.
func TestWorkTakesNoPlace(t *testing.T) {
	p := newPool()
	defer p.close()
	p.busyMax = 1
	held, done := make(chan struct{}), make(chan struct{})
	for range 10 {
		p.work(func() { <-held })
	}
	p.turn(func() { close(done) })
	<-done
	close(held)
}
