package config

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
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
		{Sources{Set: []string{"default.replication.factor=0"}}, []string{"default.replication.factor", "at least 1, or -1"}},
		{Sources{Set: []string{"offsets.topic.replication.factor=-2"}}, []string{"offsets.topic.replication.factor", "at least -1"}},
		{Sources{Set: []string{"node.id"}}, []string{"NAME=VALUE"}},
		{Sources{Set: []string{"log.dirs=/a,/b"}}, []string{"one folder"}},
		{Sources{Set: []string{"log.retention.hours=long"}}, []string{"log.retention.hours"}},
		{Sources{Set: []string{"log.retention.hours=99999999999999999"}}, []string{"log.retention.hours", "Not a number of type INT"}},
		{Sources{Set: []string{"log.retention.hour=1"}}, []string{"nearest known one is log.retention.hours"}},
		{Sources{Set: []string{"listener=x"}}, []string{"nearest known one is listeners"}},
		{Sources{Set: []string{"broker.id=0"}}, []string{"broker.id", "at least 1", "0 is kept"}},
		{Sources{Flags: []Flag{{"--node-id", "node.id", "abc"}}}, []string{"--node-id: ", "node.id"}},
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
	if s.Get("listener.address") != "127.0.0.1:9092" || s.Get("advertised.address") != "localhost:9092" || s.Get("data.dir") != "/tmp/kraft-combined-logs" || s.Int("log.retention.ms") != 168*3_600_000 {
		t.Errorf("%v", s.Static())
	}
	if !slices.ContainsFunc(s.Warnings, func(w string) bool {
		return strings.Contains(w, "listener.insecure=true") && strings.Contains(w, "server.properties")
	}) {
		t.Errorf("nothing says that only this machine is served: %q", s.Warnings)
	}
	if s, err = Load(Sources{File: file, Set: []string{"listener.insecure=true"}}); err != nil || s.Get("listener.address") != ":9092" {
		t.Errorf("open to all machines it is at %s, %v", s.Get("listener.address"), err)
	}
	if s, err = Load(Sources{File: file, Set: []string{"listener.address=127.0.0.1:0"}}); err != nil || s.Get("listener.address") != "127.0.0.1:0" || s.Get("advertised.address") != "" {
		t.Errorf("with an address of its own it is at %s, clients are told %q, %v", s.Get("listener.address"), s.Get("advertised.address"), err)
	}
}

func TestKafkasListeners(t *testing.T) {
	for _, c := range []struct {
		file                        string
		address, advertised, refuse string
		warning                     string
	}{
		{file: "listeners=PLAINTEXT://127.0.0.1:1", address: "127.0.0.1:1"},
		{file: "listeners=CTRL://127.0.0.1:1,PLAINTEXT://127.0.0.1:2\ncontroller.listener.names=CTRL", address: "127.0.0.1:2"},
		{file: "listeners=IN://127.0.0.1:1,OUT://127.0.0.1:2\nadvertised.listeners=OUT://b:2,IN://a:1\nlistener.security.protocol.map=in:plaintext,OUT:PLAINTEXT", address: "127.0.0.1:1", advertised: "a:1", warning: "OUT://127.0.0.1:2 is not served"},
		{file: "advertised.listeners=PLAINTEXT://a:1", address: "127.0.0.1:9092", advertised: "a:1"},
		{file: "listeners=PLAINTEXT://127.0.0.1:1\nlistener.address=127.0.0.1:3", address: "127.0.0.1:3"},
		{file: "listeners=SSL://127.0.0.1:1", refuse: "TLS and SASL are not there yet"},
		{file: "listeners=PLAINTEXT://127.0.0.1:1,SECURE://127.0.0.1:2\nlistener.security.protocol.map=SECURE:SASL_SSL,PLAINTEXT:PLAINTEXT", refuse: "SECURE://127.0.0.1:2 speaks SASL_SSL"},
		{file: "listeners=PLAINTEXT://127.0.0.1:1\nlistener.security.protocol.map=PLAINTEXT:SSL", refuse: "speaks SSL"},
		{file: "listeners=OTHER://127.0.0.1:1", refuse: "f, listeners: listener.security.protocol.map does not say what is spoken on OTHER"},
		{file: "listeners=CONTROLLER://127.0.0.1:1", refuse: "names no listener for clients"},
		{file: "listeners=127.0.0.1:1", refuse: "not NAME://HOST:PORT"},
		{file: "listeners=PLAINTEXT://127.0.0.1:1\nadvertised.listeners=SSL://a:1", refuse: "f, advertised.listeners"},
	} {
		s, err := Load(Sources{File: []byte(c.file), FileName: "f"})
		switch {
		case c.refuse != "":
			if err == nil || !strings.Contains(err.Error(), c.refuse) {
				t.Errorf("%s: %v lacks %q", c.file, err, c.refuse)
			}
		case err != nil:
			t.Errorf("%s: %v", c.file, err)
		case s.Get("listener.address") != c.address || s.Get("advertised.address") != c.advertised:
			t.Errorf("%s: served at %s, clients are told %q", c.file, s.Get("listener.address"), s.Get("advertised.address"))
		case !strings.Contains(strings.Join(s.Warnings, "\n"), c.warning) || c.warning == "" && len(s.Warnings) > 0:
			t.Errorf("%s: warnings %q lack %q", c.file, s.Warnings, c.warning)
		}
	}
}

