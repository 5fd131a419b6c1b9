package group

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// Options is what holds for all groups.
type Options struct {
	MinSessionTimeout, MaxSessionTimeout time.Duration // group.min.session.timeout.ms, group.max.session.timeout.ms
	InitialRebalanceDelay                time.Duration // group.initial.rebalance.delay.ms
	MaxSize                              int           // group.max.size
	OffsetMetadataMaxBytes               int           // offset.metadata.max.bytes
	OffsetsRetention                     time.Duration // offsets.retention.minutes
	OffsetsCheckInterval                 time.Duration // offsets.retention.check.interval.ms
}

// newMemberJoinTimeout is how long a member that has joined for the first time waits for the rebalance to end. It has no id to send
// heartbeats with; where its connection is gone, nothing else would remove it (Kafka: classicGroupNewMemberJoinTimeoutMs).
const newMemberJoinTimeout = 5 * time.Minute

// A state is where a group is in its cycle.
type state string

// The states, under the names that DescribeGroups shows.
const (
	empty               state = "Empty"
	preparingRebalance  state = "PreparingRebalance"
	completingRebalance state = "CompletingRebalance"
	stable              state = "Stable"
	dead                state = "Dead" // no group of that id
)

// A Group is the machine of one group. See partition.Machine for how it is used.
type Group struct {
	o  Options
	id string

	state        state
	since        time.Time // of the state; zero where an old record does not say
	generation   kafka.GenerationID
	protocolType string // of all members; empty for a group that only commits offsets
	protocol     string // that was chosen
	leader       string
	members      map[string]*member
	static       map[string]string    // group.instance.id -> member id (KIP-345)
	pending      map[string]time.Time // ids that were given to members that have not joined with them yet (KIP-394), and until when
	joined       uint64               // counts members, so that they have an order
	offsets      map[kafka.TopicPartition]offset
	recorded     bool // there is a record of the group, not only of offsets

	// A rebalance waits for the members to join until joinBy. The first one of a group waits for more members to come: as long as one does it
	// is extended, within what is left.
	joinBy      time.Time
	initial     bool
	initialWait time.Duration
	initialLeft time.Duration
	memberAdded bool
	// syncBy is when members that joined and have not synced are removed; unsynced are those.
	syncBy   time.Time
	unsynced map[string]bool
	// offsetsAt is when offsets that have expired are looked for next.
	offsetsAt time.Time

	out partition.Outcome // of the call that is under way
	now time.Time
}

var _ partition.Machine = (*Group)(nil)

// New returns the machine of a group, to be restored.
func New(id string, o Options) *Group {
	return &Group{
		o: o, id: id, state: empty, members: map[string]*member{}, static: map[string]string{}, pending: map[string]time.Time{},
		offsets: map[kafka.TopicPartition]offset{}, unsynced: map[string]bool{},
	}
}

// Handle serves a request: a kmsg request of the group, or one of this package's own.
func (g *Group) Handle(now time.Time, r *partition.Request) partition.Outcome {
	g.now = now
	if len(g.id) > stringMax {
		g.refuse(r.Ticket, kerr.InvalidGroupID)
		return g.outcome()
	}
	switch q := r.Body.(type) {
	case *kmsg.JoinGroupRequest:
		g.join(q, r)
	case *kmsg.SyncGroupRequest:
		g.sync(q, r.Ticket)
	case *kmsg.HeartbeatRequest:
		g.answer(r.Ticket, g.heartbeat(q))
	case *kmsg.LeaveGroupRequest:
		g.answer(r.Ticket, g.leave(q))
	case *kmsg.OffsetCommitRequest:
		g.answer(r.Ticket, g.commit(q))
	case *FetchOffsets:
		g.answer(r.Ticket, g.fetch(q))
	case *kmsg.OffsetDeleteRequest:
		g.answer(r.Ticket, g.deleteOffsets(q))
	case *TopicsDeleted:
		g.dropTopics(q.Topics)
		g.answer(r.Ticket, nil)
	case *Describe:
		g.answer(r.Ticket, g.describe(q))
	case *List:
		g.answer(r.Ticket, g.list())
	case *Delete:
		g.refuse(r.Ticket, g.delete())
	default:
		g.refuse(r.Ticket, kafka.Errorf(kerr.UnsupportedVersion, "a group serves no %T", r.Body))
	}
	return g.outcome()
}

