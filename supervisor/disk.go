package supervisor

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/messages"
)

// That a disk is full goes from the store to the directory, which knows it of all nodes: it tells the directories of the others together with who leads what, and
// the replicas of its own node by way of their parent. What a replica makes of it is partition's decision.

// watchDisk has the directory told how its node's disk is, now and whenever that changes.
func (d *directory) watchDisk() {
	watch := d.b.o.WatchFull
	if watch == nil {
		return
	}
	self, system := d.self, d.system
	tell := func(full bool) { system.Root().Send(self, &messages.DiskFull{Full: full}) }
	tell(watch(tell))
}

// disk notes how this node's disk is, and tells the others.
func (d *directory) disk(view *messages.View, full bool) *messages.View {
	next := view.WithDisk(d.b.o.NodeID, full)
	if next != view {
		d.broadcast(next, d.leaders(next, nil))
	}
	return next
}

// leaders are what the directories of other nodes are told of news about this one.
func (d *directory) leaders(view *messages.View, led []messages.Led) *messages.Leaders {
	return &messages.Leaders{Node: d.b.o.NodeID, Upto: view.Upto, Led: led, DiskFull: view.IsFull(d.b.o.NodeID)}
}

// allLeaders are what they are told of all that it leads, and of all its replicas that are out of service.
func (d *directory) allLeaders(view *messages.View) *messages.Leaders {
	m := d.leaders(view, slices.Concat(view.LedBy(d.b.o.NodeID), view.FailedOn(d.b.o.NodeID)))
	m.Whole = true
	return m
}

// tellFull tells the replicas on which nodes the disks are full.
func (p *partitions) tellFull(ctx actor.Context) {
	full := p.b.router.View().FullDisks()
	if slices.Equal(full, p.full) {
		return
	}
	p.full = full
	p.all(ctx, &messages.FullDisks{Nodes: full})
}

// diskGauges show what is left of the disk. That it is full does not make the node unready: it serves reads, and who would send clients elsewhere for that takes
// those away from it too.
func diskGauges(disk func() (free int64, full bool)) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "troupe_disk_free_bytes", Help: "Bytes of the data folder's disk that are free, beside the ballast; -1 where the file system does not say.",
		}, func() float64 { free, _ := disk(); return float64(free) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "troupe_disk_full", Help: "1 while less than disk.reserve.bytes is free, so that the node takes no records, else 0.",
		}, func() float64 {
			if _, full := disk(); full {
				return 1
			}
			return 0
		}),
	}
}
