package replica

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors/messages"
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
	w, err := r.p.Recover(m.There, m.Batches...)
	if err != nil {
		r.answer(m.Reply, nil, err)
		return
	}
	s := r.p.Survey()
	level.Warn(r.o.System.Logger()).Log("msg", "a replica goes on alone, on an operator's word: all others are given up", "partition", r.o.Partition.Name,
		"given_up", len(s.Gone(nil)), "high_watermark", s.HighWatermark, "log_end", s.LogEnd)
	w.Done = func(error) {} // the heir reads the log behind it, and a store that can't write has told the node
	r.o.Store.Append(&w.Write)
	r.p = nil
	r.dismiss()
	r.heir = &replica{o: *r.shared, shared: r.shared, coordinator: r.coordinator, asked: r.asked, alone: &m.Reply}
	r.heir.start(ctx)
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
	return kafka.Errorf(kerr.CoordinatorLoadInProgress, "%v is being loaded; try again in a moment.", r.o.Partition.Name)
}
