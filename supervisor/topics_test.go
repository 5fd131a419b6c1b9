package supervisor_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/supervisor/troupetest"
)

// What a client asks after CreateTopics and DeleteTopics were answered is so.
func TestTopicsAreThereOnceTheyAreAnswered(t *testing.T) {
	n := troupetest.Start(t)
	c := client(t, n)
	admin, ctx := kadm.NewClient(c), testContext(t)
	for i := range 20 {
		name := fmt.Sprint("topic-", i)
		if _, err := admin.CreateTopic(ctx, 4, 1, nil, name); err != nil {
			t.Fatal(err)
		}
		q := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		q.Topics = append(q.Topics, topic)
		ask := func() kmsg.MetadataResponseTopic {
			a, err := q.RequestWith(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			return a.Topics[0]
		}
		got := ask()
		if got.ErrorCode != 0 || len(got.Partitions) != 4 {
			t.Fatalf("%s: %+v", name, got)
		}
		for _, p := range got.Partitions {
			if p.Leader != 1 || p.ErrorCode != 0 {
				t.Errorf("%s: partition %d has no leader: %+v", name, p.Partition, p)
			}
		}
		if i%2 == 0 {
			continue
		}
		if _, err := admin.DeleteTopic(ctx, name); err != nil {
			t.Fatal(err)
		}
		if got := ask(); got.ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("%s is still there: %+v", name, got)
		}
	}
}

// A topic that is deleted and made again begins anew.
func TestTopicOfTheSameName(t *testing.T) {
	n := troupetest.Start(t)
	ctx := testContext(t)
	for round := range 5 {
		c := client(t, n, byHand())
		admin := kadm.NewClient(c)
		if _, err := admin.CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		publish(t, c, "orders", 2, 0, 100+round)
		readAll(t, n, "orders", 2, 100+round)
		if _, err := admin.DeleteTopic(ctx, "orders"); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

// The metadata's log is no topic: nobody makes one of its name, and the node starts again whatever was tried.
func TestMetadataLogIsNoTopic(t *testing.T) {
	dir := "data.dir=" + t.TempDir()
	n := troupetest.Start(t, dir)
	c, ctx := client(t, n), testContext(t)
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, "__cluster_metadata"); !errors.Is(err, kerr.InvalidRequest) {
		t.Errorf("error %v", err)
	}
	q := kmsg.NewPtrMetadataRequest()
	q.AllowAutoTopicCreation = true
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("__cluster_metadata")
	q.Topics = append(q.Topics, topic)
	a, err := q.RequestWith(ctx, c)
	if err != nil || a.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v, error %v", a, err)
	}
	c.Close()
	troupetest.Stop(t, n)
	troupetest.Start(t, dir)
}

// What a client asks after IncrementalAlterConfigs was answered is so.
func TestSettingsAreThereOnceTheyAreAnswered(t *testing.T) {
	n := troupetest.Start(t)
	admin, other, ctx := kadm.NewClient(client(t, n)), kadm.NewClient(client(t, n)), testContext(t)
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		want := fmt.Sprint(100_000 + i)
		if _, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &want}}, "orders"); err != nil {
			t.Fatal(err)
		}
		configs, err := other.DescribeTopicConfigs(ctx, "orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range configs[0].Configs {
			if c.Key == "retention.ms" && c.MaybeValue() != want {
				t.Fatalf("retention.ms is %s, want %s", c.MaybeValue(), want)
			}
		}
	}
}
