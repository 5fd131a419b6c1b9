package supervisor

import (
	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// clusterMetrics count what is not as it should be, as this node sees it.
func clusterMetrics(router *messages.Router, self kafka.BrokerID) []prometheus.Collector {
	gauge := func(name, help string, count func(v *messages.View) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(count(router.View())) })
	}
	return []prometheus.Collector{
		gauge("troupe_nodes_up", "Nodes of the cluster that are there, this one among them.", func(v *messages.View) int { return 1 + len(v.Others()) }),
		gauge("troupe_under_replicated_partitions", "Partitions that this node leads with fewer replicas in sync than they have.", func(v *messages.View) (n int) {
			for _, l := range v.LedBy(self) {
				if name, ok := v.Image.NameOf(l.Number); ok && len(l.Leader.InSync) < len(v.Image.Partition(name).Replicas) {
					n++
				}
			}
			return n
		}),
		gauge("troupe_leaderless_partitions", "Partitions with a replica on this node of which no leader is known.", func(v *messages.View) int { return len(leaderless(v, self)) }),
	}
}

// linkMetrics count what goes over the links with other nodes.
func linkMetrics(l *link.Links) []prometheus.Collector {
	counter := func(name, help string, count func(link.Counts) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(count(l.Counts())) })
	}
	return []prometheus.Collector{
		counter("troupe_link_sent_bytes_total", "Bytes sent to other nodes.", func(c link.Counts) int64 { return c.BytesSent }),
		counter("troupe_link_received_bytes_total", "Bytes that came from other nodes.", func(c link.Counts) int64 { return c.BytesReceived }),
		counter("troupe_link_sent_messages_total", "Messages sent to other nodes.", func(c link.Counts) int64 { return c.FramesSent }),
		counter("troupe_link_received_messages_total", "Messages that came from other nodes.", func(c link.Counts) int64 { return c.FramesReceived }),
		counter("troupe_link_undelivered_total", "Messages to other nodes that were dropped, because the node was not there or too much waited for it.", func(c link.Counts) int64 { return c.Undelivered }),
		counter("troupe_link_unreadable_total", "Messages from other nodes that could not be read.", func(c link.Counts) int64 { return c.Unreadable }),
	}
}
