package supervisor

import (
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// That a replica has failed for good goes from its parent to the directory, which tells the others together with who leads what, and from each directory to the replicas of its node by
// way of their parent. To the partition such a replica is like one on a node that is dead: it is not in sync, and nothing is handed over to it. That ends with its node, or when the
// replica goes or can be started after all.

// serve tells the directory whether a partition's replica here is in service, where that has changed.
func (p *partitions) serve(ctx actor.Context, number kafka.PartitionNumber, serves bool) {
	ctx.Send(p.b.directory, &messages.Led{Number: number, Leader: messages.Leader{Broker: p.b.o.NodeID, OutOfService: !serves}})
}

// tellFailed tells replicas on which nodes others of their partition have failed for good.
func (p *partitions) tellFailed(ctx actor.Context) {
	was, now := p.failed, p.b.router.View().OutOfService()
	if maps.EqualFunc(was, now, slices.Equal) {
		return
	}
	p.failed = now
	for _, number := range slices.Sorted(maps.Keys(p.running)) {
		if r := p.running[number]; !r.ended && !slices.Equal(was[number], now[number]) {
			ctx.Send(r.pid, &messages.OutOfService{Nodes: now[number]})
		}
	}
}
