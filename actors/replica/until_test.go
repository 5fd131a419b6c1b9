package replica

import (
	"testing"

	"troupe/actors"
)

// untilOn returns what runs a simulation until something holds.
func untilOn(t *testing.T, st *actors.Stepper) func(what string, holds func() bool) {
	return func(what string, holds func() bool) {
		t.Helper()
		if !st.Run(holds, 20_000) {
			t.Fatalf("never: %s", what)
		}
	}
}
