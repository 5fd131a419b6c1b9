package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A LostPartition has a replica on this node, and no leader can be elected by the replicas that are there.
type LostPartition struct {
	Partition string `json:"partition"`
	Replica   uint64 `json:"replica"` // the raft id of the one on this node
	// Records from LogStart to LogEnd are in this node's log; those below HighWatermark are known to have been committed.
	LogStart      int64         `json:"log_start"`
	HighWatermark int64         `json:"high_watermark"`
	LogEnd        int64         `json:"log_end"`
	Gone          []GoneReplica `json:"gone"`
	// AheadOn is another node, on which it is to be recovered: its replica has more of the log or, of the metadata, as much and the lower id, since nobody but that log
	// decides between two that go on at the same time. It is null where it may be recovered here.
	AheadOn *int32 `json:"ahead_on"`

	number kafka.PartitionNumber
	term   consensus.Term
	there  []messages.Surveyed // the other replicas that answer
	gone   []uint64
}

// A GoneReplica does not answer. Recovering the partition gives it up.
type GoneReplica struct {
	Node    *int32 `json:"node"` // null where it is not known: no node has it any more
	Replica uint64 `json:"replica"`
	Votes   bool   `json:"votes"`
	// SinceMillis is when its node was last there, at the latest when this one began; null where the node is there, and the replica is not.
	SinceMillis *int64 `json:"since_ms"`
}

// What the parent of the replicas is asked.
type (
	// listReplicas asks for *heldReplicas.
	listReplicas struct{ reply messages.ReplyTo }
	heldReplicas struct {
		replicas []heldReplica // in the order of their numbers
		live     map[kafka.BrokerID]bool
		silent   map[kafka.BrokerID]time.Time
		began    time.Time
	}
	heldReplica struct {
		number kafka.PartitionNumber
		name   kafka.TopicPartition
		pid    *actor.PID
		nodes  map[uint64]kafka.BrokerID
	}
	// recoverReplica has a replica go on alone, once it knows what its row wishes for now.
	recoverReplica struct {
		number kafka.PartitionNumber
		m      *messages.RecoverReplica
	}
)

// replicas are those that run as the metadata has them, and those that can't begin yet.
func (p *partitions) replicas() *heldReplicas {
	image := p.b.router.View().Image
	out := &heldReplicas{live: maps.Clone(p.live), silent: maps.Clone(p.silent), began: p.began}
	for _, number := range slices.Sorted(maps.Keys(p.running)) {
		r := p.running[number]
		name := kafka.TopicPartition{Topic: metadata.MetadataTopic}
		if number != kafka.MetadataPartition {
			var ok bool
			if name, ok = image.NameOf(number); !ok {
				continue
			}
			if !p.isNamed(number, r) {
				continue // it is about to go
			}
		}
		if !r.ended {
			out.replicas = append(out.replicas, heldReplica{number, name, r.pid, r.members.Nodes})
		}
	}
	for number, m := range p.waiting {
		if name, ok := image.NameOf(number); ok && p.isWanted(number) {
			out.replicas = append(out.replicas, heldReplica{number, name, p.substitute, m.Nodes})
		}
	}
	slices.SortFunc(out.replicas, func(a, b heldReplica) int { return cmp.Compare(a.number, b.number) })
	return out
}

// isNamed tells whether a replica is the one that the metadata has on this node.
func (p *partitions) isNamed(number kafka.PartitionNumber, r *running) bool {
	image := p.b.router.View().Image
	name, ok := image.NameOf(number)
	if !ok {
		return number == kafka.MetadataPartition
	}
	held, ok := image.Partition(name).ReplicaOn(p.b.o.NodeID)
	return ok && held.RaftID == r.raftID
}

func (p *partitions) recover(ctx actor.Context, m *recoverReplica) {
	p.reconcile(ctx)
	r := p.running[m.number]
	if r == nil || r.ended || !p.isNamed(m.number, r) { // or another one goes on
		to, refusal := m.m.Undelivered()
		ctx.Send(to, refusal)
		return
	}
	ctx.Send(r.pid, m.m)
}

const (
	// surveyWithin is how long replicas have to answer.
	surveyWithin = 5 * time.Second
	// goneAfter is how long a node must not have been there, and this one must, before anything counts as lost: nodes that start, or that stood still, need a moment to find each other.
	goneAfter = 5 * time.Second
)

