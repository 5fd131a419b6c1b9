package supervisor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/actors/replica"
	"troupe/partition"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// partitions is the parent of the replicas. It brings what runs here in line with what the metadata says, and tells replicas which nodes are there, and on which others have failed.
type partitions struct {
	b       *builder
	cluster string
	replica uint64 // the raft id of the metadata's replica; 0 until there is one
	self    *actor.PID
	held    map[kafka.PartitionNumber]bool // of what the store held something when the actor began
	running map[kafka.PartitionNumber]*running
	// stopping are replicas whose data is to be removed when they are gone, by their PIDs' ids.
	stopping map[string]kafka.PartitionNumber
	dropping map[kafka.PartitionNumber]bool // those, and whose data is being removed
	// departing says that replicas run whom the metadata does not name, and that their leaders have not done without yet; orphans are
	// partitions in the store of which the same is so.
	departing bool
	orphans   []kafka.PartitionNumber
	live      map[kafka.BrokerID]bool
	silent    map[kafka.BrokerID]time.Time // since when a node is not there
	// full are the nodes with full disks, and failed those on which replicas are out of service, as the replicas here were told.
	full      []kafka.BrokerID
	failed    map[kafka.PartitionNumber][]kafka.BrokerID
	began     time.Time
	ending    bool // the actor is, or this incarnation of it: the replicas end with it
	beginners beginners
	// waiting are the replicas that can't begin yet, and substitute is who answers in their names.
	waiting    map[kafka.PartitionNumber]*messages.Members
	substitute *actor.PID
}

// running is a replica that was started.
type running struct {
	pid     *actor.PID
	raftID  uint64 // 0 for one that was given up
	config  partition.Config
	members *messages.Members
	ended   bool // it has failed for good
}

// What the parent of the replicas hears.
type (
	reconcile struct{}
	// lookAgain is said when those who begin have had their time.
	lookAgain struct{}
	// storeHolds says of which partitions the store holds something.
	storeHolds struct{ stored []kafka.PartitionNumber }
	// viewChanged says that the view of the cluster has changed.
	viewChanged struct{}
	// reviewQuorum asks for another look at who votes on the metadata.
	reviewQuorum struct{}
	// dropOrphans asks for the removal of what the store holds of partitions that are no more. It is sent once the metadata is known to be
	// complete.
	dropOrphans struct{}
	orphans     struct{ stored []kafka.PartitionNumber }
	dropped     struct {
		number kafka.PartitionNumber
		err    error
	}
)

// reviewEvery is how often time alone may change who votes on the metadata.
const reviewEvery = 10 * time.Second

