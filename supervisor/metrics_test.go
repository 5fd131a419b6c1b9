package supervisor_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"troupe/supervisor/troupetest"
)

// Whatever clients call things, the metrics can be read; and those to rely on are there before the first event.
func TestMetrics(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n, byHand())
	ctx := testContext(t)
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "orders", 1, 0, 10)
	for _, group := range []string{"bad\xffname", "bad\xfename"} {
		if err := kadm.NewClient(c).CommitAllOffsets(ctx, group, kadm.Offsets{"orders": {0: kadm.Offset{Topic: "orders", At: 4}}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		`troupe_group_lag_records{group="bad\\xffname",partition="0",topic="orders"} 6`,
		`troupe_group_lag_records{group="bad\\xfename",partition="0",topic="orders"} 6`,
		"troupe_group_lag_left_out 0",
		`troupe_requests_total{api="InitProducerId",error="NONE"} 1`,
	} {
		if !metric(t, n, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	for _, kind := range []string{"node", "directory", "partitions", "partition", "coordinator", "controller", "group", "sessions", "session"} {
		for _, name := range []string{"troupe_actor_restarts_total", "troupe_actors_failed"} {
			if line := name + `{kind="` + kind + `"} 0`; !metric(t, n, line) {
				t.Errorf("the metrics lack %s", line)
			}
		}
	}
}