// lost returns the partitions with a replica here that have lost their majority, in the order of their numbers. What counts is which replicas answer, not which nodes are there: a
// node may have come back with an empty folder.
func (r *recovery) lost(ctx context.Context) ([]*LostPartition, error) {
	ctx, cancel := context.WithTimeout(ctx, surveyWithin)
	defer cancel()
	held, err := r.held(ctx)
	if err != nil {
		return nil, err
	}
	answers, err := r.ask(ctx, len(held.replicas), func(i int, to messages.ReplyTo) {
		r.system.Root().Send(held.replicas[i].pid, &messages.SurveyReplica{Reply: to})
	})
	if err != nil {
		return nil, err
	}
	view := r.b.router.View()
	var leaderless []heldReplica
	var mine []*messages.Surveyed
	for i, a := range answers {
		if errors.Is(a.Err, errTooLate) || errors.Is(a.Err, kerr.CoordinatorLoadInProgress) {
			return nil, fmt.Errorf("this node does not say yet what it has of %v; ask again", held.replicas[i].name)
		}
		_, led := view.LeaderOf(held.replicas[i].number)
		if s, ok := a.Value.(*messages.Surveyed); ok && !led {
			leaderless, mine = append(leaderless, held.replicas[i]), append(mine, s)
		}
	}
	others := view.Others()
	if len(others) > 0 {
		answers, err = r.ask(ctx, len(leaderless)*len(others), func(i int, to messages.ReplyTo) {
			at := actors.At(messages.AddressOf(others[i%len(others)]), messages.ReplicaName(leaderless[i/len(others)].number))
			r.system.Root().Send(at, &messages.SurveyReplica{Reply: to})
		})
		if err != nil {
			return nil, err
		}
	}
	var out []*LostPartition
	for i, h := range leaderless {
		l := &LostPartition{
			Partition: h.name.String(), Replica: mine[i].RaftID, term: mine[i].Term, LogStart: int64(mine[i].LogStart), HighWatermark: int64(mine[i].HighWatermark), LogEnd: int64(mine[i].LogEnd), number: h.number,
		}
		best, led := mine[i], mine[i].Follows()
		for n, node := range others {
			a := answers[i*len(others)+n]
			if errors.Is(a.Err, errTooLate) || errors.Is(a.Err, kerr.CoordinatorLoadInProgress) {
				return nil, fmt.Errorf("node %d is there, and does not say what it has of %s; ask again", node, l.Partition)
			}
			s, ok := a.Value.(*messages.Surveyed)
			if !ok {
				continue
			}
			l.there = append(l.there, *s)
			led = led || s.Follows() // it may be on a node that this one does not reach
			first := h.number == kafka.MetadataPartition && best == mine[i] && node < r.b.o.NodeID && !s.Behind(best)
			if best.Behind(s) || first {
				best, l.AheadOn = s, new(int32(node))
			}
		}
		if !led && mine[i].Lost(l.ids()) {
			l.give(mine[i], h, held, others)
			out = append(out, l)
		}
	}
	if len(out) > 0 {
		return out, held.areGone(view, r.b.o.NodeID, r.system.Now())
	}
	return nil, nil
}

// areGone fails where one of the nodes that are not there has not been gone for long enough.
func (h *heldReplicas) areGone(view *messages.View, own kafka.BrokerID, now time.Time) error {
	for _, b := range view.Image.Brokers() {
		if b.ID == own || b.Lost || view.IsLive(b.ID) || !h.live[b.ID] && now.Sub(h.since(b.ID)) >= goneAfter {
			continue
		}
		return fmt.Errorf("node %d was there less than %v ago, or may be on its way: ask again when it has been gone for longer", b.ID, goneAfter)
	}
	return nil
}

// since is when a node that is not there was last there, at the latest when this one began.
func (h *heldReplicas) since(node kafka.BrokerID) time.Time {
	if since, known := h.silent[node]; known {
		return since
	}
	return h.began
}

func (r *recovery) held(ctx context.Context) (*heldReplicas, error) {
	value, err := r.one(ctx, r.b.partitions, func(to messages.ReplyTo) any { return &listReplicas{to} })
	if err != nil {
		return nil, err
	}
	return value.(*heldReplicas), nil
}

// ids are the other replicas that are there.
func (l *LostPartition) ids() (ids []uint64) {
	for i := range l.there {
		ids = append(ids, l.there[i].RaftID)
	}
	return ids
}

// give names the replicas that a recovery gives up.
func (l *LostPartition) give(s *messages.Surveyed, h heldReplica, held *heldReplicas, others []kafka.BrokerID) {
	l.gone = s.Gone(l.ids())
	for _, id := range l.gone {
		g := GoneReplica{Replica: id, Votes: slices.Contains(s.Voters, id) || slices.Contains(s.Outgoing, id)}
		if node, ok := h.nodes[id]; ok {
			g.Node = new(int32(node))
			if !slices.Contains(others, node) {
				g.SinceMillis = new(held.since(node).UnixMilli())
			}
		}
		l.Gone = append(l.Gone, g)
	}
}

// Undelivered says that there are no replicas yet.
func (m *listReplicas) Undelivered() (*actor.PID, any) {
	return m.reply.PID, &messages.Reply{Slot: m.reply.Slot, Err: errNoReplicas}
}

var errNoReplicas = errors.New("the node runs no replicas yet: it belongs to no cluster")
