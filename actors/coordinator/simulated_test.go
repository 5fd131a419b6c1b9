package coordinator

import (
	"testing"
	"time"

	"troupe/actors"
)

// simulated is a test in simulated time.
type simulated struct {
	t  *testing.T
	st *actors.Stepper
}

func newSimulated(t *testing.T, seed uint64) simulated {
	return simulated{t, actors.NewStepper(seed, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
}

// stepsMax is how many steps are taken for something to happen.
const stepsMax = 200_000

// until takes steps until the condition holds.
func (s *simulated) until(what string, holds func() bool) {
	s.t.Helper()
	if !s.st.Run(holds, stepsMax) {
		s.t.Fatal("never: " + what)
	}
}

// pass lets time go on by so much.
func (s *simulated) pass(d time.Duration) {
	s.t.Helper()
	over := false
	s.st.AfterFunc(d, func() { over = true })
	s.until("time passes", func() bool { return over })
}
