package consensus

import (
	"maps"
	"slices"
)

// Members returns the voters and the learners of the configuration, each in ascending order. While voters are being replaced, voters has the old
// and the new ones. The slices are the caller's.
func (r *Replica) Members() (voters, learners []uint64) {
	c := r.node.Status().Config
	return slices.Sorted(maps.Keys(c.Voters.IDs())), slices.Sorted(maps.Keys(c.Learners))
}
