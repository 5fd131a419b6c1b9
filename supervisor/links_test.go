package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/metadata"
)

// An id is refused to another folder only while the one that is registered under it is there.
func TestAdmission(t *testing.T) {
	image, err := metadata.NewImage().Apply([]partition.KeyValue{{Key: []byte("broker/3"), Value: []byte(`{"store":"old","link":"here:7000"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name           string
		linked         string // with which folder of node 3 there is a link
		store, address string // of who comes
		admitted       bool
	}{
		{"it is the registered one", "old", "old", "here:7000", true},
		{"the registered one is not there", "", "new", "there:7000", true},
		{"the registered one is there", "old", "new", "there:7000", false},
		{"it is linked already, in another lane", "new", "new", "there:7000", true},
		{"it was wiped, and this node has not noticed that it was gone", "old", "new", "here:7000", true},
	} {
		var a admission
		router := messages.NewRouter()
		router.Set(messages.NewView(image))
		a.router.Store(router)
		a.linkedWith(3, x.linked)
		if err := a.admit(link.Hello{Node: 3, Store: x.store, Address: x.address}); (err == nil) != x.admitted {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// A secret that is too short is refused with the file that has it, and with what to do.
func TestShortLinkSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for secret, want := range map[string]string{"0123456789abcde\n": file + ": the links' secret has 15 bytes", "0123456789abcdef\n": ""} {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := config.Load(config.Sources{Set: []string{"link.secret.file=" + file}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := linkTLS(s); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", secret, err, want)
		}
	}
}

// A node of a version that the cluster can't have any more gets no link, and is told so for good, however it was before: its replicas would vote before it asks to be registered.
func TestAdmissionOfOlderVersions(t *testing.T) {
	row := func(key, value string) partition.KeyValue {
		return partition.KeyValue{Key: []byte(key), Value: []byte(value)}
	}
	image, err := metadata.NewImage().Apply([]partition.KeyValue{
		row("broker/1", `{"store":"a","level":2}`), row("broker/3", `{"store":"c","level":1,"fenced":true}`), row("topic/t", `{"partitions":[{"number":7,"replicas":[{"broker":1,"raft":1}]}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	recovered, err := image.Apply([]partition.KeyValue{row("topic/t", `{"partitions":[{"number":7,"replicas":[{"broker":1,"raft":1}],"survivor":1,"since":50001}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		image    *metadata.Image
		level    int32
		admitted bool
	}{{image, 1, true}, {recovered, 1, false}, {recovered, 2, true}} {
		var a admission
		router := messages.NewRouter()
		router.Set(messages.NewView(x.image))
		a.router.Store(router)
		err := a.admit(link.Hello{Node: 3, Store: "c", Level: x.level})
		var refused *link.Refused
		if errors.As(err, &refused) == x.admitted || !x.admitted && (!refused.Final || !strings.Contains(refused.Words, "older version")) {
			t.Errorf("recovered: %v, level %d: %v", len(x.image.Recovered()) > 0, x.level, err)
		}
	}
}
