package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/twmb/franz-go/pkg/kadm"

	"troupe/actors/messages"
	"troupe/supervisor"
	"troupe/supervisor/troupetest"
)

// A node that can't read its metadata says so and does not start, instead of waiting for ever.
func TestStartWithBrokenMetadata(t *testing.T) {
	s, err := supervisor.LoadSettings("", nil, []string{"data.dir=" + t.TempDir(), "listener.address=127.0.0.1:0", "admin.address=127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	broken := &saboteur{}
	broken.strike(1000, func(kind, id string, m any) bool {
		return kind == "partition" && strings.Contains(id, "/__cluster_metadata-0:") && strings.HasSuffix(fmt.Sprintf("%T", m), ".loaded")
	})
	n, err := supervisor.Start(testContext(t), supervisor.Options{Settings: s, Logger: log.NewNopLogger(), Fault: broken.fault})
	if err == nil {
		troupetest.Stop(t, n)
	}
	if err == nil || !strings.Contains(err.Error(), "__cluster_metadata-0") || !strings.Contains(err.Error(), "sabotage") {
		t.Errorf("it started with %v", err)
	}
}

// Without its directory a node knows nothing: it ends.
func TestEndWithoutDirectory(t *testing.T) {
	s, err := supervisor.LoadSettings("", nil, []string{"data.dir=" + t.TempDir(), "listener.address=127.0.0.1:0", "admin.address=127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	broken := &saboteur{}
	n, err := supervisor.Start(testContext(t), supervisor.Options{Settings: s, Logger: log.NewNopLogger(), Fault: broken.fault})
	if err != nil {
		t.Fatal(err)
	}
	broken.strike(1000, func(kind, _ string, m any) bool {
		_, ok := m.(*messages.Led)
		return ok && kind == "directory"
	})
	ctx := testContext(t)
	go func() { // each leader is announced again after a panic
		_, _ = kadm.NewClient(client(t, n)).CreateTopic(ctx, 1, 1, nil, "orders") // nobody answers
	}()
	select {
	case <-n.Done():
	case <-ctx.Done():
		t.Fatal("the node goes on")
	}
	if err := n.Err(); !strings.Contains(fmt.Sprint(err), "/directory failed") || !strings.Contains(fmt.Sprint(err), "sabotage") {
		t.Errorf("it ended because of %v", err)
	}
	if err := n.Drain(ctx); err == nil {
		t.Error("it is drained as if nothing were wrong")
	}
}

// A node that ends says so to who asks whether it serves, while it still answers its clients.
func TestNotReadyWhileDraining(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	n := troupetest.StartWith(t, supervisor.Options{Fault: func(kind, _ string, m any) {
		if kind == "sessions" && strings.HasSuffix(fmt.Sprintf("%T", m), ".drain") {
			close(reached)
			<-release
		}
	}})
	if err := client(t, n).Ping(testContext(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- n.Drain(ctx) }()
	<-reached
	a, err := http.Get("http://" + n.AdminAddr() + "/readyz")
	close(release)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if b, err := io.ReadAll(a.Body); err != nil || a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), "draining") {
		t.Errorf("readyz says %d %s", a.StatusCode, b)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// The folder knows whose it is.
func TestNodeOfTheFolder(t *testing.T) {
	dir := "data.dir=" + t.TempDir()
	troupetest.Stop(t, troupetest.Start(t, dir, "node.id=7"))
	n := troupetest.Start(t, dir)
	if n.NodeID() != 7 {
		t.Errorf("node %d", n.NodeID())
	}
	configs, err := kadm.NewClient(client(t, n)).DescribeBrokerConfigs(testContext(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs[0].Configs {
		if c.Key == "node.id" && (c.Value == nil || *c.Value != "7") {
			t.Errorf("it is described as %+v", c)
		}
	}
}
