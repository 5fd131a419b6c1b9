package actors

import "strconv"

// TopName is the id of an actor at the top of the tree: its name and the incarnation of its node. The ids of all other actors
// begin with that of the top actor above them, so a PID of an earlier run of a node never reaches an actor of this one.
func TopName(name string, incarnation uint64) string {
	return name + "@" + strconv.FormatUint(incarnation, 36)
}
