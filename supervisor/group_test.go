package supervisor_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"troupe/supervisor"
	"troupe/supervisor/troupetest"
)

// A cooperativeMember is a consumer that notes which partitions it has, which were taken from it, and what it has read.
type cooperativeMember struct {
	client *kgo.Client
	mu     sync.Mutex
	has    map[int32]bool
	lost   map[int32]bool // revoked since the last look
	read   map[string]int
}

func joinCooperatively(t *testing.T, n *supervisor.Node) *cooperativeMember {
	t.Helper()
	m := &cooperativeMember{has: map[int32]bool{}, lost: map[int32]bool{}, read: map[string]int{}}
	note := func(into func(int32)) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, p := range partitions["orders"] {
				into(p)
			}
		}
	}
	gone := note(func(p int32) { delete(m.has, p); m.lost[p] = true })
	revoked := func(ctx context.Context, c *kgo.Client, partitions map[string][]int32) {
		if err := c.CommitMarkedOffsets(ctx); err != nil {
			t.Error(err)
		}
		gone(ctx, c, partitions)
	}
	m.client = client(t, n, kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(50*time.Millisecond), kgo.AutoCommitMarks(),
		kgo.OnPartitionsAssigned(note(func(p int32) { m.has[p] = true })), kgo.OnPartitionsRevoked(revoked), kgo.OnPartitionsLost(gone))
	go func() {
		for {
			f := m.client.PollFetches(context.Background())
			if f.IsClientClosed() {
				return
			}
			f.EachRecord(func(r *kgo.Record) {
				m.client.MarkCommitRecords(r)
				m.mu.Lock()
				m.read[string(r.Value)]++
				m.mu.Unlock()
			})
		}
	}()
	return m
}

func (m *cooperativeMember) partitions() map[int32]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.has)
}

// With a cooperative assignor (KIP-429) a member that joins takes what it gets and nothing else: the others go on with the rest meanwhile. When it
// leaves, they get it back. Each record is read once.
func TestCooperativeMembers(t *testing.T) {
	const partitions = 4
	n := troupetest.Start(t, "group.initial.rebalance.delay.ms=0")
	c := client(t, n, byHand())
	if _, err := kadm.NewClient(c).CreateTopic(testContext(t), partitions, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	one := joinCooperatively(t, n)
	until("the only member has all partitions", func() bool { return len(one.partitions()) == partitions })
	publish(t, c, "orders", partitions, 0, 100)
	until("it has read all", func() bool {
		one.mu.Lock()
		defer one.mu.Unlock()
		clear(one.lost)
		return len(one.read) == 100
	})

	two := joinCooperatively(t, n)
	until("both have a half", func() bool { return len(one.partitions()) == partitions/2 && len(two.partitions()) == partitions/2 })
	one.mu.Lock()
	for p := range one.has {
		if one.lost[p] {
			t.Errorf("partition %d was taken from the member that keeps it", p)
		}
	}
	one.mu.Unlock()
	publish(t, c, "orders", partitions, 100, 100)
	read := func() (records, twice int) {
		seen := map[string]int{}
		for _, m := range []*cooperativeMember{one, two} {
			m.mu.Lock()
			for v, n := range m.read {
				seen[v] += n
			}
			m.mu.Unlock()
		}
		for i := range 300 {
			if n := seen[fmt.Sprint(i)]; n > 0 {
				records++
				twice += n - 1
			}
		}
		return records, twice
	}
	until("all is read", func() bool { records, _ := read(); return records == 200 })
	two.client.Close()
	until("the member that is left has all partitions", func() bool { return len(one.partitions()) == partitions })
	publish(t, c, "orders", partitions, 200, 100)
	until("all is read", func() bool { records, _ := read(); return records == 300 })
	if _, twice := read(); twice > 0 {
		t.Errorf("%d records were read twice", twice)
	}
}
