package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

var errDisk = errors.New("the disk is broken")

// breakable is a disk that takes no more once it is broken.
func breakable(broken *atomic.Bool) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileWrite) && strings.HasSuffix(op.Path, ".log") {
			return errDisk
		}
		return nil
	}))
}

// A node whose disk fails stops its service with a reason, and acknowledges nothing any more.
func TestDeadStore(t *testing.T) {
	var broken atomic.Bool
	fs := breakable(&broken)
	s, err := LoadSettings("", nil, []string{"data.dir=data", "listener.address=127.0.0.1:0", "admin.address=127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := startOn(ctx, Options{Settings: s}, fs)
	if err != nil {
		t.Fatal(err)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(n.KafkaAddr()), kgo.DefaultProduceTopic("orders"), kgo.DisableIdempotentWrite(), kgo.RecordDeliveryTimeout(3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(ctx, kgo.StringRecord("while it works")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if err := c.ProduceSync(ctx, kgo.StringRecord("afterwards")).FirstErr(); err == nil {
		t.Error("a record is acknowledged that the disk has not taken")
	}
	select {
	case <-n.Done():
	case <-ctx.Done():
		t.Fatal("the node goes on")
	}
	if err := n.Err(); !errors.Is(err, ErrStoreDead) || !strings.Contains(err.Error(), errDisk.Error()) {
		t.Errorf("it ended because of %v", err)
	}
	a, err := http.Get("http://" + n.AdminAddr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if b, _ := io.ReadAll(a.Body); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), errDisk.Error()) {
		t.Errorf("healthz says %d %s", a.StatusCode, b)
	}
	if err := n.Drain(ctx); !errors.Is(err, ErrStoreDead) {
		t.Errorf("drained with %v", err)
	}
}

// A trio are three nodes of a cluster in one process, of which the first has founded it. Each has a disk that can break.
type trio struct {
	nodes  [3]*Node
	broken [3]atomic.Bool
}

func startTrio(t *testing.T, ctx context.Context) *trio {
	t.Helper()
	c := &trio{}
	for i := range c.nodes {
		set := []string{"data.dir=data", fmt.Sprint("node.id=", i+1), "listener.address=127.0.0.1:0", "admin.address=127.0.0.1:0", "link.address=127.0.0.1:0"}
		if i > 0 {
			set = append(set, "seeds="+c.nodes[0].links.Addr().String())
		}
		s, err := LoadSettings("", nil, set)
		if err != nil {
			t.Fatal(err)
		}
		n, err := startOn(ctx, Options{Settings: s}, breakable(&c.broken[i]))
		if err != nil {
			t.Fatal(err)
		}
		c.nodes[i] = n
		t.Cleanup(func() { _ = n.Drain(ctx) })
	}
	return c
}

func (c *trio) view(i int) *messages.View { return c.nodes[i].tree.router.View() }

// until waits until a condition holds.
func until(t *testing.T, ctx context.Context, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A node of three whose disk fails is fenced without a time-out, be it the controller or not, and others lead what it led.
func TestDeadStoreIsFencedAtOnce(t *testing.T) {
	for broken, name := range []string{"the controller's", "another's"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := startTrio(t, ctx)
			client, err := kgo.NewClient(kgo.SeedBrokers(c.nodes[0].KafkaAddr(), c.nodes[1].KafkaAddr(), c.nodes[2].KafkaAddr()), kgo.DefaultProduceTopic("orders"), kgo.MetadataMinAge(20*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			q := kmsg.NewPtrCreateTopicsRequest()
			topic := kmsg.NewCreateTopicsRequestTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", -1, -1
			topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{int32(broken + 1), 3, int32(2 - broken)}}}
			q.Topics = append(q.Topics, topic)
			if a, err := q.RequestWith(ctx, client); err != nil || a.Topics[0].ErrorCode != 0 {
				t.Fatal(a, err)
			}
			leader := func() kafka.BrokerID {
				view := c.view(2)
				if p := view.Image.Partition(kafka.TopicPartition{Topic: "orders"}); p != nil {
					if l, ok := view.LeaderOf(p.Number); ok && len(l.InSync) > 1 {
						return l.Broker
					}
				}
				return kafka.NoBroker
			}
			until(t, ctx, "it leads what is written, and three nodes vote", func() bool {
				l, _ := c.view(2).Controller()
				return leader() == kafka.BrokerID(broken+1) && l.Broker == 1 && len(l.Voters) == 3 && len(l.InSync) == 3
			})
			if err := client.ProduceSync(ctx, kgo.StringRecord("while it works")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			c.broken[broken].Store(true)
			began := time.Now()
			node := c.nodes[broken]
			go func() { // as whoever runs a node does
				<-node.Done()
				_ = node.Drain(ctx)
			}()
			if err := client.ProduceSync(ctx, kgo.StringRecord("afterwards")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			others := []int{1 - broken, 2}
			until(t, ctx, "it is fenced", func() bool {
				return !slices.ContainsFunc(others, func(i int) bool { return !c.view(i).Image.Broker(kafka.BrokerID(broken + 1)).Fenced })
			})
			if took := time.Since(began); took >= fenceAfter {
				t.Errorf("it was fenced after %v, as one that is silent", took)
			}
			if l := leader(); l == kafka.BrokerID(broken+1) {
				t.Errorf("node %d leads still", l)
			}
		})
	}
}
