package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

// A recovery brings partitions back whose majority is lost for ever, on an operator's word: the replica on this node goes on alone, and all others are made anew from it.
//
//	the metadata    its replica goes on; what stands in its log from then on is that the brokers that it can do without are lost
//	a topic's       the controller gives all other replicas new raft ids ─► the replica here knows them ─► it goes on
//
// In this order nobody that was given up is named by a row, when the leader that is alone begins to work toward it.
type recovery struct {
	questions
	b      *builder
	await  func(ctx context.Context, within time.Duration, holds func(*messages.View) bool) bool
	atWork sync.Mutex
}

// A Recovery is what came of one.
type Recovery struct {
	Recovered []RecoveredPartition `json:"recovered"`
	Failed    []FailedRecovery     `json:"failed"`
	// LostNodes were given up with the metadata: they are taken again with empty data folders only.
	LostNodes []int32 `json:"lost_nodes"`
}

// A RecoveredPartition has records from LogStart to LogEnd, all committed. What only others had is gone.
type RecoveredPartition struct {
	Partition string        `json:"partition"`
	LogStart  int64         `json:"log_start"`
	LogEnd    int64         `json:"log_end"`
	GivenUp   []GoneReplica `json:"given_up"`
}

// A FailedRecovery is a partition that is as it was or, where the reason says so, has no leader yet.
type FailedRecovery struct {
	Partition string `json:"partition"`
	Reason    string `json:"reason"`
}

// Each step of a recovery takes no longer than this.
const recoverStepWithin = 15 * time.Second

var (
	errRecovering = errors.New("a recovery is under way on this node; ask again when it has ended")
	errNoneNamed  = errors.New("no partition is named; name some, such as partition=orders-0, or all=true")
)

// recover recovers the named partitions, or all that are lost, the metadata first.
func (r *recovery) recover(ctx context.Context, names []string, all bool) (*Recovery, error) {
	if len(names) == 0 && !all {
		return nil, errNoneNamed
	}
	if !r.atWork.TryLock() {
		return nil, errRecovering
	}
	defer r.atWork.Unlock()
	isAsked := func(l *LostPartition) bool { return all || slices.Contains(names, l.Partition) }
	lost, err := r.lost(ctx)
	if err != nil {
		return nil, err
	}
	out := &Recovery{Recovered: []RecoveredPartition{}, Failed: []FailedRecovery{}, LostNodes: []int32{}}
	for _, name := range names {
		if !slices.ContainsFunc(lost, func(l *LostPartition) bool { return l.Partition == name }) {
			out.fail(name, errors.New("it is not lost, or has no replica on this node"))
		}
	}
	if len(lost) > 0 && lost[0].number == kafka.MetadataPartition {
		m := lost[0]
		if !isAsked(m) {
			return nil, fmt.Errorf("the cluster's metadata has lost its majority too: recover %s first", m.Partition)
		}
		if err := r.metadata(ctx, m, out); err != nil {
			return nil, fmt.Errorf("recover %s: %w", m.Partition, err)
		}
		if lost, err = r.lost(ctx); err != nil { // the metadata may say more than before
			return nil, err
		}
	}
	var asked []*LostPartition
	for _, l := range lost {
		switch {
		case !isAsked(l):
		case l.AheadOn != nil:
			out.fail(l.Partition, l.ahead())
		default:
			asked = append(asked, l)
		}
	}
	if err := r.topics(ctx, asked, out); err != nil {
		for _, l := range asked {
			out.fail(l.Partition, err)
		}
	}
	return out, nil
}

func (out *Recovery) fail(partition string, err error) {
	out.Failed = append(out.Failed, FailedRecovery{partition, err.Error()})
}

func (out *Recovery) done(l *LostPartition, s *messages.Surveyed) {
	out.Recovered = append(out.Recovered, RecoveredPartition{l.Partition, int64(s.LogStart), int64(s.LogEnd), l.Gone})
}

func (l *LostPartition) ahead() error {
	return fmt.Errorf("node %d has more of its log, or as much and goes first: recover it there", *l.AheadOn)
}

// metadata has the metadata's replica go on alone, and waits until the node has all of what it says.
func (r *recovery) metadata(ctx context.Context, l *LostPartition, out *Recovery) error {
	if l.AheadOn != nil {
		return l.ahead()
	}
	ctx, cancel := context.WithTimeout(ctx, recoverStepWithin)
	defer cancel()
	view := r.b.router.View()
	if int64(view.Upto) < l.HighWatermark {
		return errors.New("this node has not read all of the metadata that it has; ask again")
	}
	var lost []kafka.BrokerID
	giveUp := func(pending []record.Batch) ([]record.Batch, error) {
		image, err := view.Image.Read(pending) // brokers may have registered of whom only the log knows
		if err != nil {
			return nil, err
		}
		lost = lostBrokers(image, r.b.o.NodeID, l.ids())
		level.Warn(r.system.Logger()).Log("msg", "the cluster's metadata goes on with what this node has of it, on an operator's word", "lost_nodes", fmt.Sprint(lost))
		return r.batchOf(image.GiveUp(lost))
	}
	value, err := r.one(ctx, r.b.partitions, func(to messages.ReplyTo) any {
		return &recoverReplica{l.number, &messages.RecoverReplica{There: l.ids(), More: giveUp, Reply: to}}
	})
	if err != nil {
		return err
	}
	out.done(l, value.(*messages.Surveyed))
	for _, id := range lost {
		out.LostNodes = append(out.LostNodes, int32(id))
	}
	if !r.await(ctx, recoverStepWithin, func(v *messages.View) bool {
		c, ok := v.Controller()
		return ok && c.Coordinator != nil && v.Complete
	}) {
		return errors.New("it is done, but this node does not lead the metadata yet; look at the node's log, and run it again for the other partitions")
	}
	return nil
}

