package metadata

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

func TestAlterConfigs(t *testing.T) {
	l := newLab(t, 1)
	l.create(topic("a", 1, "retention.ms", "5"))
	incremental := func(kind kmsg.ConfigResourceType, name string, ops ...kmsg.IncrementalAlterConfigsRequestResourceConfig) int16 {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kind, ResourceName: name, Configs: ops}}
		response, _, _ := l.ask(r)
		return response.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode
	}
	op := func(name string, op kmsg.IncrementalAlterConfigOp, value string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
		return kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Op: op, Value: &value}
	}
	for _, test := range []struct {
		name string
		got  int16
		want int16
	}{
		{"set", incremental(2, "a", op("segment.bytes", 0, " 1048576 ")), 0},
		{"together or not at all", incremental(2, "a", op("segment.bytes", 1, ""), op("retention.ms", 0, "x")), kerr.InvalidConfig.Code},
		{"append to a number", incremental(2, "a", op("segment.bytes", 2, "1")), kerr.InvalidConfig.Code},
		{"no such topic", incremental(2, "b", op("segment.bytes", 0, "1048576")), kerr.UnknownTopicOrPartition.Code},
		{"a broker", incremental(4, "1", op("log.retention.ms", 0, "7")), 0},
		{"all brokers", incremental(4, "", op("log.retention.ms", 0, "8")), 0},
		{"no such broker", incremental(4, "2", op("log.retention.ms", 0, "7")), kerr.InvalidRequest.Code},
		{"a static setting", incremental(4, "", op("listeners", 0, "x")), kerr.InvalidRequest.Code},
		{"a broker's bad value", incremental(4, "1", op("log.retention.ms", 0, "soon")), kerr.InvalidRequest.Code},
		{"a broker that is no number", incremental(4, "one", op("log.retention.ms", 0, "7")), kerr.InvalidRequest.Code},
		{"a setting of Kafka's", incremental(4, "1", op("num.io.threads", 0, "7")), 0},
		{"no topic has that name", incremental(2, "bad name", op("segment.bytes", 0, "1048576")), kerr.InvalidTopicException.Code},
		{"all topics", incremental(2, "", op("segment.bytes", 0, "1048576")), kerr.InvalidRequest.Code},
		{"a resource without settings", incremental(8, "x", op("a", 0, "b")), kerr.InvalidRequest.Code},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.name, kafka.CodeName(test.got), kafka.CodeName(test.want))
		}
	}
	l.restart()
	if got, want := l.c.image.Config(Resource{TopicResource, "a"}), map[string]string{"retention.ms": "5", "segment.bytes": "1048576"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	whole := kmsg.NewPtrAlterConfigsRequest()
	value := "9"
	whole.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "a", Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}}}}
	l.ask(whole)
	if got, want := l.c.image.Config(Resource{TopicResource, "a"}), map[string]string{"retention.ms": "9"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What one request says twice of a resource's settings is not done at all.
func TestAlterConfigsTwice(t *testing.T) {
	l := newLab(t, 1)
	l.create(topic("a", 1, "retention.ms", "5"))
	one, two := "1", "2"
	set := func(name string, value *string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
		return kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Value: value}
	}
	put := func(name string, value *string) kmsg.AlterConfigsRequestResourceConfig {
		return kmsg.AlterConfigsRequestResourceConfig{Name: name, Value: value}
	}
	incremental := func(resources ...[]kmsg.IncrementalAlterConfigsRequestResourceConfig) kmsg.Request {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		for _, configs := range resources {
			r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: 2, ResourceName: "a", Configs: configs})
		}
		return r
	}
	whole := func(resources ...[]kmsg.AlterConfigsRequestResourceConfig) kmsg.Request {
		r := kmsg.NewPtrAlterConfigsRequest()
		for _, configs := range resources {
			r.Resources = append(r.Resources, kmsg.AlterConfigsRequestResource{ResourceType: 2, ResourceName: "a", Configs: configs})
		}
		return r
	}
	type inc = []kmsg.IncrementalAlterConfigsRequestResourceConfig
	type alt = []kmsg.AlterConfigsRequestResourceConfig
	for name, r := range map[string]kmsg.Request{
		"a key, incrementally":      incremental(inc{set("segment.ms", &one), set("segment.ms", &two)}),
		"a resource, incrementally": incremental(inc{set("segment.ms", &one)}, inc{set("retention.ms", &two)}),
		"a key":                     whole(alt{put("segment.ms", &one), put("segment.ms", &two)}),
		"a resource":                whole(alt{put("segment.ms", &one)}, alt{put("retention.ms", &two)}),
	} {
		response, _, wrote := l.ask(r)
		var codes []int16
		switch response := response.(type) {
		case *kmsg.IncrementalAlterConfigsResponse:
			for _, a := range response.Resources {
				codes = append(codes, a.ErrorCode)
			}
		case *kmsg.AlterConfigsResponse:
			for _, a := range response.Resources {
				codes = append(codes, a.ErrorCode)
			}
		}
		if wrote || slices.ContainsFunc(codes, func(code int16) bool { return code != kerr.InvalidRequest.Code }) {
			t.Errorf("%s twice: %v, wrote: %v", name, codes, wrote)
		}
	}
}

// Who knows the cluster by one address sees a broker 0, and is told why it has no settings of its own.
func TestAlterConfigsOfTheOneAddress(t *testing.T) {
	l := newLab(t, 1)
	value := "7"
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 4, ResourceName: "0", Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "log.retention.ms", Value: &value}}}}
	response, _, _ := l.ask(r)
	a := response.(*kmsg.IncrementalAlterConfigsResponse).Resources[0]
	if a.ErrorCode != kerr.InvalidRequest.Code || a.ErrorMessage == nil || !strings.Contains(*a.ErrorMessage, "advertise.single") {
		t.Errorf("%+v", a)
	}
}