// Receive handles one message.
func (p *partitions) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self, p.began = ctx.Self(), p.b.system.Now()
		p.running, p.stopping, p.dropping = map[kafka.PartitionNumber]*running{}, map[string]kafka.PartitionNumber{}, map[kafka.PartitionNumber]bool{}
		p.full, p.failed = p.b.router.View().FullDisks(), p.b.router.View().OutOfService()
		p.live, p.silent = map[kafka.BrokerID]bool{}, map[kafka.BrokerID]time.Time{}
		p.substitute = spawnSubstitute(ctx, p.b.system)
		p.b.lags.forgetAll()
		p.reconcile(ctx)
		p.list(func(stored []kafka.PartitionNumber) any { return &storeHolds{stored} })
		ctx.Send(p.b.membership, &messages.Announce{}) // which nodes are there, of which it may have been told before it was there itself
		p.b.system.After(reviewEvery, p.self, &reviewQuorum{})
		if p.b.router.View().Complete { // after a panic: replicas that were about to go are not started again, and their data goes as an orphan's
			ctx.Send(p.self, &dropOrphans{})
		}
		if p.replica == 0 {
			ctx.Send(p.b.node, &askReplica{}) // it may be known by now
		}
	case *storeHolds:
		p.held = map[kafka.PartitionNumber]bool{}
		for _, number := range m.stored {
			p.held[number] = true
		}
		p.reconcile(ctx)
	case *holdsReplica:
		p.replica = m.replica
		p.reconcile(ctx)
	case *messages.GivenUp:
		if r := p.running[m.Number]; r != nil && r.pid.Equal(m.Replica) {
			r.raftID = 0 // it is none that the metadata names
			p.reconcile(ctx)
		}
	case *messages.Announce:
		p.all(ctx, m)
	case *messages.HandOver:
		p.all(ctx, m)
	case *messages.Restarted:
		if r := p.running[m.Number]; r != nil && !r.ended {
			ctx.Send(r.pid, &messages.Configure{Config: r.config})
			ctx.Send(r.pid, r.members)
			ctx.Send(r.pid, &messages.NodesUp{Nodes: slices.Sorted(maps.Keys(p.live))})
			ctx.Send(r.pid, &messages.FullDisks{Nodes: p.full})
			ctx.Send(r.pid, &messages.OutOfService{Nodes: p.failed[m.Number]})
		}
	case *messages.NodesUp:
		for _, node := range slices.Sorted(maps.Keys(p.live)) {
			if !slices.Contains(m.Nodes, node) {
				p.nodeDown(ctx, &messages.NodeDown{Node: node})
			}
		}
		for _, node := range m.Nodes {
			p.nodeUp(ctx, &messages.NodeUp{Node: node})
		}
	case *messages.NodeUp:
		p.nodeUp(ctx, m)
	case *messages.NodeDown:
		p.nodeDown(ctx, m)
	case *messages.NodeLost:
		p.all(ctx, m)
	case *reconcile:
		p.reconcile(ctx)
	case *lookAgain:
		p.beginners.looking = false
		p.reconcile(ctx)
	case *viewChanged:
		p.tellFull(ctx)
		p.tellFailed(ctx)
		if p.departing || p.beginners.mayGoOn(p.b.router.View()) {
			p.reconcile(ctx)
		}
		p.dropOrphans(ctx.Self())
	case *listReplicas:
		ctx.Send(m.reply.PID, &messages.Reply{Slot: m.reply.Slot, Value: p.replicas()})
	case *recoverReplica:
		p.recover(ctx, m)
	case *reviewQuorum:
		p.quorum(ctx)
		p.b.system.After(reviewEvery, p.self, m)
	case *actor.Terminated:
		p.terminated(ctx, m.Who)
	case *actor.Stopping:
		p.ending = true
	case *actor.Restarting:
		p.ending = true
		p.wait(nil)
	case *actor.Stopped:
		p.wait(nil)
	case *dropOrphans:
		p.list(func(stored []kafka.PartitionNumber) any { return &orphans{stored} })
	case *orphans:
		p.orphans = m.stored
		p.dropOrphans(ctx.Self())
		p.forgetOffsets(ctx)
	case *dropped:
		if m.err != nil {
			level.Error(p.b.system.Logger()).Log("msg", "can't remove a deleted partition", "number", m.number, "err", m.err)
		}
		delete(p.dropping, m.number)
		if p.isWanted(m.number) { // again
			p.reconcile(ctx)
		}
	}
}

// list sends the actor a message about what the store holds.
func (p *partitions) list(message func([]kafka.PartitionNumber) any) {
	p.b.system.Work(p.self, func() any {
		stored, err := p.b.o.Store.Partitions()
		if err != nil {
			level.Error(p.b.system.Logger()).Log("msg", "can't list the partitions of the store", "err", err)
			return nil
		}
		return message(stored)
	})
}

func (p *partitions) nodeUp(ctx actor.Context, m *messages.NodeUp) {
	p.live[m.Node] = true
	delete(p.silent, m.Node)
	p.all(ctx, m)
	p.quorum(ctx)
}

func (p *partitions) nodeDown(ctx actor.Context, m *messages.NodeDown) {
	delete(p.live, m.Node)
	p.silent[m.Node] = p.b.system.Now()
	p.all(ctx, m)
	p.quorum(ctx)
}

// all tells every replica.
func (p *partitions) all(ctx actor.Context, message any) {
	for _, number := range slices.Sorted(maps.Keys(p.running)) {
		ctx.Send(p.running[number].pid, message)
	}
}

