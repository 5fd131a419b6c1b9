package actors

import (
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
)

// WorkFailed is what an actor gets instead of a result when its work panicked.
type WorkFailed struct{ Panic *Panic }

// simulatedWorkMax is how long work takes in the simulator, at most: as long as a few syncs of its disk, so that either may be first.
const simulatedWorkMax = 10 * time.Millisecond

// Work runs f, which may block, on a worker and sends its result to an actor. A nil result is not sent. How many jobs there
// are at once is bounded by who asks: an actor that reads from the disk has a few reads in flight.
func (s *System) Work(to *actor.PID, f func() any) {
	run := func() {
		defer func() {
			if r := recover(); r != nil {
				p := &Panic{Reason: r, Stack: debug.Stack()}
				level.Error(s.o.Logger).Log("msg", "work panicked", "for", to.Id, "panic", p, "stack", string(p.Stack))
				s.root.Send(to, &WorkFailed{p})
			}
		}()
		if result := f(); result != nil {
			s.root.Send(to, result)
		}
	}
	if s.o.Stepper != nil {
		s.clock.AfterFunc(time.Duration(s.Rand(int64(simulatedWorkMax))), run)
		return
	}
	s.pool.work(run)
}
