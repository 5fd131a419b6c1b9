package supervisor

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/coordinator"
	"troupe/actors/messages"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// lagsMax bounds how many partitions of groups the metrics show.
const lagsMax = 10_000

// lags is how far behind consumer groups are, for the metrics, and which offsets belong to no topic any more. It hears of every committed offset, from the coordinators of the partitions of
// __consumer_offsets, and looks up the ends of the partitions when it is asked. It is safe for use by many goroutines.
type lags struct {
	router *messages.Router

	mu      sync.Mutex
	offsets map[kafka.PartitionNumber]map[lagKey]kafka.Offset
}

type lagKey struct {
	group string
	tp    kafka.TopicPartition
}

var lagDesc = prometheus.NewDesc("troupe_group_lag_records",
	"Records that a consumer group has not committed yet, of at most "+strconv.Itoa(lagsMax)+" partitions of groups.", []string{"group", "topic", "partition"}, nil)

// note takes over rows of one partition of __consumer_offsets.
func (l *lags) note(number kafka.PartitionNumber, m coordinator.Committed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Whole || l.offsets[number] == nil {
		l.offsets[number] = map[lagKey]kafka.Offset{}
	}
	for _, kv := range m.Rows {
		id, tp, at, ok := group.CommittedOffset(kv)
		switch {
		case !ok:
		case at == kafka.NoOffset:
			delete(l.offsets[number], lagKey{id, tp})
		default:
			l.offsets[number][lagKey{id, tp}] = at
		}
	}
}

// An orphan is a group, on a partition of __consumer_offsets, with offsets in topics that don't exist.
type orphan struct {
	number kafka.PartitionNumber
	group  string
	topics []string
}

// orphans returns the groups that have such offsets, in an order.
func (l *lags) orphans(image *metadata.Image) (out []orphan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(l.offsets)) {
		topics := map[string][]string{}
		for k := range l.offsets[number] {
			if image.Topic(k.tp.Topic) == nil && !slices.Contains(topics[k.group], k.tp.Topic) {
				topics[k.group] = append(topics[k.group], k.tp.Topic)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(topics)) {
			slices.Sort(topics[id])
			out = append(out, orphan{number, id, topics[id]})
		}
	}
	return out
}

// Describe tells Prometheus what there is to collect.
func (l *lags) Describe(out chan<- *prometheus.Desc) { out <- lagDesc }

// Collect counts.
func (l *lags) Collect(out chan<- prometheus.Metric) {
	view := l.router.View()
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for number, offsets := range l.offsets {
		if _, ok := view.LeaderOf(number); !ok {
			continue
		}
		for k, at := range offsets {
			p := view.Image.Partition(k.tp)
			if p == nil {
				continue
			}
			leader, ok := view.LeaderOf(p.Number)
			if !ok || leader.HighWatermark == nil {
				continue
			}
			if n++; n > lagsMax {
				return
			}
			lag := max(0, leader.HighWatermark.Load()-int64(at))
			out <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(lag), k.group, k.tp.Topic, strconv.Itoa(int(k.tp.Partition)))
		}
	}
}
