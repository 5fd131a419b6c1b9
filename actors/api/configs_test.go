package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
)

// Settings are altered by the time of the answer: the node's view has them.
func TestAlterConfigsWaitsForTheView(t *testing.T) {
	for _, q := range []kmsg.Request{kmsg.NewPtrAlterConfigsRequest(), kmsg.NewPtrIncrementalAlterConfigsRequest()} {
		b := newBench(t, nil)
		r := b.send(q)
		b.reply(next[*messages.Coordinate](b).Reply, q.ResponseKind(), nil)
		wait := next[*messages.AwaitLeaders](b)
		if response[kmsg.Response](b, r) != nil {
			t.Errorf("%T was answered before the view has what was altered", q)
		}
		b.reply(wait.Reply, nil, nil)
		if response[kmsg.Response](b, r) == nil {
			t.Errorf("%T is not answered", q)
		}
	}
}

func TestDescribeConfigs(t *testing.T) {
	b := newBench(t, nil)
	describe := func(kind kmsg.ConfigResourceType, name string, settings []string) kmsg.DescribeConfigsResponseResource {
		t.Helper()
		q := kmsg.NewPtrDescribeConfigsRequest()
		q.Version = 4
		q.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kind, ResourceName: name, ConfigNames: settings}}
		return response[*kmsg.DescribeConfigsResponse](b, b.send(q)).Resources[0]
	}
	for _, c := range []struct {
		kind     kmsg.ConfigResourceType
		name     string
		settings []string
		want     int16
		some     bool // settings are told
	}{
		{kmsg.ConfigResourceTypeTopic, "orders", nil, 0, true},
		{kmsg.ConfigResourceTypeTopic, "orders", []string{}, 0, true}, // as null does, it means all
		{kmsg.ConfigResourceTypeTopic, "none", nil, kerr.UnknownTopicOrPartition.Code, false},
		{kmsg.ConfigResourceTypeTopic, "bad name", nil, kerr.InvalidTopicException.Code, false},
		{kmsg.ConfigResourceTypeBroker, "1", []string{"node.id"}, 0, true},
		{kmsg.ConfigResourceTypeBroker, "7", nil, kerr.InvalidRequest.Code, false},
		{kmsg.ConfigResourceTypeBroker, "one", nil, kerr.InvalidRequest.Code, false},
		{kmsg.ConfigResourceTypeBroker, "", nil, 0, false},
		{kmsg.ConfigResourceTypeBrokerLogger, "1", nil, 0, false},
		{kmsg.ConfigResourceTypeBrokerLogger, "7", nil, kerr.InvalidRequest.Code, false},
		{kmsg.ConfigResourceTypeBrokerLogger, "", nil, kerr.InvalidRequest.Code, false},
		{kmsg.ConfigResourceTypeGroupConfig, "g", nil, 0, false},
		{kmsg.ConfigResourceTypeGroupConfig, "", nil, kerr.InvalidRequest.Code, false},
		{kmsg.ConfigResourceTypeClientMetrics, "m", nil, 0, false},
		{kmsg.ConfigResourceTypeClientMetrics, "", nil, kerr.InvalidRequest.Code, false},
		{99, "x", nil, kerr.InvalidRequest.Code, false},
	} {
		if a := describe(c.kind, c.name, c.settings); a.ErrorCode != c.want || len(a.Configs) > 0 != c.some {
			t.Errorf("%v %q: %+v", c.kind, c.name, a)
		}
	}
}
