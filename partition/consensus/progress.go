package consensus

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// Progress is how far a replica of the configuration is, as the leader knows. Only a leader's is worth anything.
type Progress struct {
	ID      uint64
	Learner bool
	Match   Index // the last entry that is known to be on its disk
}

// Progress calls visit for each replica of the configuration, this one among them, in the order of their ids.
func (r *Replica) Progress(visit func(Progress)) {
	r.node.WithProgress(func(id uint64, kind raft.ProgressType, p tracker.Progress) {
		visit(Progress{id, kind == raft.ProgressTypeLearner, Index(p.Match)})
	})
}
