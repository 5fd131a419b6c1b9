package replica

import (
	"slices"
	"time"

	"github.com/go-kit/log/level"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
)

const (
	// A partition that is new has no leader whom anybody could wait for: its first replica asks for votes until it leads, at growing intervals, since the others may
	// not have heard of the partition yet.
	foundingPause    = 10 * time.Millisecond
	foundingPauseMax = time.Second
	// returnPause is how long, at most, a replica of before waits for a leader to say something, before it asks for votes.
	returnPause = 300 * time.Millisecond
	// Where the leader's node is dead, the followers ask for votes one after the other, so that the first has its answers before the second asks.
	successorPause  = 60 * time.Millisecond
	successorJitter = 20 * time.Millisecond
	// handOverPause is the time between two hand-overs of a replica whose node is about to end: longer than a follower has to catch up in before the leader goes on, and where all nodes are
	// about to end they do not give it to each other all the time.
	handOverPause = time.Second
	// Nodes do not learn of a death at the same time, so the turns alone don't keep replicas apart. Whoever was asked for a vote lets the other one finish,
	// for as long as three syncs may take: of two that ask at once neither may win, and both wait for an election timeout then.
	electionPause = 150 * time.Millisecond
)

// join has a replica that was loaded take part.
func (r *replica) join() {
	r.p.Want(r.shared.Members.Voters, r.shared.Members.Learners) // they may have changed while it was loaded
	r.p.SetLive(r.peers.liveReplicas())
	r.setFull()
	founding := r.o.Partition.Founding
	switch {
	case len(founding) == 1 && founding[0] == r.o.Partition.RaftID && !r.peers.areOthers():
		r.p.Campaign()
	case r.p.IsNew():
		if founding[0] == r.o.Partition.RaftID {
			r.p.Campaign()
			r.after(foundingPause, &campaign{r, foundingPause})
		}
	default:
		r.after(time.Duration(r.o.System.Rand(int64(returnPause))), &campaign{to: r})
	}
}

func (r *replica) setFull() { r.p.SetFull(r.peers.fullReplicas(r.o.Partition.RaftID)) }

func (r *replica) after(d time.Duration, message any) { r.o.System.After(d, r.self, message) }

// campaign asks for votes where nobody leads.
func (r *replica) campaign(pause time.Duration) {
	if r.p == nil || r.leader != 0 || r.leaving {
		return
	}
	if left := electionPause - r.o.System.Now().Sub(r.solicited); left > 0 {
		r.after(left+time.Duration(r.o.System.Rand(int64(successorJitter))), &campaign{r, pause})
		return
	}
	r.p.Campaign()
	if pause > 0 {
		pause = min(2*pause, foundingPauseMax)
		r.after(pause, &campaign{r, pause})
	}
}

// keepTicking keeps raft's clock running, which neither who sleeps nor the only replica of a partition needs. Replicas must not all campaign in the same moment where nothing else tells them that
// nobody leads.
func (r *replica) keepTicking() {
	if !r.ticking && r.o.TickEvery > 0 && !r.p.IsAsleep() && r.peers.areOthers() {
		r.ticking = true
		r.after(r.o.TickEvery-time.Duration(r.o.System.Rand(int64(r.o.TickEvery/4))), &tick{r})
	}
}

func (r *replica) tick() {
	r.ticking = false
	r.p.Tick(r.o.System.Now())
}

// step hands a message to raft. One that is for another replica, an earlier one of this node, is dropped.
func (r *replica) step(m *messages.Step) {
	r.peers.heard(m.Message.GetFrom(), m.From)
	if t := m.Message.GetType(); t == pb.MsgPreVote || t == pb.MsgVote {
		r.solicited = r.o.System.Now()
	}
	r.p.Step(m.Message)
}

// died follows the death of a node. Its followers need not wait for a leader that was there, and nobody there waits for records any more.
func (r *replica) died(node kafka.BrokerID) {
	r.interrupt(node)
	for _, number := range r.tickets.withdrawOf(messages.AddressOf(node)) {
		r.p.EndFetch(number)
	}
	for _, id := range r.peers.on(node) {
		r.gone(id)
	}
}