// Within one source the more telling name wins, wherever it stands; a later source wins with whatever name.
func TestNamesOfOneSetting(t *testing.T) {
	for _, c := range []struct {
		from               Sources
		name, want, origin string
	}{
		{Sources{Environ: []string{"TROUPE_LOG_RETENTION_MS=1", "TROUPE_LOG_RETENTION_HOURS=1"}}, "log.retention.ms", "1", "environment variable TROUPE_LOG_RETENTION_MS"},
		{Sources{Environ: []string{"TROUPE_LOG_RETENTION_HOURS=1", "TROUPE_LOG_RETENTION_MINUTES=2"}}, "log.retention.ms", "120000", "environment variable TROUPE_LOG_RETENTION_MINUTES, log.retention.minutes"},
		{Sources{File: []byte("log.retention.ms=1"), Environ: []string{"TROUPE_LOG_RETENTION_HOURS=1"}}, "log.retention.ms", "3600000", "environment variable TROUPE_LOG_RETENTION_HOURS, log.retention.hours"},
		{Sources{File: []byte("log.dirs=a\nlog.dir=b"), FileName: "f"}, "data.dir", "a", "f, log.dirs"},
		{Sources{File: []byte("log.dir=b\nlog.dirs=a"), FileName: "f"}, "data.dir", "a", "f, log.dirs"},
		{Sources{File: []byte("broker.id=7"), FileName: "f"}, "node.id", "7", "f, broker.id"},
		{Sources{File: []byte("broker.id=7"), Flags: []Flag{{"--node-id", "node.id", "8"}}}, "node.id", "8", "--node-id"},
	} {
		s, err := Load(c.from)
		if err != nil {
			t.Errorf("%+v: %v", c.from, err)
			continue
		}
		if s.Get(c.name) != c.want || s.Origin(c.name) != c.origin || len(s.Warnings) > 0 {
			t.Errorf("%+v: %s is %s from %q, want %s from %q; warnings %q", c.from, c.name, s.Get(c.name), s.Origin(c.name), c.want, c.origin, s.Warnings)
		}
	}
}

// A number of milliseconds or minutes that no time.Duration holds does not turn negative.
func TestLongestTimes(t *testing.T) {
	s, err := Load(Sources{Set: []string{"connections.max.idle.ms=9223372036854775807", "log.retention.check.interval.ms=9223372036854775807", "offsets.retention.minutes=2147483647"}})
	if err != nil {
		t.Fatal(err)
	}
	if idle, kept := s.Millis("connections.max.idle.ms"), s.Minutes("offsets.retention.minutes"); idle != math.MaxInt64 || kept != math.MaxInt64 {
		t.Errorf("idle %s, kept %s", idle, kept)
	}
	if s, err = Load(Sources{Set: []string{"connections.max.idle.ms=-1"}}); err != nil || s.Millis("connections.max.idle.ms") != -time.Millisecond {
		t.Error(s.Millis("connections.max.idle.ms"), err)
	}
}

func TestWith(t *testing.T) {
	s, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	seven := s.With("node.id", "7", "the data folder")
	if s.IsSet("node.id") || seven.Get("node.id") != "7" || seven.With("node.id", "8", "elsewhere") != seven {
		t.Errorf("%v became %v", s.Static(), seven.Static())
	}
}

// A bound is written with all its digits.
func TestBounds(t *testing.T) {
	if got := formatBound(1 << 62); got != "4611686018427387904" {
		t.Error(got)
	}
	if got := formatBound(0.5); got != "0.5" {
		t.Error(got)
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