// batchOf returns rows as one batch; none for none.
func (r *recovery) batchOf(rows []partition.KeyValue) ([]record.Batch, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	var b record.Builder
	for _, kv := range rows {
		b.Add(record.Record{Timestamp: r.system.Now().UnixMilli(), Key: kv.Key, Value: kv.Value})
	}
	batch, err := b.Build()
	return []record.Batch{batch}, err
}

// lostBrokers are those whose replicas of the metadata are not there.
func lostBrokers(image *metadata.Image, own kafka.BrokerID, there []uint64) (ids []kafka.BrokerID) {
	for _, b := range image.Brokers() {
		if b.ID != own && (b.RaftID == 0 || !slices.Contains(there, b.RaftID)) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// topics recovers partitions of topics. Where it fails nothing is done.
func (r *recovery) topics(ctx context.Context, lost []*LostPartition, out *Recovery) error {
	if len(lost) == 0 {
		return nil
	}
	q := &metadata.RecoverPartitions{Broker: r.b.o.NodeID}
	for _, l := range lost {
		q.Survivors = append(q.Survivors, metadata.Survivor{Number: l.number, RaftID: l.Replica, Term: l.term})
	}
	if err := r.tellController(ctx, q); err != nil {
		return fmt.Errorf("the controller does not give the other replicas up: %w", err)
	}
	if !r.await(ctx, recoverStepWithin, func(v *messages.View) bool {
		return !slices.ContainsFunc(lost, func(l *LostPartition) bool { return l.isNamedStill(v.Image) })
	}) {
		return errors.New("the metadata that gives the other replicas up has not reached this node; run it again")
	}
	within, cancel := context.WithTimeout(ctx, recoverStepWithin)
	defer cancel()
	answers, err := r.ask(within, len(lost), func(i int, to messages.ReplyTo) {
		r.system.Root().Send(r.b.partitions, &recoverReplica{lost[i].number, &messages.RecoverReplica{There: lost[i].ids(), Reply: to}})
	})
	if err != nil {
		return err
	}
	var done []*LostPartition
	for i, a := range answers {
		if a.Err != nil {
			out.fail(lost[i].Partition, a.Err)
			continue
		}
		out.done(lost[i], a.Value.(*messages.Surveyed))
		done = append(done, lost[i])
	}
	isLed := func(l *LostPartition) bool { _, ok := r.b.router.View().LeaderOf(l.number); return ok }
	r.await(ctx, recoverStepWithin, func(*messages.View) bool {
		return !slices.ContainsFunc(done, func(l *LostPartition) bool { return !isLed(l) })
	})
	for _, l := range done {
		if !isLed(l) {
			out.fail(l.Partition, errors.New("it is recovered, but this node does not lead it yet; look at troupe cluster status and the node's log"))
		}
	}
	return nil
}

// isNamedStill tells whether an image still has a replica that is to be given up.
func (l *LostPartition) isNamedStill(image *metadata.Image) bool {
	tp, ok := image.NameOf(l.number)
	if !ok {
		return false // the topic is gone, and that is said when the replica is asked
	}
	for _, replica := range image.Partition(tp).All() {
		if slices.Contains(l.gone, replica.RaftID) || slices.Contains(l.ids(), replica.RaftID) {
			return true
		}
	}
	return false
}

// tellController tells the controller, until it has heard.
func (r *recovery) tellController(ctx context.Context, body any) error {
	ctx, cancel := context.WithTimeout(ctx, recoverStepWithin)
	defer cancel()
	err := errTooLate
	for ctx.Err() == nil {
		l, ok := r.b.router.View().Controller()
		if !ok || l.Coordinator == nil {
			err = errors.New("there is no controller")
		} else {
			within, cancel := context.WithTimeout(ctx, registerWithin)
			_, err = r.one(within, l.Coordinator, func(to messages.ReplyTo) any {
				return &messages.Coordinate{Body: body, Broker: r.b.o.NodeID, Reply: to}
			})
			cancel()
			if err == nil || isRefusal(err) {
				return err
			}
		}
		r.await(ctx, registerPause, func(*messages.View) bool { return false })
	}
	return err
}
