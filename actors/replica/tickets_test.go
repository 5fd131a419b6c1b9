package replica

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// Fetches that wait for clients of a node end with the node: nobody would withdraw them. Those of others go on.
func TestFetchesOfDeadNodes(t *testing.T) {
	st, r := leading(t)
	system, pid, until := r.o.System, r.self, untilOn(t, st)
	for slot, node := range []string{"1", "2", "3", "2"} {
		to := messages.ReplyTo{PID: actor.NewPID(node, "session"), Slot: uint64(slot)}
		system.Root().Send(pid, &messages.Fetch{LeaderEpoch: kafka.NoEpoch, LastFetchedEpoch: kafka.NoEpoch, MaxBytes: 1, Wait: true, Reply: to})
	}
	until("all wait", func() bool { return len(r.tickets.waiting) == 4 })
	system.Root().Send(pid, &messages.NodeDown{Node: 2})
	until("two wait", func() bool { return len(r.tickets.waiting) == 2 && len(r.tickets.open) == 2 })
	for key := range r.tickets.waiting {
		if key.address == "2" {
			t.Error("a fetch of a node that is dead waits")
		}
	}
	system.Root().Send(pid, &messages.Produce{Batch: batchOf(t, 0), Acks: kafka.AcksNone})
	until("the others are answered", func() bool { return len(r.tickets.open) == 0 })
}
