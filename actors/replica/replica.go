package replica

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// Options is what a replica is made of.
type Options struct {
	System *actors.System
	Store  partition.Store
	// Partition says which one it is; Read, ReadBehind and Warn are filled in here.
	Partition partition.Options
	Broker    kafka.BrokerID // this node
	Directory *actor.PID     // is told who leads
	// Coordinator, where not nil, spawns the actor that owns the records of an internal topic's partition, as a child.
	Coordinator func(parent actor.Context) (*actor.PID, error)
	// Members says where the other replicas are, and which configuration is wanted; Live which other nodes are there, Full which nodes have full disks, this
	// one perhaps among them, and OutOfService on which nodes the partition's replica has failed for good. All change by messages.
	Members      *messages.Members
	Live         []kafka.BrokerID
	Full         []kafka.BrokerID
	OutOfService []kafka.BrokerID
	// TickEvery is the period of raft's clock, for a partition with several replicas.
	TickEvery time.Duration
	// RetainEvery is how often time alone may change something: retention, producers that are silent, memory of an idle partition.
	RetainEvery time.Duration
	// Answers are the node's credits for what is read into answers; nil: without a limit.
	Answers *actors.Credits
	// Snapshots bounds how many snapshots the node sends at once; nil: for this replica alone.
	Snapshots *Snapshots
	// Pace is how fast the node sends what followers have missed; nil: as fast as it goes.
	Pace *Pace

	restarted bool // there was an incarnation before
}

// kind is the kind of all replicas.
var kind = actors.Kind{Name: "partition", Batching: true, Storing: true}

// Spawn starts a replica under its parent, under the partition's name and number: a topic that is made again may begin before its predecessor has
// ended, and no topic's name can take that of the metadata's log.
func Spawn(parent actor.SpawnerContext, o Options) (*actor.PID, error) {
	if o.Answers == nil {
		o.Answers = actors.NewCredits(-1)
	}
	if o.Snapshots == nil {
		o.Snapshots = NewSnapshots()
	}
	if o.Members == nil {
		o.Members = &messages.Members{}
	}
	shared := &o // an incarnation that comes after a panic has the settings of now, not those of the first
	name := fmt.Sprintf("%v:%d", o.Partition.Name, o.Partition.Number)
	return o.System.Spawn(parent, kind, name, func() actor.Actor { return &replica{o: *shared, shared: shared} })
}

// A replica is one incarnation of the actor.
type replica struct {
	o           Options
	shared      *Options // what the next incarnation begins with
	self        *actor.PID
	coordinator *actor.PID
	asked       bool // the coordinator wants the records
	attached    bool // and gets them

	p         *partition.Partition // nil until it is loaded
	tickets   tickets
	peers     peers
	quiet     bool // nothing was asked since the last retain
	leads     bool // as the directory was told
	led       *messages.Led
	leader    uint64 // the raft id of whoever leads, 0 where that is not known
	voters    []uint64
	ticking   bool
	leaving   bool                // its node is about to end
	ending    bool                // this incarnation is, and its coordinator with it
	solicited time.Time           // when another replica last asked for a vote
	sendings  map[uint64]*sending // snapshots, by the raft id of the replica that gets it
	receiving *receiving          // the snapshot that comes, nil where none does
	high      *atomic.Int64       // the high watermark, for whoever wants to know it without asking
	parent    *actor.PID
	heir      *replica          // the incarnation that has taken over, where this one went on alone or was given up
	givenUp   bool              // it has no partition any more, and waits for its end
	alone     *messages.ReplyTo // who wants to hear that this one has taken over
	ended     atomic.Bool       // what the store has of the partition may go; readers look at it too
}

// What a replica says to itself. Each carries the incarnation that it is for.
type (
	loaded struct {
		to  *replica
		p   *partition.Partition
		err error
	}
	stored struct {
		to    *replica
		write *partition.LogWrite
		err   error
	}
	handOver struct{ to *replica }
	retain   struct{ to *replica }
	tick     struct{ to *replica }
	campaign struct {
		to    *replica
		pause time.Duration // before the next, where nobody leads by then; 0 for none
	}
)

// Receive handles a backlog, or a step in the actor's life.
func (r *replica) Receive(ctx actor.Context) {
	if r.heir != nil {
		r.heir.Receive(ctx)
		return
	}
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.start(ctx)
	case *actor.Stopping:
		r.ending = true
		r.stop()
	case *actor.Restarting:
		r.ending = true
	case *actor.Terminated:
		if !r.ending && m.Who.Equal(r.coordinator) {
			panic(errNoCoordinator)
		}
	case *actor.Stopped:
		r.o.System.Unalias(messages.ReplicaName(r.o.Partition.Number), r.self)
	case *actors.Batch:
		for message := range m.All() {
			now := r.newest()
			if q, ok := message.(*messages.RecoverReplica); ok {
				now.goOnAlone(ctx, q)
				continue
			}
			now.handle(message)
		}
		r.newest().turn()
	}
}

