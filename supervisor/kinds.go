package supervisor

import (
	"time"

	"troupe/actors"
)

// policies are those of kinds that differ from actors.DefaultPolicy. A partition that panics three times within the window would read the
// same log a fourth time: it is taken out of service on this node and shown. A session ends with its first panic; the
// client opens another. Without its top the tree is of no use.
var policies = map[string]actors.Policy{
	"partition": {Budget: 2, Window: 10 * time.Minute, First: 100 * time.Millisecond, Longest: time.Second},
	"session":   actors.Never,
	"node":      actors.Never,
}
