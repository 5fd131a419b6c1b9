package supervisor

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

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
	self   kafka.BrokerID

	mu      sync.Mutex
	offsets map[kafka.PartitionNumber]map[lagKey]committed
}

type lagKey struct {
	group string
	tp    kafka.TopicPartition
}

type committed struct {
	topic kafka.TopicID
	at    kafka.Offset
}

var lagDesc = prometheus.NewDesc("troupe_group_lag_records",
	"Records that a consumer group has not committed yet, of the first "+strconv.Itoa(lagsMax)+" partitions of groups that this node leads and whose groups it has a replica of.", []string{"group", "topic", "partition"}, nil)

var lagLeftOutDesc = prometheus.NewDesc("troupe_group_lag_left_out", "Partitions of groups that troupe_group_lag_records does not show, because there are too many, or because the node that leads one has no replica of the group.", nil, nil)

// note takes over rows of one partition of __consumer_offsets.
func (l *lags) note(number kafka.PartitionNumber, m coordinator.Committed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Whole || l.offsets[number] == nil {
		l.offsets[number] = map[lagKey]committed{}
	}
	for _, kv := range m.Rows {
		c, ok := group.CommittedOffset(kv)
		key := lagKey{c.Group, c.Partition}
		switch {
		case !ok:
		case c.Offset == kafka.NoOffset:
			delete(l.offsets[number], key)
		default:
			l.offsets[number][key] = committed{c.Topic, c.Offset}
		}
	}
}

// forget drops what is known of a partition of __consumer_offsets that has no replica here any more.
func (l *lags) forget(number kafka.PartitionNumber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.offsets, number)
}

// forgetAll drops what is known: all replicas have ended.
func (l *lags) forgetAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.offsets)
}

// An orphan is a group, on a partition of __consumer_offsets, with offsets in topics that don't exist.
type orphan struct {
	number kafka.PartitionNumber
	group  string
	topics []group.DeletedTopic
}

// isIn tells whether an offset was committed in a topic that exists: another topic may have had its name.
func (c committed) isIn(topic *metadata.Topic) bool {
	return topic != nil && (c.topic == kafka.TopicID{} || c.topic == topic.ID)
}

// orphans returns the groups that have such offsets, in an order.
func (l *lags) orphans() (view *messages.View, out []orphan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Looked at after the offsets are known: a topic can be committed to once it is there. What an incomplete view lacks may exist.
	if view = l.router.View(); !view.Complete {
		return view, nil
	}
	image := view.Image
	for _, number := range slices.Sorted(maps.Keys(l.offsets)) {
		topics := map[string][]group.DeletedTopic{}
		for k, c := range l.offsets[number] {
			gone := group.DeletedTopic{Name: k.tp.Topic, ID: c.topic}
			if !c.isIn(image.Topic(k.tp.Topic)) && !slices.Contains(topics[k.group], gone) {
				topics[k.group] = append(topics[k.group], gone)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(topics)) {
			slices.SortFunc(topics[id], func(a, b group.DeletedTopic) int {
				return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.ID[:], b.ID[:]))
			})
			out = append(out, orphan{number, id, topics[id]})
		}
	}
	return view, out
}

// Describe tells Prometheus what there is to collect.
func (l *lags) Describe(out chan<- *prometheus.Desc) { out <- lagDesc; out <- lagLeftOutDesc }

// Collect counts.
func (l *lags) Collect(out chan<- prometheus.Metric) {
	view := l.router.View()
	shown := firstLags{most: lagsMax}
	nowhere := l.each(view, func(k lagKey, lag int64) { shown.add(groupLag{k, lag}) })
	for _, g := range shown.sorted() {
		out <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(g.lag), label(g.group), g.tp.Topic, strconv.Itoa(int(g.tp.Partition)))
	}
	out <- prometheus.MustNewConstMetric(lagLeftOutDesc, prometheus.GaugeValue, float64(shown.left+nowhere))
}

// each calls f for each partition of a group whose lag this node knows, which is that of a partition that it leads. It returns how many there are that no node knows; the node that
// leads the group's partition counts them.
func (l *lags) each(view *messages.View, f func(k lagKey, lag int64)) (nowhere int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number, offsets := range l.offsets {
		of, known := view.Image.NameOf(number)
		coordinator, led := view.LeaderOf(number)
		if !known || !led {
			continue
		}
		groups := view.Image.Partition(of)
		for k, c := range offsets {
			p := view.Image.Partition(k.tp)
			if p == nil || !c.isIn(view.Image.Topic(k.tp.Topic)) {
				continue
			}
			leader, ok := view.LeaderOf(p.Number)
			if !ok {
				continue
			}
			if leader.HighWatermark != nil {
				f(k, max(0, leader.HighWatermark.Load()-int64(c.at)))
				continue
			}
			if _, knows := groups.ReplicaOn(leader.Broker); !knows && coordinator.Broker == l.self {
				nowhere++
			}
		}
	}
	return nowhere
}

// label makes a group's id one that Prometheus takes, which wants UTF-8; Kafka takes any bytes.
func label(group string) string {
	if utf8.ValidString(group) {
		return group
	}
	return strings.Trim(strconv.Quote(group), `"`)
}

// A groupLag is how far a group is behind in a partition.
type groupLag struct {
	lagKey
	lag int64
}

func (g groupLag) compare(other groupLag) int {
	return cmp.Or(cmp.Compare(g.group, other.group), cmp.Compare(g.tp.Topic, other.tp.Topic), cmp.Compare(g.tp.Partition, other.tp.Partition))
}

// firstLags keeps the first few of many, in their order, so that each look at the metrics shows the same ones. It sorts only what may be among them.
type firstLags struct {
	most int
	rows []groupLag
	full bool // rows[most-1] is a bound
	left int
}

func (f *firstLags) add(g groupLag) {
	if f.full && g.compare(f.rows[f.most-1]) > 0 {
		f.left++
		return
	}
	if f.rows = append(f.rows, g); len(f.rows) >= 2*f.most {
		f.cut()
	}
}

func (f *firstLags) cut() {
	slices.SortFunc(f.rows, groupLag.compare)
	if more := len(f.rows) - f.most; more > 0 {
		f.left += more
		f.rows = f.rows[:f.most]
	}
	f.full = len(f.rows) == f.most
}

func (f *firstLags) sorted() []groupLag {
	f.cut()
	return f.rows
}