func (r *replica) start(ctx actor.Context) {
	r.self, r.parent, r.high = ctx.Self(), ctx.Parent(), new(atomic.Int64)
	r.peers = newPeers(&r.o)
	r.o.System.Alias(messages.ReplicaName(r.o.Partition.Number), r.self)
	if r.o.restarted && r.parent != nil {
		r.send(r.parent, &messages.Restarted{Number: r.o.Partition.Number})
	}
	r.shared.restarted = true
	o := r.o.Partition
	o.Read = func(lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error) {
		return r.o.Store.Entries(o.Number, lo, hi, maxBytes)
	}
	if pace := r.o.Pace; pace != nil {
		o.ReadBehind = func(lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error) {
			if !pace.may(r.o.System.Now()) {
				return nil, nil
			}
			entries, err := o.Read(lo, hi, maxBytes)
			pace.spend(entries)
			return entries, err
		}
	}
	o.Warn = func(message string) {
		level.Warn(r.o.System.Logger()).Log("msg", message, "partition", o.Name, "from", "raft")
	}
	r.o.System.Work(r.self, func() (result any) {
		defer func() {
			if p := recover(); p != nil {
				result = &loaded{to: r, err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		held, err := r.o.Store.Load(o.Number)
		if err != nil {
			return &loaded{to: r, err: err}
		}
		p, err := partition.Restore(o, held)
		return &loaded{r, p, err}
	})
	if r.o.Coordinator == nil || r.coordinator != nil {
		return
	}
	var err error
	if r.coordinator, err = r.o.Coordinator(ctx); err != nil {
		panic(err)
	}
}

func (r *replica) handle(message any) {
	switch m := message.(type) {
	case *loaded:
		if m.to == r {
			r.begin(m)
		}
		return
	case *stored:
		if m.to == r {
			r.written(m)
		}
		return
	case *handOver:
		if m.to == r {
			r.handOver()
		}
		return
	case *retain:
		if m.to == r {
			r.retain()
		}
		return
	case *tick:
		if m.to == r {
			r.tick()
		}
		return
	case *campaign:
		if m.to == r {
			r.campaign(m.pause)
		}
		return
	case *advance:
		if m.to == r {
			r.advance(m.sending)
		}
		return
	case *chunkRead:
		if m.to == r {
			r.chunkRead(m)
		}
		return
	case *patience:
		if m.to == r {
			r.patience(m)
		}
		return
	case *messages.Configure:
		r.o.Partition.Config, r.shared.Partition.Config = m.Config, m.Config
	case *messages.Members:
		r.o.Members, r.shared.Members = m, m
		r.peers.set(m)
		if r.p != nil && r.isGivenUp() {
			r.giveUp()
			return
		}
	case *messages.NodesUp:
		r.peers.setLive(m.Nodes)
		r.shared.Live = r.peers.liveNodes()
	case *messages.FullDisks:
		r.peers.full, r.shared.Full = m.Nodes, m.Nodes
	case *messages.OutOfService:
		r.peers.out, r.shared.OutOfService = m.Nodes, m.Nodes
	case *messages.NodeUp:
		r.peers.live[m.Node] = true
		r.shared.Live = r.peers.liveNodes()
	case *messages.NodeDown:
		delete(r.peers.live, m.Node)
		r.shared.Live = r.peers.liveNodes()
	}
	if r.p == nil {
		r.refuse(message)
		return
	}
	r.serve(message)
}

// begin takes over the partition as it came from the disk.
func (r *replica) begin(m *loaded) {
	if m.err != nil {
		panic(fmt.Errorf("load %s: %w", r.o.Partition.Name, m.err))
	}
	r.p = m.p
	r.p.Configure(r.o.Partition.Config)
	if r.isGivenUp() {
		r.giveUp()
		return
	}
	r.join()
	first := time.Duration(r.o.System.Rand(int64(r.o.RetainEvery))) + 1 // not all partitions at once
	r.o.System.After(first, r.self, &retain{r})
	r.attach()
	if r.alone != nil {
		r.wentOn()
	}
}

func (r *replica) written(m *stored) {
	if m.err == nil {
		r.p.Written(m.write)
	}
	// After a failed write the store has told the node, which ends. Nothing is answered any more.
}

func (r *replica) retain() {
	r.p.Retain(r.o.System.Now())
	r.forgetReceiving()
	if r.quiet {
		r.p.Idle()
	}
	r.quiet = true
	r.o.System.After(r.o.RetainEvery, r.self, &retain{r})
}

// errNoCoordinator is why a replica fails whose coordinator has failed for good: nobody would own the records here, now or when it comes to lead. It is a panic like others, after which another
// replica leads and this one begins anew, a new coordinator with it; where that goes on the replica is out of service.
var errNoCoordinator = errors.New("the partition's coordinator has failed too often; the log says why")

// stop notes the state, so that the next start has little to read, and sends everybody away.
func (r *replica) stop() {
	r.ended.Store(true)
	if r.p != nil {
		r.p.Checkpoint()
		if u := r.p.Ready(r.o.System.Now()).Update; u != nil {
			r.o.Store.Update(u)
		}
	}
	r.release()
	r.dismiss()
}

// release gives back the memory that is shared by all partitions of the node.
func (r *replica) release() {
	if r.p != nil {
		r.p.Release()
	}
}

// Failed answers everybody who waits, when the actor has panicked, and who sent the message at which it did.
func (r *replica) Failed(_ *actors.Panic, message any) {
	now := r.newest()
	now.release()
	now.dismiss()
	now.refuse(message)
}

func (r *replica) dismiss() {
	for _, to := range r.tickets.all() {
		r.answer(to, nil, errNotLeader)
	}
	r.endSendings()
	if r.alone != nil {
		r.answer(*r.alone, nil, errNotLeader)
		r.alone = nil
	}
	if r.leads {
		r.stopLeading()
		r.tellOthers(&messages.Wake{Partition: r.o.Partition.Number, Leader: r.o.Partition.RaftID})
	}
}

func (r *replica) send(to *actor.PID, message any) { r.o.System.Root().Send(to, message) }

func (r *replica) answer(to messages.ReplyTo, value any, err error) {
	r.send(to.PID, &messages.Reply{Slot: to.Slot, Value: value, Err: err})
}