// reconcile starts, configures and stops replicas. Before the view is complete it starts those that the store holds something of, no new ones: what the
// metadata says may be of a time before the partition was deleted, here and on other nodes, and they would found it anew.
func (p *partitions) reconcile(ctx actor.Context) {
	view := p.b.router.View()
	image := view.Image
	if p.replica != 0 && p.running[kafka.MetadataPartition] == nil {
		p.start(ctx, kafka.MetadataPartition, p.b.metadataReplica(p.cluster, p.replica), p.metadataMembers())
	}
	p.quorum(ctx)
	wanted := partitionsOf(image, p.b.o.NodeID)
	if me := image.Broker(p.b.o.NodeID); me == nil || me.StoreID != p.b.o.StoreID {
		return // its replicas were those of another folder: this one's are named when the controller has registered it
	}
	p.beginners.look(view, p.b.system.Now())
	configs, waiting := map[string]partition.Config{}, map[kafka.PartitionNumber]*messages.Members{}
	for _, number := range inOrder(wanted, p.mayBeLed) {
		w := wanted[number]
		if r := p.running[number]; r != nil && r.raftID != w.raftID || p.dropping[number] { // an earlier replica goes first
			delete(wanted, number)
			continue
		}
		config, ok := configs[w.name.Topic]
		if !ok {
			config = p.b.partitionConfig(image, w)
			configs[w.name.Topic] = config
		}
		r := p.running[number]
		if r == nil {
			if !view.Complete && !p.held[number] {
				continue
			}
			if len(w.members.Nodes) > 1 && !p.beginners.take(number) {
				waiting[number] = w.members
				continue
			}
			p.start(ctx, number, p.b.replicaOf(number, w, config), w.members)
			continue
		}
		if r.config != config && !r.ended {
			r.config = config
			ctx.Send(r.pid, &messages.Configure{Config: config})
		}
		p.setMembers(ctx, r, w.members)
	}
	p.wait(waiting)
	if p.beginners.mustLookAgain() {
		p.b.system.After(beginnerPatience, p.self, &lookAgain{})
	}
	p.stopOthers(ctx, wanted)
}

// isWanted tells whether a partition has a replica here.
func (p *partitions) isWanted(number kafka.PartitionNumber) bool {
	image := p.b.router.View().Image
	name, ok := image.NameOf(number)
	if ok {
		_, ok = image.Partition(name).ReplicaOn(p.b.o.NodeID)
	}
	return ok
}

func (p *partitions) setMembers(ctx actor.Context, r *running, m *messages.Members) {
	if same := maps.Equal(r.members.Nodes, m.Nodes) && slices.Equal(r.members.Voters, m.Voters) && slices.Equal(r.members.Learners, m.Learners) && r.members.Survivor == m.Survivor && r.members.Since == m.Since; !same && !r.ended {
		r.members = m
		ctx.Send(r.pid, m)
	}
}

// stopOthers ends the replicas that are not wanted here any more; their data goes with them.
func (p *partitions) stopOthers(ctx actor.Context, wanted map[kafka.PartitionNumber]wantedPartition) {
	gone := false
	p.departing = false
	for _, number := range slices.SortedFunc(maps.Keys(p.running), cmp.Compare) {
		if _, ok := wanted[number]; ok || number == kafka.MetadataPartition {
			continue
		}
		r := p.running[number]
		if view := p.b.router.View(); !isDispensable(view, number) {
			p.departing = true
			if name, ok := view.Image.NameOf(number); ok {
				p.setMembers(ctx, r, membersOf(view.Image.Partition(name)))
			}
			continue
		}
		delete(p.running, number)
		gone = true
		if r.ended {
			p.b.system.Forget(r.pid)
			p.serve(ctx, number, true)
			p.drop(ctx.Self(), number)
			continue
		}
		p.stopping[r.pid.Id], p.dropping[number] = number, true
		ctx.Stop(r.pid)
	}
	if gone {
		p.forgetOffsets(ctx)
	}
}

// quorum tells the metadata's replica where the others are, and who should vote.
func (p *partitions) quorum(ctx actor.Context) {
	if r := p.running[kafka.MetadataPartition]; r != nil {
		p.setMembers(ctx, r, p.metadataMembers())
	}
}

