package supervisor_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"troupe/actors/messages"
	"troupe/actors/session"
	"troupe/supervisor"
	"troupe/supervisor/troupetest"
)

// A saboteur has actors panic at chosen messages, a number of times.
type saboteur struct {
	mu    sync.Mutex
	left  int
	wants func(kind, id string, message any) bool
}

func (s *saboteur) fault(kind, id string, message any) {
	s.mu.Lock()
	hit := s.left > 0 && s.wants != nil && s.wants(kind, id, message)
	if hit {
		s.left--
	}
	s.mu.Unlock()
	if hit {
		panic("sabotage")
	}
}

func (s *saboteur) strike(times int, wants func(kind, id string, message any) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.wants = times, wants
}

func metric(t *testing.T, n *supervisor.Node, line string) bool {
	t.Helper()
	a, err := http.Get("http://" + n.AdminAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), "\n"+line+"\n")
}

// hasty has a client look at once who leads, instead of after five seconds.
func hasty() kgo.Opt { return kgo.MetadataMinAge(20 * time.Millisecond) }

// A panic in a session, a partition or a group ends or restarts that one alone: clients see a retry, and what was acknowledged stays.
func TestPanicsOfActors(t *testing.T) {
	is := func(kind, name string, matches func(message any) bool) func(string, string, any) bool {
		return func(k, id string, m any) bool { return k == kind && strings.Contains(id, name) && matches(m) }
	}
	for name, fault := range map[string]struct {
		wants  func(kind, id string, message any) bool
		metric string
	}{
		"session": {func(kind, _ string, m any) bool {
			a, ok := m.(*session.Arrived)
			return kind == "session" && ok && a.Request.API.Name() == "Produce"
		}, ""},
		"partition at a produce": {is("partition", "/orders-0:", func(m any) bool { _, ok := m.(*messages.Produce); return ok }), `troupe_actor_restarts_total{kind="partition"} 1`},
		"partition at a write":   {is("partition", "/orders-0:", func(m any) bool { return strings.HasSuffix(fmt.Sprintf("%T", m), ".stored") }), `troupe_actor_restarts_total{kind="partition"} 1`},
		"partition at a fetch":   {is("partition", "/orders-1:", func(m any) bool { _, ok := m.(*messages.Fetch); return ok }), `troupe_actor_restarts_total{kind="partition"} 1`},
		"group":                  {is("group", "/group:readers", func(m any) bool { _, ok := m.(*messages.Coordinate); return ok }), `troupe_actor_restarts_total{kind="group"} 1`},
		"coordinator": {func(kind, _ string, m any) bool {
			_, ok := m.(*messages.Coordinate)
			return kind == "coordinator" && ok
		}, `troupe_actor_restarts_total{kind="coordinator"} 1`},
		"directory": {func(kind, _ string, m any) bool { _, ok := m.(*messages.Led); return kind == "directory" && ok }, `troupe_actor_restarts_total{kind="directory"} 1`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &saboteur{}
			n := troupetest.StartWith(t, supervisor.Options{Fault: s.fault}, "group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=3")
			ctx := testContext(t)
			c := client(t, n, byHand(), hasty())
			admin := kadm.NewClient(c)
			if _, err := admin.CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
				t.Fatal(err)
			}
			publish(t, c, "orders", 2, 0, 100)
			bystander := client(t, n, kgo.RequestRetries(0))
			if err := bystander.Ping(ctx); err != nil {
				t.Fatal(err)
			}
			s.strike(1, fault.wants)
			if name == "directory" { // it hears of a new leader
				if _, err := admin.CreateTopic(ctx, 1, 1, nil, "more"); err != nil {
					t.Logf("the topic whose creation was disturbed: %v", err)
				}
				publish(t, c, "more", 1, 0, 10)
			}
			publish(t, c, "orders", 2, 100, 100)
			readAll(t, n, "orders", 2, 200)
			readAll(t, n, "orders", 2, 200, kgo.ConsumerGroup("readers"))
			publish(t, c, "orders", 2, 200, 100)
			readAll(t, n, "orders", 2, 300)
			s.mu.Lock()
			left := s.left
			s.mu.Unlock()
			if left != 0 {
				t.Error("nothing was sabotaged")
			}
			if fault.metric != "" && !metric(t, n, fault.metric) {
				t.Errorf("the metrics lack %s", fault.metric)
			}
			for _, kind := range []string{"node", "directory", "partitions", "sessions", "partition", "coordinator", "controller", "group"} {
				if line := fmt.Sprintf("troupe_actor_restarts_total{kind=%q} ", kind); !strings.HasPrefix(fault.metric, line) && !metric(t, n, line+"0") {
					t.Errorf("an actor of kind %s was restarted too", kind)
				}
			}
			if err := bystander.Ping(ctx); err != nil {
				t.Errorf("another connection: %v", err)
			}
		})
	}
}

