package actors

import (
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
)

// WorkFailed is what an actor gets instead of a result when its work panicked.
type WorkFailed struct{ Panic *Panic }

// Work runs f, which may block, on a worker and sends its result to an actor. A nil result is not sent. How many jobs there
// are at once is bounded by who asks: an actor that reads from the disk has a few reads in flight.
func (s *System) Work(to *actor.PID, f func() any) {
	s.schedule("work for "+to.Id, func() {
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
	})
}
