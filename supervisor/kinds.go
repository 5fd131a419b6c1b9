package supervisor

import (
	"time"

	"troupe/actors"
)

// policies are those of kinds that differ from actors.DefaultPolicy. A partition that panics three times within the window would read the
// same log a fourth time: it is taken out of service on this node and shown. It comes back after a pause, so that what a producer had sent behind the batch that
// was refused is refused too, and not appended before it. A session ends with its first panic; the
// client opens another. Without its top the tree is of no use.
var policies = map[string]actors.Policy{
	"partition": {Budget: 2, Window: 10 * time.Minute, Least: 50 * time.Millisecond, First: 100 * time.Millisecond, Longest: time.Second},
	"session":   actors.Never,
	"node":      actors.Never,
}