// Tick does what is due.
func (g *Group) Tick(now time.Time) partition.Outcome {
	g.now = now
	for _, id := range slices.Sorted(maps.Keys(g.pending)) {
		if g.due(g.pending[id]) {
			delete(g.pending, id)
			g.maybeCompleteJoin()
		}
	}
	for _, m := range g.inOrder() {
		if g.members[m.id] == m && g.due(m.expires) {
			m.expires = time.Time{}
			if m.new || m.join == 0 && m.sync == 0 { // one that waits for others has not failed
				g.removeAndRebalance(m)
			}
		}
	}
	if g.due(g.joinBy) {
		g.joinTimeIsUp()
	}
	if g.due(g.syncBy) {
		g.syncTimeIsUp()
	}
	if g.due(g.offsetsAt) {
		g.expireOffsets()
	}
	return g.outcome()
}

func (g *Group) due(at time.Time) bool { return !at.IsZero() && !at.After(g.now) }

// Deadline is when Tick has something to do next.
func (g *Group) Deadline() (next time.Time) {
	note := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, at := range g.pending {
		note(at)
	}
	for _, m := range g.members {
		note(m.expires)
	}
	note(g.joinBy)
	note(g.syncBy)
	if len(g.offsets) > 0 || g.recorded {
		note(g.offsetsAt)
	}
	return next
}

// Idle tells whether nothing is lost when the machine is dropped: there is nobody in the group.
func (g *Group) Idle() bool { return g.state == empty && len(g.members) == 0 && len(g.pending) == 0 }

// outcome returns what the call that is under way has led to.
func (g *Group) outcome() partition.Outcome {
	out := g.out
	g.out = partition.Outcome{}
	return out
}

func (g *Group) answer(t partition.Ticket, response any) {
	g.out.Replies = append(g.out.Replies, partition.Reply{Ticket: t, Response: response})
}

func (g *Group) refuse(t partition.Ticket, err error) {
	g.out.Replies = append(g.out.Replies, partition.Reply{Ticket: t, Err: err})
}

func (g *Group) write(records ...partition.KeyValue) {
	g.out.Records = append(g.out.Records, records...)
}

// exists tells whether there is a group at all: a machine is made for whatever id is asked for.
func (g *Group) exists() bool {
	return len(g.members) > 0 || len(g.pending) > 0 || len(g.offsets) > 0 || g.recorded || g.state != empty
}

func (g *Group) enter(s state) {
	if s != g.state {
		g.state, g.since = s, g.now
	}
}

// inOrder returns the members in the order in which they came.
func (g *Group) inOrder() []*member {
	return slices.SortedFunc(maps.Values(g.members), func(a, b *member) int { return cmp.Compare(a.number, b.number) })
}

// validate tells whether a member is the one that it says it is (KIP-345).
func (g *Group) validate(id string, instance *string) error {
	if instance != nil {
		switch known, ok := g.static[*instance]; {
		case !ok:
			return kerr.UnknownMemberID
		case known != id:
			return kerr.FencedInstanceID
		}
	}
	if g.members[id] == nil {
		return kerr.UnknownMemberID
	}
	return nil
}

// memberID makes the id of a new member.
func memberID(r *partition.Request, instance *string) string {
	n := r.Nonce
	n[6], n[8] = n[6]&0x0f|0x40, n[8]&0x3f|0x80 // a version 4 UUID
	name := r.ClientID
	if instance != nil {
		name = *instance
	}
	return fmt.Sprintf("%s-%x-%x-%x-%x-%x", name, n[:4], n[4:6], n[6:8], n[8:10], n[10:])
}
