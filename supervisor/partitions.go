package supervisor

import (
	"cmp"
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/actors/replica"
	"troupe/partition"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// partitions is the parent of the replicas. It brings what runs here in line with what the metadata says.
type partitions struct {
	b       *builder
	running map[kafka.PartitionNumber]*running
	// stopping are replicas whose data is to be removed when they are gone, by their PIDs' ids.
	stopping map[string]kafka.PartitionNumber
}

// running is a replica that was started.
type running struct {
	pid    *actor.PID
	config partition.Config
	ended  bool // it has failed for good
}

// What the parent of the replicas hears.
type (
	reconcile struct{}
	// dropOrphans asks for the removal of what the store holds of partitions that are no more. It is sent once the metadata is known to be
	// complete.
	dropOrphans struct{}
	orphans     struct{ stored []kafka.PartitionNumber }
	dropped     struct {
		number kafka.PartitionNumber
		err    error
	}
)

// Receive handles one message.
func (p *partitions) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.running, p.stopping = map[kafka.PartitionNumber]*running{}, map[string]kafka.PartitionNumber{}
		p.start(ctx, kafka.MetadataPartition, p.b.metadataReplica())
		p.reconcile(ctx)
	case *messages.Announce:
		for _, number := range slices.Sorted(maps.Keys(p.running)) {
			ctx.Send(p.running[number].pid, m)
		}
	case *reconcile:
		p.reconcile(ctx)
	case *actor.Terminated:
		p.terminated(ctx, m.Who)
	case *dropOrphans:
		p.b.system.Work(ctx.Self(), func() any {
			stored, err := p.b.o.Store.Partitions()
			if err != nil {
				level.Error(p.b.system.Logger()).Log("msg", "can't list the partitions of the store", "err", err)
				return nil
			}
			return &orphans{stored}
		})
	case *orphans:
		p.dropAll(ctx.Self(), m.stored)
		p.forgetOffsets(ctx)
	case *dropped:
		if m.err != nil {
			level.Error(p.b.system.Logger()).Log("msg", "can't remove a deleted partition", "number", m.number, "err", m.err)
		}
	}
}

// reconcile starts, configures and stops replicas.
func (p *partitions) reconcile(ctx actor.Context) {
	image := p.b.router.View().Image
	wanted := partitionsOf(image, p.b.o.NodeID)
	configs := map[string]partition.Config{}
	for _, number := range slices.Sorted(maps.Keys(wanted)) {
		w := wanted[number]
		config, ok := configs[w.name.Topic]
		if !ok {
			config = p.b.partitionConfig(image, w)
			configs[w.name.Topic] = config
		}
		if r := p.running[number]; r == nil {
			p.start(ctx, number, p.b.replicaOf(number, w, config))
		} else if r.config != config && !r.ended {
			r.config = config
			ctx.Send(r.pid, &messages.Configure{Config: config})
		}
	}
	gone := false
	for _, number := range slices.SortedFunc(maps.Keys(p.running), cmp.Compare) {
		if _, ok := wanted[number]; ok || number == kafka.MetadataPartition {
			continue
		}
		r := p.running[number]
		delete(p.running, number)
		gone = true
		if r.ended {
			p.b.system.Forget(r.pid)
			p.drop(ctx.Self(), number)
			continue
		}
		p.stopping[r.pid.Id] = number
		ctx.Stop(r.pid)
	}
	if gone {
		p.forgetOffsets(ctx)
	}
}

// forgetOffsets has groups forget what they have committed in topics that are no more.
func (p *partitions) forgetOffsets(ctx actor.Context) {
	view, orphans := p.b.lags.orphans()
	for _, o := range orphans {
		if l, ok := view.LeaderOf(o.number); ok && l.Coordinator != nil {
			ctx.Send(l.Coordinator, &messages.Coordinate{Key: o.group, Body: &group.TopicsDeleted{Topics: o.topics}, Broker: p.b.o.NodeID, Reply: messages.ReplyTo{PID: ctx.Self()}})
		}
	}
}

func (p *partitions) start(ctx actor.Context, number kafka.PartitionNumber, o replica.Options) {
	pid, err := replica.Spawn(ctx, o)
	if err != nil {
		// The node serves without it. What runs is looked at again with the next change of the metadata.
		level.Error(p.b.system.Logger()).Log("msg", "a replica can't be started; it is out of service", "partition", o.Partition.Name, "number", number, "err", err)
		ctx.Send(p.b.directory, &messages.Led{Number: number, Leader: messages.Leader{OutOfService: true}})
		return
	}
	ctx.Watch(pid)
	p.running[number] = &running{pid: pid, config: o.Partition.Config}
}

// terminated is called when a replica has ended: as it was told to, so that its data can go, or because it has failed for good.
func (p *partitions) terminated(ctx actor.Context, pid *actor.PID) {
	if number, ok := p.stopping[pid.Id]; ok {
		delete(p.stopping, pid.Id)
		p.drop(ctx.Self(), number)
		return
	}
	for number, r := range p.running {
		if r.pid.Id == pid.Id {
			r.ended = true
			ctx.Send(p.b.directory, &messages.Led{Number: number, Leader: messages.Leader{OutOfService: true}})
		}
	}
}

// drop removes what the store holds of a partition, for ever.
func (p *partitions) drop(self *actor.PID, number kafka.PartitionNumber) {
	p.b.o.Store.Drop(number, func(err error) { p.b.system.Root().Send(self, &dropped{number, err}) })
}

// dropAll removes what the store holds of partitions that the metadata does not know, for ever. It must be sure of that: the view is complete, and
// a number that the image has not given out yet would be a sign that it is not.
func (p *partitions) dropAll(self *actor.PID, stored []kafka.PartitionNumber) {
	view := p.b.router.View()
	image := view.Image
	for _, number := range stored {
		if !view.Complete || number >= image.NextPartition() {
			level.Error(p.b.system.Logger()).Log("msg", "the store holds a partition that the metadata does not know yet; it is left alone", "number", number)
			continue
		}
		_, known := image.NameOf(number)
		if known || p.running[number] != nil || number == kafka.MetadataPartition || slices.Contains(slices.Collect(maps.Values(p.stopping)), number) {
			continue
		}
		level.Info(p.b.system.Logger()).Log("msg", "removing what is left of a deleted partition", "number", number)
		p.b.o.Store.Drop(number, func(err error) { p.b.system.Root().Send(self, &dropped{number, err}) })
	}
}

// A wantedPartition is one that has a replica on this node.
type wantedPartition struct {
	name     kafka.TopicPartition
	internal bool
	raftID   uint64
	founding []uint64
}

func partitionsOf(image *metadata.Image, broker kafka.BrokerID) map[kafka.PartitionNumber]wantedPartition {
	out := map[kafka.PartitionNumber]wantedPartition{}
	for _, t := range image.Topics() {
		for i, p := range t.Partitions {
			w := wantedPartition{name: kafka.TopicPartition{Topic: t.Name, Partition: int32(i)}, internal: t.Internal}
			for _, r := range p.Replicas {
				w.founding = append(w.founding, r.RaftID)
				if r.Broker == broker {
					w.raftID = r.RaftID
				}
			}
			if w.raftID != 0 {
				out[p.Number] = w
			}
		}
	}
	return out
}
