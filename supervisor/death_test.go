package supervisor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var errDisk = errors.New("the disk is broken")

// A node whose disk fails stops its service with a reason, and acknowledges nothing any more.
func TestDeadStore(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileWrite) && strings.HasSuffix(op.Path, ".log") {
			return errDisk
		}
		return nil
	}))
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
