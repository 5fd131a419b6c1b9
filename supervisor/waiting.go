package supervisor

import (
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A substitute answers in the names of replicas that can't begin yet. Whoever asks whether a partition is lost must not take them for gone: it is told to ask again, as by a replica that
// is being loaded. All else is as if nobody were there, raft's messages above all, of which there may be many.
type substitute struct{ system *actors.System }

var errWaits = kafka.Errorf(kerr.CoordinatorLoadInProgress, "the replica waits until others have found a leader; try again in a moment.")

// spawnSubstitute starts the one of a node.
func spawnSubstitute(parent actor.Context, system *actors.System) *actor.PID {
	pid, err := system.Spawn(parent, actors.Kind{Name: "substitute", Batching: true, Prompt: true}, "substitute", func() actor.Actor { return &substitute{system} })
	if err != nil {
		panic(err)
	}
	return pid
}

// Receive handles a backlog.
func (s *substitute) Receive(ctx actor.Context) {
	b, ok := ctx.Message().(*actors.Batch)
	if !ok {
		return
	}
	for message := range b.All() {
		if m, ok := message.(*messages.SurveyReplica); ok {
			ctx.Send(m.Reply.PID, &messages.Reply{Slot: m.Reply.Slot, Err: errWaits})
			continue
		}
		s.system.Undelivered(message)
	}
}

// wait takes over which replicas have to wait.
func (p *partitions) wait(waiting map[kafka.PartitionNumber]*messages.Members) {
	for _, number := range slices.Sorted(maps.Keys(waiting)) {
		if p.waiting[number] == nil {
			p.b.system.Alias(messages.ReplicaName(number), p.substitute)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(p.waiting)) {
		if waiting[number] == nil && p.running[number] == nil { // otherwise the name goes to the replica when that is there
			p.b.system.Unalias(messages.ReplicaName(number), p.substitute)
		}
	}
	p.waiting = waiting
}
