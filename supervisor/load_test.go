package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(file, []byte("node.id=3\nlog.retention.hours=2\nnum.partitions=4\nprocess.roles=broker\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSettings(file, []string{"TROUPE_NUM_PARTITIONS=5", "TROUPE_NODE_ID=4", "PATH=/bin"}, []string{"node.id=5"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"node.id": "5", "num.partitions": "5", "log.retention.ms": "7200000", "admin.address": "127.0.0.1:9644"} {
		if got := s.Get(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "process.roles") {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestLoadSettingsRefuses(t *testing.T) {
	for _, c := range []struct {
		set  []string
		want string
	}{
		{[]string{"listener.address=0.0.0.0:9092"}, "listener.insecure=true"},
		{[]string{"listener.address=:9092"}, "listener.insecure=true"},
		{[]string{"admin.address=10.0.0.1:9644"}, "listener.insecure=true"},
		{[]string{"listener.address=127.0.0.1"}, "HOST:PORT"},
		{[]string{"listener.address=127.0.0.1:99999"}, "HOST:PORT"},
		{[]string{"advertised.address=lb:0"}, "--set: advertised.address=lb:0"},
		{[]string{"advertised.listeners=PLAINTEXT://lb:0"}, "from 1 to 65535"},
		{[]string{"link.advertised.address=lb:0"}, "from 1 to 65535"},
		{[]string{"advertise.single=lb:http"}, "from 1 to 65535"},
		{[]string{"advertise.single=lb"}, "HOST:PORT"},
		{[]string{"node.id=0"}, "node.id"},
		{[]string{"num.partition=3"}, "num.partitions"},
		{[]string{"listeners=PLAINTEXT://0.0.0.0:9092"}, "--set, listeners: listener.address=0.0.0.0:9092: other machines"},
		{[]string{"listener.address=nohost.invalid:0"}, "the host is not found"},
	} {
		if _, err := LoadSettings("", nil, c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %q", c.set, err, c.want)
		}
	}
	for _, set := range [][]string{{"listener.address=0.0.0.0:9092", "listener.insecure=true"}, {"listener.address=[::1]:0"}, {"listener.address=localhost:9092"}, {"advertise.single=lb:9092"}, {"advertised.address=:9092"}} {
		if _, err := LoadSettings("", nil, set); err != nil {
			t.Errorf("%v: %v", set, err)
		}
	}
	if _, err := LoadSettings("/no/such/file", nil, nil); err == nil || !strings.Contains(err.Error(), "no settings file") {
		t.Error(err)
	}
}