// metadataMembers are the replicas of the metadata: every registered node has one. Which of them vote only its leader decides.
func (p *partitions) metadataMembers() *messages.Members {
	view := p.b.router.View()
	m := &messages.Members{Nodes: map[uint64]kafka.BrokerID{p.replica: p.b.o.NodeID}}
	var candidates []metadata.Candidate
	for _, b := range view.Image.Brokers() {
		if b.RaftID == 0 {
			continue
		}
		m.Nodes[b.RaftID] = b.ID
		candidates = append(candidates, p.candidate(b))
	}
	l, ok := view.Controller()
	if !ok || l.Broker != p.b.o.NodeID || len(candidates) == 0 {
		return m
	}
	m.Voters = metadata.Quorum(l.Voters, candidates, p.b.o.VoterSilentMax)
	for _, c := range candidates {
		if !slices.Contains(m.Voters, c.RaftID) {
			m.Learners = append(m.Learners, c.RaftID)
		}
	}
	slices.Sort(m.Learners)
	return m
}

func (p *partitions) candidate(b *metadata.Broker) metadata.Candidate {
	c := metadata.Candidate{RaftID: b.RaftID, Broker: b.ID, Live: b.ID == p.b.o.NodeID || p.live[b.ID], Draining: p.b.router.View().Image.Draining(b.ID)}
	if !c.Live {
		since, ok := p.silent[b.ID]
		if !ok {
			since = p.began
		}
		c.Silent = p.b.system.Now().Sub(since)
	}
	return c
}

// forgetOffsets has groups forget what they have committed in topics that are no more.
func (p *partitions) forgetOffsets(ctx actor.Context) {
	view, orphans := p.b.lags.orphans()
	for _, o := range orphans {
		if l, ok := view.LeaderOf(o.number); ok && l.Coordinator != nil && l.Broker == p.b.o.NodeID {
			ctx.Send(l.Coordinator, &messages.Coordinate{
				Key: o.group, Body: &group.TopicsDeleted{Topics: o.topics}, Broker: p.b.o.NodeID, Reply: messages.ReplyTo{PID: ctx.Self()},
			})
		}
	}
}

func (p *partitions) start(ctx actor.Context, number kafka.PartitionNumber, o replica.Options, members *messages.Members) {
	o.Members, o.Live, o.Full, o.OutOfService = members, slices.Sorted(maps.Keys(p.live)), p.full, p.failed[number]
	pid, err := replica.Spawn(ctx, o)
	if err != nil {
		// The node serves without it. What runs is looked at again with the next change of the metadata.
		level.Error(p.b.system.Logger()).Log("msg", "a replica can't be started; it is out of service", "partition", o.Partition.Name, "number", number, "err", err)
		p.serve(ctx, number, false)
		return
	}
	if p.b.router.View().IsOutOfService(number, p.b.o.NodeID) { // it could not be started before
		p.serve(ctx, number, true)
	}
	p.running[number] = &running{pid: pid, raftID: o.Partition.RaftID, config: o.Partition.Config, members: members}
}

// terminated is called when a replica has ended, once: a parent that watches its children as well hears of each twice, and the second time may be of one that has
// the name of the first. It has ended as it was told to, so that its data can go, or with its parent, or because it has failed for good.
func (p *partitions) terminated(ctx actor.Context, pid *actor.PID) {
	if number, ok := p.stopping[pid.Id]; ok {
		delete(p.stopping, pid.Id)
		p.b.lags.forget(number)
		p.drop(ctx.Self(), number)
		return
	}
	for number, r := range p.running {
		if r.pid.Id == pid.Id && !p.ending {
			r.ended = true
			p.b.lags.forget(number)
			p.serve(ctx, number, false)
		}
	}
}

// drop removes what the store holds of a partition, for ever.
func (p *partitions) drop(self *actor.PID, number kafka.PartitionNumber) {
	p.dropping[number] = true
	p.b.o.Store.Drop(number, func(err error) { p.b.system.Root().Send(self, &dropped{number, err}) })
}
