// Package troupetest runs a troupe node inside a test, on free ports of the loopback and in a folder of the test's own:
//
//	addr := troupetest.Start(t).KafkaAddr()
//
// It imports supervisor, and nobody but tests imports it.
package troupetest

import (
	"context"
	"testing"
	"time"

	"github.com/go-kit/log"

	"troupe/supervisor"
)

// within is how long a node may take to come up or to end.
const within = time.Minute

// Start starts a node with settings given as NAME=VALUE, and ends it when the test does. Its log goes to the test's. Without data.dir
// among the settings the data folder is temporary.
func Start(t testing.TB, settings ...string) *supervisor.Node {
	t.Helper()
	return StartWith(t, supervisor.Options{}, settings...)
}

// StartWith is Start with further options; settings and a logger are filled in.
func StartWith(t testing.TB, o supervisor.Options, settings ...string) *supervisor.Node {
	t.Helper()
	set := append([]string{"data.dir=" + t.TempDir(), "listener.address=127.0.0.1:0", "admin.address=127.0.0.1:0"}, settings...)
	s, err := supervisor.LoadSettings("", nil, set)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	o.Settings, o.Logger = s, log.NewLogfmtLogger(output{t})
	n, err := supervisor.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Stop(t, n) })
	return n
}

// Stop ends a node in order. It may be called before the test ends, to start another node in the same folder.
func Stop(t testing.TB, n *supervisor.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		t.Error(err)
	}
}

// output writes to the test's log.
type output struct{ t testing.TB }

// Write logs one line.
func (o output) Write(line []byte) (int, error) {
	o.t.Logf("%s", line)
	return len(line), nil
}
