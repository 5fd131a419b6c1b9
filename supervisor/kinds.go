package supervisor

import (
	"strings"
	"time"

	"troupe/actors"
	"troupe/partition/metadata"
)

// policies are those of kinds that differ from actors.DefaultPolicy. A partition that panics three times within the window would read the
// same log a fourth time: it is taken out of service on this node, which all nodes are told (failed.go). So is one whose coordinator was given up
// three times: to its replica that is a panic. It comes back after a pause, so that what a producer had sent behind the batch that
// was refused is refused too, and not appended before it. A session ends with its first panic; the
// client opens another. Without its top the tree is of no use.
//
// What a node does for the cluster is never given up: without a peer it would have no link with that node, and without the balance of the node that leads the metadata nobody would fence brokers, or
// go on with reassignments and drains, and nobody would say so. To end the node is no better: what makes these panic comes from other nodes or from the metadata, so that the next node would end as well.
// They are tried again, every five seconds or so in the end, with a line in the log each time. The same goes for the substitute, without which replicas that wait would pass for lost.
var policies = map[string]actors.Policy{
	"partition":  {Budget: 2, Window: 10 * time.Minute, Least: 50 * time.Millisecond, First: 100 * time.Millisecond, Longest: time.Second},
	"session":    actors.Never,
	"node":       actors.Never,
	"balance":    actors.Always,
	"peer":       actors.Always,
	"substitute": actors.Always,
}

// kinds are all kinds of actors that a node has.
var kinds = []string{"links", "peer", "node", "membership", "directory", "partitions", "substitute", "balance", "partition", "coordinator", "controller", "group", "sessions", "session", "question"}

// isVital tells whether a node is of no use without an actor: it would neither hear what the cluster's metadata is nor talk to clients, and never
// come to serve. Such a node ends, so that whoever watches the process starts it again.
func isVital(kind, id string) bool {
	switch kind {
	case "links", "membership", "partitions", "directory", "sessions":
		return true
	case "partition", "coordinator", "controller":
		return strings.Contains(id, "/"+metadata.MetadataTopic+"-0:") // no client can make a topic of that name
	}
	return false
}
