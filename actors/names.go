package actors

import (
	"strconv"
	"strings"
)

// TopName is the id of an actor at the top of the tree: its name and the incarnation of its node. The ids of all other actors
// begin with that of the top actor above them, so a PID of an earlier run of a node never reaches an actor of this one.
func TopName(name string, incarnation uint64) string {
	return name + "@" + strconv.FormatUint(incarnation, 36)
}

// IncarnationOf returns the incarnation in an actor's id; ok is false for an id that Spawn did not make.
func IncarnationOf(id string) (incarnation uint64, ok bool) {
	top, _, _ := strings.Cut(id, "/")
	_, digits, found := strings.Cut(top, "@")
	if !found {
		return 0, false
	}
	incarnation, err := strconv.ParseUint(digits, 36, 64)
	return incarnation, err == nil
}
