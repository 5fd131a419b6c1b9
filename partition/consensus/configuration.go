package consensus

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/confchange"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"
)

// A Configuration says which replicas vote on a log and which only follow it, by their raft ids, in ascending order. It is changed by entries of the
// log, when they are applied. Its zero value knows no replica.
type Configuration struct {
	Voters   []uint64
	Learners []uint64
	// While voters are being replaced, the majority of Outgoing, the old ones, is needed too. Those of LearnersNext will be learners when that has ended, which the
	// leader sees to where AutoLeave is set.
	Outgoing     []uint64
	LearnersNext []uint64
	AutoLeave    bool
	// Index is that of the entry that made it, 0 for the founding one. A replica that is made from a snapshot has the configuration of a later entry than that of the
	// snapshot: the entries up to here, when it comes to them, change nothing any more.
	Index Index
}

// Founding returns the configuration of a new log whose voters are known beforehand.
func Founding(voters ...uint64) Configuration {
	return Configuration{Voters: slices.Sorted(slices.Values(voters))}
}

// All returns all voters, old and new ones, in ascending order.
func (c *Configuration) All() []uint64 {
	if len(c.Outgoing) == 0 {
		return c.Voters
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.Voters, c.Outgoing))))
}

// BeforeChange returns the voters as they were before the change that is under way, as they are where there is none.
func (c *Configuration) BeforeChange() []uint64 {
	if c.Joint() {
		return c.Outgoing
	}
	return c.Voters
}

// Joint tells whether voters are being replaced.
func (c *Configuration) Joint() bool { return len(c.Outgoing) > 0 }

// Changed returns what a Reconfigure entry makes of c, as raft does.
func (c *Configuration) Changed(i Index, data []byte) (Configuration, error) {
	if i <= c.Index {
		return *c, nil
	}
	var cc pb.ConfChangeV2
	if err := proto.Unmarshal(data, &cc); err != nil {
		return Configuration{}, fmt.Errorf("configuration change: %w", err)
	}
	trk, err := c.tracker()
	if err != nil {
		return Configuration{}, err
	}
	changer := confchange.Changer{Tracker: trk}
	if cc.LeaveJoint() {
		trk.Config, trk.Progress, err = changer.LeaveJoint()
	} else if autoLeave, ok := cc.EnterJoint(); ok {
		trk.Config, trk.Progress, err = changer.EnterJoint(autoLeave, cc.GetChanges()...)
	} else {
		trk.Config, trk.Progress, err = changer.Simple(cc.GetChanges()...)
	}
	if err != nil {
		return Configuration{}, fmt.Errorf("change of configuration %+v: %w", *c, err)
	}
	out := configurationOf(trk.ConfState())
	out.Index = i
	return out, nil
}

// tracker returns raft's form of c. It fails where c is no configuration, such as one in which a replica votes and learns.
func (c *Configuration) tracker() (tracker.ProgressTracker, error) {
	trk := tracker.MakeProgressTracker(1, 0)
	var err error
	if trk.Config, trk.Progress, err = confchange.Restore(confchange.Changer{Tracker: trk}, c.confState()); err != nil {
		return trk, fmt.Errorf("configuration %+v: %w", *c, err)
	}
	return trk, nil
}

func configurationOf(s *pb.ConfState) Configuration {
	return Configuration{
		Voters: s.GetVoters(), Learners: s.GetLearners(), Outgoing: s.GetVotersOutgoing(), LearnersNext: s.GetLearnersNext(), AutoLeave: s.GetAutoLeave(),
	}
}

func (c *Configuration) confState() *pb.ConfState {
	return &pb.ConfState{
		Voters: c.Voters, Learners: c.Learners, VotersOutgoing: c.Outgoing, LearnersNext: c.LearnersNext, AutoLeave: &c.AutoLeave,
	}
}

// A Change is what becomes of replicas in one change of the configuration.
type Change struct{ Voters, Learners, Removed []uint64 }

// Empty tells whether nothing changes.
func (c *Change) Empty() bool { return len(c.Voters)+len(c.Learners)+len(c.Removed) == 0 }

// Reconfigure proposes a change of the configuration. More than one replica is changed by way of a joint configuration, which the leader leaves by
// itself. Raft puts an Empty entry in the place of a change that comes before an earlier one is applied, or while voters are being replaced.
func (r *Replica) Reconfigure(c Change) error {
	cc := &pb.ConfChangeV2{}
	for _, part := range []struct {
		kind pb.ConfChangeType
		ids  []uint64
	}{{pb.ConfChangeAddNode, c.Voters}, {pb.ConfChangeAddLearnerNode, c.Learners}, {pb.ConfChangeRemoveNode, c.Removed}} {
		for _, id := range part.ids {
			cc.Changes = append(cc.Changes, &pb.ConfChangeSingle{Type: part.kind.Enum(), NodeId: &id})
		}
	}
	return r.proposeChange(cc)
}

// LeaveJoint proposes to end a joint configuration. Raft does so by itself when it is applied, but not while leadership is being transferred, and not again where the transfer comes to nothing.
func (r *Replica) LeaveJoint() error { return r.proposeChange(&pb.ConfChangeV2{}) }

func (r *Replica) proposeChange(cc *pb.ConfChangeV2) error {
	if err := r.node.ProposeConfChange(cc); err != nil {
		return r.refusal()
	}
	return nil
}
