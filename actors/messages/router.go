package messages

import (
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A Leader is who serves a partition now.
type Leader struct {
	Broker kafka.BrokerID
	Epoch  kafka.LeaderEpoch
	// Replica is the leading replica's actor and Coordinator, for partitions of internal topics, that of the coordinator
	// that owns the partition's records; nil elsewhere.
	Replica     *actor.PID
	Coordinator *actor.PID
	InSync      []kafka.BrokerID
	// Voters and Learners are the raft ids of the partition's configuration.
	Voters, Learners []uint64
	// Settled says that no crash brings back an earlier configuration: replicas that are not in this one are not needed.
	Settled bool
	// OutOfService says that the replica here has failed for good, so that nobody waits for it or counts on it.
	OutOfService bool
	// HighWatermark is kept up to date by a leader on this node, for metrics.
	HighWatermark *atomic.Int64
}

// A View is the cluster as one node knows it at one moment: what the metadata log says, who leads what, and which nodes are there. It is
// immutable.
type View struct {
	Image *metadata.Image
	// Upto is the end of the metadata log's part that the image is from. It only grows: a controller that comes back from a panic may
	// know less than the view at first.
	Upto kafka.Offset
	// Complete says that the image has once had all that was committed before this node came. What an incomplete one lacks may exist.
	Complete     bool
	leaders      map[kafka.PartitionNumber]Leader
	outOfService map[kafka.PartitionNumber][]kafka.BrokerID // on which nodes replicas have failed for good
	live         map[kafka.BrokerID]bool                    // the other nodes that are there
	gone         map[kafka.BrokerID]uint64                  // the incarnations of those that are not whose processes are known to be dead
	full         map[kafka.BrokerID]bool                    // the nodes, this one among them, whose disks are full
	left         map[kafka.PartitionNumber]time.Time        // when this node has stopped leading, a moment ago
	resigned     map[kafka.PartitionNumber]resigned         // who has, of all nodes, where nobody leads since
	uptos        map[kafka.BrokerID]kafka.Offset            // how far the views of other nodes are
}

// NewView returns a view of an image in which nobody leads.
func NewView(image *metadata.Image) *View { return &View{Image: image} }

// JustLeft is how long a node takes it upon itself to hand on what clients send it for partitions that it led a moment ago.
const JustLeft = time.Second

// With returns the view after replicas of this node have begun to lead or stopped, or failed for good, which happened now.
func (v *View) With(now time.Time, news ...Led) *View {
	next := *v
	next.left = maps.Clone(v.left)
	if next.left == nil {
		next.left = map[kafka.PartitionNumber]time.Time{}
	}
	maps.DeleteFunc(next.left, func(_ kafka.PartitionNumber, at time.Time) bool { return now.Sub(at) > JustLeft })
	for _, m := range news {
		if m.Leader.Replica == nil {
			next.left[m.Number] = now
		}
	}
	next.note(news)
	next.hear(now, news)
	return &next
}

// Of returns the view after what another node's directory has told, which was heard now.
func (v *View) Of(now time.Time, m *Leaders) *View {
	next := *v
	if m.Whole {
		next.leaders = v.without(m.Node)
		next.forgetFailed(m.Node)
	}
	next.note(m.Led)
	if m.Whole || m.Upto > v.uptos[m.Node] {
		next.uptos = maps.Clone(v.uptos)
		if next.uptos == nil {
			next.uptos = map[kafka.BrokerID]kafka.Offset{}
		}
		next.uptos[m.Node] = m.Upto
	}
	next.hear(now, m.Led)
	return next.WithDisk(m.Node, m.DiskFull)
}

// isOfBefore tells whether a leader is one of those that were given up when the partition was recovered.
func isOfBefore(image *metadata.Image, number kafka.PartitionNumber, l Leader) bool {
	tp, ok := image.NameOf(number)
	return ok && l.Epoch < kafka.LeaderEpoch(image.Partition(tp).Since)
}

func (v *View) without(node kafka.BrokerID) map[kafka.PartitionNumber]Leader {
	leaders := maps.Clone(v.leaders)
	maps.DeleteFunc(leaders, func(_ kafka.PartitionNumber, l Leader) bool { return l.Broker == node })
	return leaders
}

// Live returns the view in which another node is there.
func (v *View) Live(node kafka.BrokerID) *View {
	next := *v
	next.live = maps.Clone(v.live)
	if next.live == nil {
		next.live = map[kafka.BrokerID]bool{}
	}
	next.live[node] = true
	next.gone = maps.Clone(v.gone)
	delete(next.gone, node)
	return &next
}

// Dead returns the view in which another node is not there, and leads nothing. What its disk is like is not known, nor whether its replicas fail when it is back.
func (v *View) Dead(node kafka.BrokerID) *View {
	next := *v
	next.live = maps.Clone(v.live)
	delete(next.live, node)
	next.leaders = v.without(node)
	next.forgetFailed(node)
	next.resigned = maps.Clone(v.resigned)
	maps.DeleteFunc(next.resigned, func(_ kafka.PartitionNumber, r resigned) bool { return r.leader.Broker == node })
	return next.WithDisk(node, false)
}

// Gone returns the view in which another node is not there because its process, of an incarnation, is dead.
func (v *View) Gone(node kafka.BrokerID, incarnation uint64) *View {
	next := v.Dead(node)
	next.gone = maps.Clone(v.gone)
	if next.gone == nil {
		next.gone = map[kafka.BrokerID]uint64{}
	}
	next.gone[node] = incarnation
	return next
}

// IsGone tells whether a node is not there because its process, of an incarnation, is dead.
func (v *View) IsGone(node kafka.BrokerID, incarnation uint64) bool {
	gone, ok := v.gone[node]
	return ok && gone == incarnation
}

// AllHave tells whether the views of all nodes that are there have what was committed to the metadata log before an offset.
func (v *View) AllHave(upto kafka.Offset) bool {
	for node := range v.live {
		if v.uptos[node] < upto {
			return false
		}
	}
	return v.Upto >= upto
}

// Others are the other nodes that are there, by id.
func (v *View) Others() []kafka.BrokerID { return slices.Sorted(maps.Keys(v.live)) }

// IsLive tells whether another node is there.
func (v *View) IsLive(node kafka.BrokerID) bool { return v.live[node] }

// LedBy returns what a node leads, in the order of the numbers.
func (v *View) LedBy(node kafka.BrokerID) (out []Led) {
	for _, p := range slices.Sorted(maps.Keys(v.leaders)) {
		if l := v.leaders[p]; l.Broker == node {
			out = append(out, Led{p, l})
		}
	}
	return out
}

// After returns the view after rows of the metadata log, which end at upto; with whole they are all that there are. Rows of a part of the log that the view has
// already change nothing.
func (v *View) After(rows []partition.KeyValue, whole bool, upto kafka.Offset) (*View, error) {
	next := *v
	switch {
	case whole && upto >= v.Upto:
		next.Image = metadata.NewImage()
	case whole || upto <= v.Upto:
		return v, nil
	}
	var err error
	if next.Image, err = next.Image.Apply(rows); err != nil {
		return nil, err
	}
	next.Upto = upto
	for _, number := range next.Image.Recovered() {
		if l, ok := next.leaders[number]; ok && isOfBefore(next.Image, number, l) {
			next.leaders = maps.Clone(next.leaders)
			delete(next.leaders, number)
		}
	}
	return &next, nil
}

// LeaderOf returns the leader of a partition number; ok is false where none is known.
func (v *View) LeaderOf(number kafka.PartitionNumber) (l Leader, ok bool) {
	l, ok = v.leaders[number]
	return l, ok
}

// HasJustLeft tells whether this node led a partition a moment ago.
func (v *View) HasJustLeft(number kafka.PartitionNumber, now time.Time) bool {
	at, ok := v.left[number]
	return ok && now.Sub(at) <= JustLeft
}

// LeaderCount is the number of partitions that a node leads.
func (v *View) LeaderCount(node kafka.BrokerID) (n int) {
	for _, l := range v.leaders {
		if l.Broker == node {
			n++
		}
	}
	return n
}

// Controller returns the leader of the metadata partition.
func (v *View) Controller() (l Leader, ok bool) { return v.LeaderOf(kafka.MetadataPartition) }

// GroupCoordinator returns the partition of the offsets topic that a group belongs to and its leader. The partition is
// -1 where the topic does not exist yet, and ok is false where no leader is known.
func (v *View) GroupCoordinator(group string) (partition int32, l Leader, ok bool) {
	t := v.Image.Topic(metadata.OffsetsTopic)
	if t == nil {
		return -1, Leader{}, false
	}
	partition = partitionFor(group, len(t.Partitions))
	l, ok = v.LeaderOf(t.Partitions[partition].Number)
	return partition, l, ok
}

// partitionFor returns the partition of an internal topic that owns a key, as Kafka computes it: the absolute value of
// Java's String.hashCode (zero for the smallest int, which has none), modulo the number of partitions.
func partitionFor(key string, partitions int) int32 {
	var h int32
	for _, r := range key {
		if r < 0x10000 {
			h = 31*h + int32(r)
			continue
		}
		r -= 0x10000 // a Java string holds two surrogates where Go has one rune
		h = 31*h + 0xd800 + r>>10
		h = 31*h + 0xdc00 + r&0x3ff
	}
	if h == math.MinInt32 {
		h = 0
	}
	return max(h, -h) % int32(partitions)
}

// A Router gives the current View. Looking something up is a load and a map access, not a message. One actor of
// the node, the directory, sets the view; anyone may read it.
type Router struct{ view atomic.Pointer[View] }

// NewRouter returns a router with the view of an empty cluster.
func NewRouter() *Router {
	r := &Router{}
	r.view.Store(NewView(metadata.NewImage()))
	return r
}

// View returns the current view. A request looks at one view from its start to its end.
func (r *Router) View() *View { return r.view.Load() }

// Set makes v the current view. Only the directory calls it.
func (r *Router) Set(v *View) { r.view.Store(v) }
