package replica

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors/messages"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// goOnAlone makes this replica the only voter of its partition, where that is lost. Its heir takes over within the same actor, made from the log as after a panic, which it is
// not. Whoever waits is told to try again.
func (r *replica) goOnAlone(ctx actor.Context, m *messages.RecoverReplica) {
	if r.p == nil {
		r.answer(m.Reply, nil, r.notLoaded())
		return
	}
	r.turn() // what it has to write comes before
	w, err := r.p.Recover(m.There, m.More)
	if err != nil {
		r.answer(m.Reply, nil, err)
		return
	}
	s := r.p.Survey()
	level.Warn(r.o.System.Logger()).Log("msg", "a replica goes on alone, on an operator's word: all others are given up", "partition", r.o.Partition.Name,
		"given_up", len(s.Gone(nil)), "high_watermark", s.HighWatermark, "log_end", s.LogEnd)
	w.Done = func(error) {} // the heir reads the log behind it, and a store that can't write has told the node
	r.o.Store.Append(&w.Write)
	r.release()
	r.p = nil
	r.dismiss()
	r.heir = &replica{o: *r.shared, shared: r.shared, coordinator: r.coordinator, asked: r.asked, alone: &m.Reply}
	r.heir.start(ctx)
}

// isGivenUp tells whether the replica has what was given up: another one went on without it. It may be another replica of this node whose data that is.
func (r *replica) isGivenUp() bool {
	return r.shared.Members.IsGivenUp(r.o.Partition.RaftID, consensus.Term(r.p.Epoch()))
}

// giveUp has the replica take no part any more, at once: with the others that were given up it might be a majority of what was. Its data stays, until the one that went on
// leads for good without it.
func (r *replica) giveUp() {
	level.Warn(r.o.System.Logger()).Log("msg", "the partition went on without this replica, which was given up on an operator's word: it takes no part any more", "partition", r.o.Partition.Name,
		"epoch", r.p.Epoch(), "high_watermark", r.p.HighWatermark(), "log_end", r.p.LogEnd())
	if r.attached && r.leads {
		r.send(r.coordinator, &messages.Leading{Epoch: r.p.Epoch()})
	}
	r.release()
	r.p = nil
	r.dismiss()
	r.heir = &replica{o: *r.shared, shared: r.shared, self: r.self, parent: r.parent, coordinator: r.coordinator, peers: r.peers, high: r.high, givenUp: true}
	if r.parent != nil {
		r.send(r.parent, &messages.GivenUp{Number: r.o.Partition.Number, Replica: r.self})
	}
}

// newest is the incarnation that is at work.
func (r *replica) newest() *replica {
	for r.heir != nil {
		r = r.heir
	}
	return r
}

// wentOn tells who has asked for it that the replica is there again, with all that its log holds.
func (r *replica) wentOn() {
	r.p.Campaign()
	s := r.p.Survey()
	r.answer(*r.alone, &s, nil)
	r.alone = nil
}

func (r *replica) survey(to messages.ReplyTo) {
	s := r.p.Survey()
	r.answer(to, &s, nil)
}

func (r *replica) notLoaded() error {
	if r.givenUp {
		return kafka.Errorf(kerr.ReplicaNotAvailable, "%v went on without this replica.", r.o.Partition.Name)
	}
	return kafka.Errorf(kerr.CoordinatorLoadInProgress, "%v is being loaded; try again in a moment.", r.o.Partition.Name)
}
