package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pause is how long leaders stay, at least. librdkafka asks for an offset 500 ms after it has heard that the leader has changed, with the leader's epoch of then. Where
// leaders change more often, that epoch is an old one each time (FENCED_LEADER_EPOCH), and a consumer without a committed offset may never begin. It is the same with Apache
// Kafka: with a pause of 300 ms a read gets nothing in a minute, with 400 ms one takes 17 s, and from 500 ms on all are as fast as ever. What a client needs to hear of
// the new leader comes on top.
const pause = 600 * time.Millisecond

// move gives every partition another leader, again and again, until the test ends.
func (b *broker) move() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		client, err := kgo.NewClient(kgo.SeedBrokers(b.bootstrap), kgo.MetadataMinAge(50*time.Millisecond))
		if err != nil {
			b.t.Error(err)
			return
		}
		defer client.Close()
		m := &mover{admin: kadm.NewClient(client), failed: map[string]int{}, kinds: map[string]*moved{}}
		for ; ctx.Err() == nil; m.turns++ {
			err := m.turn(ctx)
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				m.failed[err.Error()]++
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		m.end(b)
	}()
}

// A mover has leaders move, and sees what comes of it.
type mover struct {
	admin  *kadm.Client
	turns  int
	failed map[string]int    // of these, by what went wrong
	kinds  map[string]*moved // topics of clients, and the internal one with its coordinators
}

// moved is how partitions have moved.
type moved struct {
	turns   int // in which there were any
	moves   int
	leaders map[string]int32 // by partition
}

// turn gives each partition of a topic replicas on all nodes, of which another is the preferred leader each time, and has that lead. Topics come and go meanwhile: what fails is
// tried again with the next turn.
func (m *mover) turn(ctx context.Context) error {
	topics, err := m.admin.ListTopicsWithInternal(ctx)
	if err != nil || len(topics) == 0 {
		return err
	}
	m.look(topics)
	brokers, err := m.admin.ListBrokers(ctx)
	if err != nil {
		return err
	}
	nodes := brokers.NodeIDs()
	if len(nodes) < 2 {
		return fmt.Errorf("there is only node %v to lead", nodes)
	}
	var want kadm.AlterPartitionAssignmentsReq
	topics.EachPartition(func(p kadm.PartitionDetail) {
		first := (m.turns + int(p.Partition)) % len(nodes)
		want.Assign(p.Topic, p.Partition, slices.Concat(nodes[first:], nodes[:first]))
	})
	assigned, err := m.admin.AlterPartitionAssignments(ctx, want)
	if err != nil {
		return err
	}
	elected, err := m.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, topics.TopicsSet())
	if err != nil {
		return err
	}
	wrong := assigned.Error()
	for _, partitions := range elected {
		for _, e := range partitions {
			if e.Err != nil && !errors.Is(e.Err, kerr.ElectionNotNeeded) {
				wrong = e.Err
			}
		}
	}
	return wrong
}

// look counts the leaders that are others than those of before.
func (m *mover) look(topics kadm.TopicDetails) {
	there := map[string]bool{}
	topics.EachPartition(func(p kadm.PartitionDetail) {
		kind := "leaders"
		if topics[p.Topic].IsInternal {
			kind = "coordinators"
		}
		if m.kinds[kind] == nil {
			m.kinds[kind] = &moved{leaders: map[string]int32{}}
		}
		k, name := m.kinds[kind], fmt.Sprintf("%s-%d", p.Topic, p.Partition)
		if !there[kind] {
			there[kind] = true
			k.turns++
		}
		if before, ok := k.leaders[name]; ok && p.Leader >= 0 && before != p.Leader {
			k.moves++
		}
		if p.Leader >= 0 {
			k.leaders[name] = p.Leader
		}
	})
}

// end says what has moved, and what went wrong.
func (m *mover) end(b *broker) {
	failed := 0
	for err, times := range m.failed {
		b.t.Logf("moving leaders: %d times: %s", times, err)
		failed += times
	}
	if failed == m.turns && failed >= turnsEnough {
		b.t.Errorf("all %d turns to move leaders failed", failed)
	}
	for kind, k := range m.kinds {
		b.t.Logf("%d %s have moved in %d turns", k.moves, kind, k.turns)
		all, _ := allMoved.LoadOrStore(kind, &moved{})
		all.(*moved).turns += k.turns
		all.(*moved).moves += k.moves
	}
}

// allMoved is what has moved in all tests, one after the other: *moved by its kind.
var allMoved sync.Map

// turnsEnough is after how many turns something must have moved.
const turnsEnough = 5

// stayed says what has never moved in any test, though all should move all the time. One test alone may be too short for it.
func stayed() (kinds []string) {
	allMoved.Range(func(kind, all any) bool {
		if m := all.(*moved); m.moves == 0 && m.turns >= turnsEnough {
			kinds = append(kinds, fmt.Sprintf("no %s have moved in %d turns", kind, m.turns))
		}
		return true
	})
	return kinds
}