// A replica that comes back from a panic has the settings of now, not those with which it was first started.
func TestSettingsAfterAPanic(t *testing.T) {
	s := &saboteur{}
	n := troupetest.StartWith(t, supervisor.Options{Fault: s.fault}, "log.retention.check.interval.ms=20")
	ctx := testContext(t)
	c := client(t, n, byHand(), hasty())
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(ctx, 1, 1, map[string]*string{"retention.ms": kadm.StringPtr("1000")}, "orders"); err != nil {
		t.Fatal(err)
	}
	alter := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("604800000")}}
	if a, err := admin.AlterTopicConfigs(ctx, alter, "orders"); err != nil || a[0].Err != nil {
		t.Fatal(a, err)
	}
	var configured atomic.Bool // by now, or never again: the next messages come behind it
	s.strike(1, func(_, id string, m any) bool {
		_, ok := m.(*messages.Produce)
		return ok && configured.Load() && strings.Contains(id, "/orders-0:")
	})
	old := &kgo.Record{Topic: "orders", Value: []byte("old"), Timestamp: time.Now().Add(-time.Hour)}
	if err := c.ProduceSync(ctx, old).FirstErr(); err != nil {
		t.Fatal(err)
	}
	configured.Store(true)
	publish(t, c, "orders", 1, 0, 1)
	if !metric(t, n, `troupe_actor_restarts_total{kind="partition"} 1`) {
		t.Fatal("the replica did not panic")
	}
	// Twenty rounds of retention are enough: it looks every 20 ms.
	for deadline := time.Now().Add(400 * time.Millisecond); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		starts, err := admin.ListStartOffsets(ctx, "orders")
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := starts.Lookup("orders", 0); o.Offset != 0 {
			t.Fatalf("records were deleted by a setting of before: the log starts at %d", o.Offset)
		}
	}
}

// A partition that panics again and again is taken out of service; everything else goes on.
func TestPartitionThatAlwaysPanics(t *testing.T) {
	s := &saboteur{}
	n := troupetest.StartWith(t, supervisor.Options{Fault: s.fault})
	ctx := testContext(t)
	c := client(t, n, byHand())
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	s.strike(100, func(kind, id string, m any) bool {
		_, ok := m.(*messages.Produce)
		return ok && kind == "partition" && strings.Contains(id, "/orders-1:")
	})
	bad := client(t, n, byHand(), hasty())
	bad.Produce(ctx, &kgo.Record{Topic: "orders", Partition: 1, Value: []byte("x")}, nil)
	for deadline := time.Now().Add(30 * time.Second); !metric(t, n, `troupe_actors_failed{kind="partition"} 1`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the partition is not given up")
		}
	}
	for range 10 {
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: 0, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	a, err := http.Get("http://" + n.AdminAddr() + "/tree")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if b, err := io.ReadAll(a.Body); err != nil || !strings.Contains(string(b), `"state":"failed"`) || !strings.Contains(string(b), "sabotage") {
		t.Errorf("the tree does not show the failure: %v", err)
	}
	// With its topic it is gone for good, and a topic of that name is another one.
	s.strike(0, nil)
	if _, err := kadm.NewClient(c).DeleteTopic(ctx, "orders"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !metric(t, n, `troupe_actors_failed{kind="partition"} 0`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the failed partition of a deleted topic is still counted")
		}
	}
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	fresh := client(t, n, byHand())
	publish(t, fresh, "orders", 2, 0, 10)
	readAll(t, n, "orders", 2, 10)
}

// A partition that can't be read does not keep the node from serving the others.
func TestStartWithABrokenPartition(t *testing.T) {
	dir := "data.dir=" + t.TempDir()
	n := troupetest.Start(t, dir)
	c := client(t, n, byHand())
	if _, err := kadm.NewClient(c).CreateTopic(testContext(t), 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "orders", 1, 0, 10)
	c.Close()
	troupetest.Stop(t, n)
	s := &saboteur{}
	s.strike(1000, func(kind, id string, m any) bool { return kind == "partition" && strings.Contains(id, "/orders-1:") })
	n = troupetest.StartWith(t, supervisor.Options{Fault: s.fault}, dir)
	publish(t, client(t, n, byHand()), "orders", 1, 10, 10)
	if !metric(t, n, `troupe_actors_failed{kind="partition"} 1`) {
		t.Error("the broken partition is not shown")
	}
}
