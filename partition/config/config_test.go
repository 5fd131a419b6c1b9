package config

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, p := range append(TopicProperties(), BrokerProperties()...) {
		if p.Default == "" {
			continue
		}
		if err := p.Check(p.Name, p.Default); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryPropertyIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]Property{shared, broker} {
		for _, p := range list {
			if p.Doc == "" || !strings.HasSuffix(p.Documentation(), ".") {
				t.Errorf("%s%s: %q is no documentation", p.Name, p.Topic, p.Doc)
			}
			for _, name := range []string{p.Name, "topic " + p.Topic} {
				if name != "" && name != "topic " && seen[name] {
					t.Errorf("%s stands in the table twice", name)
				}
				seen[name] = true
			}
		}
	}
}

func TestCheckTopic(t *testing.T) {
	for _, c := range []struct {
		name, value string
		internal    bool
		want        string // part of the error, empty for none
	}{
		{"retention.ms", "-1", false, ""},
		{"retention.ms", "-2", false, "at least -1"},
		{"retention.ms", "soon", false, "Not a number"},
		{"segment.bytes", "3000000000", false, "Not a number of type INT"},
		{"segment.bytes", "100", false, "at least 1048576"},
		{"min.insync.replicas", "0", false, "at least 1"},
		{"cleanup.policy", "delete", false, ""},
		{"cleanup.policy", "compact", false, "can't be compacted yet"},
		{"cleanup.policy", "compact,delete", false, "can't be compacted yet"},
		{"cleanup.policy", "compact", true, ""},
		{"cleanup.policy", "shred", false, "one of: compact, delete"},
		{"unclean.leader.election.enable", "TRUE", false, "never elected"},
		{"unclean.leader.election.enable", "false", false, ""},
		{"preallocate", "maybe", false, "true or false"},
		{"message.timestamp.type", "LogAppendTime", false, ""},
		{"retentoin.ms", "1", false, "nearest known one is retention.ms"},
		{"min.cleanable.dirty.ratio", "1.5", false, "no more than 1"},
		{"compression.gzip.level", "-1", false, ""},
		{"compression.gzip.level", "0", false, "between 1 and 9 or equal to -1"},
		{"compression.lz4.level", "18", false, "no more than 17"},
		{"compression.zstd.level", "-5", false, ""},
		{"leader.replication.throttled.replicas", "*", false, ""},
		{"leader.replication.throttled.replicas", "0:1, 1:2", false, ""},
		{"leader.replication.throttled.replicas", "none", false, "must be the literal '*'"},
		{"follower.replication.throttled.replicas", "*,0:1", false, "must be the literal '*'"},
		{"max.compaction.lag.ms", "10", false, ""},
	} {
		err := CheckTopic(map[string]string{c.name: c.value}, c.internal)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

// What can't be told from one setting alone.
func TestCheckTopicTogether(t *testing.T) {
	err := CheckTopic(map[string]string{"min.compaction.lag.ms": "100", "max.compaction.lag.ms": "10"}, false)
	if err == nil || err.Error() != "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (10)" {
		t.Errorf("error %v", err)
	}
}

func TestCheckBroker(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"log.retention.ms", "7", ""},
		{"log.retention.ms", "soon", "Not a number of type LONG"},
		{"num.partitions", "7", "Cannot update these configs dynamically: [num.partitions]"},
		{"log.retention.hours", "7", "Cannot update these configs dynamically: [log.retention.hours]"},
		{"listeners", "x", "Cannot update these configs dynamically: [listeners]"},
		{"process.roles", "broker", "Cannot update these configs dynamically: [process.roles]"},
		{"num.io.threads", "4", ""},
		{"leader.replication.throttled.rate", "1000", ""},
		{"num.io.thread", "4", "Unknown broker config name: num.io.thread"},
	} {
		err := CheckBroker(map[string]string{c.name: c.value})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestResolveTopic(t *testing.T) {
	own := map[string]string{"retention.ms": "1000", "message.timestamp.type": "LogAppendTime"}
	running := map[string]string{"log.retention.bytes": "77", "log.retention.ms": "5"}
	atStart := map[string]string{"message.max.bytes": "500", "log.retention.bytes": "88"}
	got := ResolveTopic(own, running, atStart)
	if got.RetentionMillis != 1000 || !got.LogAppendTime || got.RetentionBytes != 77 || got.MessageBytesMax != 500 || got.SegmentBytes != 1<<30 {
		t.Errorf("%+v", got)
	}
}

func TestLoad(t *testing.T) {
	s, err := Load(Sources{
		File:     []byte("# a comment\nlog.retention.hours=1\nlog.retention.minutes = 2\nnum.partitions=3\nzookeeper.connect=x:2181\nlisteners=CONTROLLER://:9093,PLAINTEXT://127.0.0.1:19092\nlog.dirs=/tmp/a\n"),
		FileName: "server.properties",
		Environ:  []string{"HOME=/root", "TROUPE_NUM_PARTITIONS=4", "TROUPE_LOG_FORMAT=json"},
		Set:      []string{"num.partitions=5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"num.partitions": "5", "log.format": "json", "listener.address": "127.0.0.1:19092", "data.dir": "/tmp/a", "log.retention.ms": "120000", "node.id": "1",
	} {
		if got := s.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "zookeeper.connect") {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		from Sources
		want []string
	}{
		{Sources{File: []byte("num.partition=1"), FileName: "f"}, []string{"f", "num.partition;", "num.partitions"}},
		{Sources{Environ: []string{"TROUPE_NODE_ID=zero"}}, []string{"TROUPE_NODE_ID", "Not a number"}},
		{Sources{Environ: []string{"TROUPE_NOD_ID=1"}}, []string{"TROUPE_NOD_ID", "node.id"}},
		{Sources{Set: []string{"offsets.topic.num.partitions=10000"}}, []string{"no more than 9999"}},
		{Sources{Set: []string{"node.id=0"}}, []string{"--set", "node.id", "at least 1"}},
		{Sources{Set: []string{"node.id"}}, []string{"NAME=VALUE"}},
		{Sources{Set: []string{"log.dirs=/a,/b"}}, []string{"one folder"}},
		{Sources{Set: []string{"log.retention.hours=long"}}, []string{"log.retention.hours"}},
	} {
		_, err := Load(c.from)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v lacks %q", c.from, err, want)
			}
		}
	}
	var e *Error
	if _, err := Load(Sources{Set: []string{"node.id=0"}}); !errors.As(err, &e) || e.Name != "node.id" {
		t.Errorf("%v is no *Error", err)
	}
}

// The file that Kafka is shipped with loads as it is.
func TestKafkasOwnFileLoads(t *testing.T) {
	file, err := os.ReadFile("testdata/server.properties")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(Sources{File: file, FileName: "server.properties"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Get("listener.address") != ":9092" || s.Get("data.dir") != "/tmp/kraft-combined-logs" || s.Int("log.retention.ms") != 168*3_600_000 {
		t.Errorf("%v", s.Static())
	}
}

func TestAlter(t *testing.T) {
	p := TopicProperty("cleanup.policy")
	for _, c := range []struct {
		have  map[string]string
		op    Op
		value string
		want  string
	}{
		{nil, Set, "delete", "delete"},
		{nil, Append, "compact", "delete,compact"},
		{map[string]string{p.Topic: "delete,compact"}, Append, "delete", "delete,compact"},
		{map[string]string{p.Topic: "compact,delete"}, Subtract, "compact", "delete"},
		{map[string]string{p.Topic: "x"}, Delete, "", ""},
	} {
		got, err := Alter(c.have, p, p.Topic, c.op, c.value)
		if err != nil || got[p.Topic] != c.want {
			t.Errorf("%v op %d %q: %v, %v", c.have, c.op, c.value, got, err)
		}
	}
	for op, want := range map[Op]string{
		Append: "Can't APPEND to key segment.ms because its type is not LIST.", Subtract: "Can't SUBTRACT to key segment.ms because its type is not LIST.",
	} {
		if _, err := Alter(nil, TopicProperty("segment.ms"), "segment.ms", op, "1"); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestDescribeTopic(t *testing.T) {
	entries := DescribeTopic(map[string]string{"retention.ms": "9"}, Layers{Static: map[string]string{"log.retention.ms": "8"}})
	for _, e := range entries {
		switch e.Name {
		case "retention.ms":
			if *e.Value != "9" || e.Source != TopicSource || len(e.Synonyms) != 2 || *e.Synonyms[1].Value != "8" || e.Synonyms[1].Name != "log.retention.ms" || e.Synonyms[1].Source != StaticSource {
				t.Errorf("%+v", e)
			}
		case "max.message.bytes":
			if *e.Value != "1048588" || e.Source != DefaultSource || len(e.Synonyms) != 1 || e.Synonyms[0].Name != "message.max.bytes" {
				t.Errorf("%+v", e)
			}
		case "segment.ms": // the broker's stands for nothing until it is set
			if *e.Value != "604800000" || e.Source != DefaultSource || len(e.Synonyms) != 0 {
				t.Errorf("%+v", e)
			}
		case "local.retention.ms":
			if *e.Value != "-2" || len(e.Synonyms) != 1 || e.Synonyms[0].Name != "log.local.retention.ms" {
				t.Errorf("%+v", e)
			}
		case "remote.storage.enable": // the broker has none
			if *e.Value != "false" || len(e.Synonyms) != 0 {
				t.Errorf("%+v", e)
			}
		}
	}
}

func TestDescribeBroker(t *testing.T) {
	got := map[string]Entry{}
	for _, e := range DescribeBroker(Layers{
		DefaultBroker: map[string]string{"max.connections": "6", "num.io.threads": "3"}, Static: map[string]string{"log.retention.ms": "7200000", "broker.rack": "r1"},
	}) {
		if _, ok := got[e.Name]; ok {
			t.Errorf("%s stands there twice", e.Name)
		}
		got[e.Name] = e
	}
	for _, want := range []struct {
		name, value string // empty for null
		source      Source
		readOnly    bool
		synonyms    int
	}{
		{"max.connections", "6", DefaultBrokerSource, false, 2},
		{"num.partitions", "1", DefaultSource, true, 1},
		{"num.io.threads", "3", DefaultBrokerSource, false, 1},
		{"broker.rack", "r1", StaticSource, true, 1},
		{"advertised.address", "", DefaultSource, true, 0},
		{"log.retention.ms", "7200000", StaticSource, false, 1},
		{"log.retention.minutes", "120", StaticSource, true, 1},
		{"log.retention.hours", "2", StaticSource, true, 2},
		{"log.roll.ms", "", DefaultSource, false, 0},
		{"log.roll.hours", "168", DefaultSource, true, 1},
	} {
		e, ok := got[want.name]
		value := ""
		if e.Value != nil {
			value = *e.Value
		}
		if !ok || value != want.value || (e.Value == nil) != (want.value == "") || e.Source != want.source || e.ReadOnly != want.readOnly || len(e.Synonyms) != want.synonyms {
			t.Errorf("%s: %q %+v", want.name, value, e)
		}
	}
	if _, ok := got["num.network.threads"]; ok {
		t.Error("a setting without a meaning here is shown though nobody has made it")
	}
}
