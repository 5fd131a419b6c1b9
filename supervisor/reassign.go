package supervisor

import (
	"slices"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// whatMoves is what the metadata needs to know to tell which replicas should move, as a node's view has it.
func whatMoves(view *messages.View, own kafka.BrokerID) *metadata.MoveReplicas {
	q := &metadata.MoveReplicas{Live: append(view.Others(), own)}
	q.Live = slices.DeleteFunc(q.Live, view.IsFull) // where nothing can be written
	for _, t := range view.Image.Topics() {
		for i := range t.Partitions {
			if _, ok := view.LeaderOf(t.Partitions[i].Number); !ok {
				q.Leaderless = append(q.Leaderless, t.Partitions[i].Number)
			}
		}
	}
	return q
}

// reached returns the partitions whose reassignment is done, as far as a view tells: their leaders' configurations are what their rows wish for, and stand for good. They are no more than most.
func reached(view *messages.View, most int) (out []metadata.Reached) {
	for _, number := range view.Image.Unfinished() {
		l, ok := view.LeaderOf(number)
		if !ok || !l.Settled || len(l.Learners) > 0 || len(out) == most {
			continue
		}
		tp, _ := view.Image.NameOf(number)
		if wish := view.Image.Partition(tp).WishedVoters(); slices.Equal(l.Voters, wish) {
			out = append(out, metadata.Reached{Number: number, Voters: wish})
		}
	}
	return out
}