// gone follows the end of a replica that may have been the leader.
func (r *replica) gone(id uint64) {
	if id != r.leader {
		return
	}
	r.p.ForgetLeader()
	r.leader = 0
	r.after(r.turnAmongSuccessors()*successorPause+time.Duration(r.o.System.Rand(int64(successorJitter))), &campaign{to: r})
}

// turnAmongSuccessors is the place of this replica among those that may lead next, by their ids.
func (r *replica) turnAmongSuccessors() (turn time.Duration) {
	for _, id := range r.peers.liveReplicas() {
		if id < r.o.Partition.RaftID && slices.Contains(r.voters, id) {
			turn++
		}
	}
	return turn
}

// lost has the leader look again at how far the replicas of a node are, and a follower expect to hear of its leader: what either has said may be lost.
func (r *replica) lost(node kafka.BrokerID) {
	for _, id := range r.peers.on(node) {
		r.p.Unreachable(id)
		if id == r.leader {
			r.p.Wake()
		}
	}
	r.interrupt(node)
}

// sendRaft sends raft's messages to the other replicas. One that nobody knows is as good as lost.
func (r *replica) sendRaft(e *partition.Effects) {
	for _, m := range e.Messages {
		if pid := r.peers.pid(m.GetTo()); pid != nil {
			r.send(pid, &messages.Step{Partition: r.o.Partition.Number, From: r.o.Broker, Message: m})
		}
	}
	if e.Rest != nil {
		r.tellOthers(&messages.Rest{Partition: r.o.Partition.Number, Rest: *e.Rest})
	}
}

// tellOthers sends a message to all other replicas on live nodes.
func (r *replica) tellOthers(message any) {
	for _, id := range r.peers.liveReplicas() {
		if pid := r.peers.pid(id); pid != nil {
			r.send(pid, message)
		}
	}
}

// handOver gives leadership away, where this replica has it, and looks again while its node is about to end: a follower may have been too far behind, or the replica lead since.
func (r *replica) handOver() {
	r.p.HandOver()
	r.after(handOverPause, &handOver{r})
}

// leadership follows who leads.
func (r *replica) leadership(l *partition.Leadership) {
	if l.Leader != r.leader && l.Leader != 0 && l.Leader != r.o.Partition.RaftID {
		level.Debug(r.o.System.Logger()).Log("msg", "follows", "partition", r.o.Partition.Name, "leader", r.peers.nodes[l.Leader], "epoch", l.Epoch)
	}
	r.leader, r.voters = l.Leader, l.Voters
	began, ended := l.Serving && (!r.leads || r.led.Leader.Epoch != l.Epoch), !l.Serving && r.leads
	switch {
	case l.Serving:
		r.leads = true
		r.led = &messages.Led{Number: r.o.Partition.Number, Leader: messages.Leader{
			Broker: r.o.Broker, Epoch: l.Epoch, Replica: r.self, Coordinator: r.coordinator, InSync: r.peers.brokers(l.InSync),
			Voters: l.Voters, Learners: l.Learners, Settled: l.Settled, HighWatermark: r.high,
		}}
		r.send(r.o.Directory, r.led)
	case ended:
		r.stopLeading()
		if !slices.Contains(l.Voters, r.o.Partition.RaftID) { // it has led to the end of its vote; those who vote now need not wait for it
			r.tellOthers(&messages.Wake{Partition: r.o.Partition.Number, Leader: r.o.Partition.RaftID})
		}
	}
	if r.attached && (began || ended) {
		r.send(r.coordinator, &messages.Leading{Epoch: l.Epoch, Serving: l.Serving, LogEnd: r.p.LogEnd()})
	}
}

// stopLeading tells the directory that this replica does not lead any more.
func (r *replica) stopLeading() {
	r.leads = false
	r.endSendings()
	r.send(r.o.Directory, &messages.Led{Number: r.o.Partition.Number, Leader: messages.Leader{Broker: r.o.Broker, Epoch: r.led.Leader.Epoch}})
}
