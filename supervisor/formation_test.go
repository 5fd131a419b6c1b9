package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"troupe/actors/link"
	"troupe/partition/kafka"
)

// A node with an empty folder founds a cluster, joins one, waits, or can't be a member, by what the seeds say.
func TestFormation(t *testing.T) {
	hello := func(node kafka.BrokerID, store, cluster string) *link.Met {
		return &link.Met{Hello: link.Hello{Node: node, Store: store, Cluster: cluster, Address: fmt.Sprintf("host-%d:7100", node)}}
	}
	silent := &link.Met{Err: errors.New("connection refused")}
	refused := &link.Met{Hello: link.Hello{Node: 7}, Err: &link.Refused{Words: "upgrade node 7 first"}}
	for _, c := range []struct {
		name string
		self kafka.BrokerID
		met  map[string]*link.Met // of the seeds a, b, c
		want string
	}{
		{"all are empty, and it is the lowest", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(2, "s2", ""), "c": hello(3, "s3", "")}, "found"},
		{"all are empty, and another is the lowest", 2, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(2, "s2", ""), "c": hello(3, "s3", "")}, "wait for node 1, which founds the cluster"},
		{"it is the lowest, but no seed", 1, map[string]*link.Met{"a": hello(4, "s4", ""), "b": hello(2, "s2", ""), "c": hello(3, "s3", "")}, "wait for node 2, which founds the cluster"},
		{"one has not been asked", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(2, "s2", "")}, "wait for seeds that have not answered [c (no answer yet)]"},
		{"one is down", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": silent, "c": hello(3, "s3", "")}, "wait for seeds that have not answered [b (connection refused)]"},
		{"one of those that answer knows of a cluster", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": silent, "c": hello(3, "s3", "x")}, "join x"},
		{"two clusters", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(2, "s2", "y"), "c": hello(3, "s3", "x")}, "seeds belong to different clusters: x (c), y (b)"},
		{"its id is taken", 3, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(2, "s2", ""), "c": hello(3, "other", "")}, "node id 3 is taken by the node at host-3:7100"},
		{"two seeds have one id", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(2, "s2", ""), "c": hello(2, "s3", "")}, "two of the seeds are node 2"},
		{"one address twice among the seeds", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": hello(1, "s1", ""), "c": hello(2, "s2", "")}, "found"},
		{"a seed refuses it", 1, map[string]*link.Met{"a": hello(1, "s1", ""), "b": refused, "c": hello(3, "s3", "")}, "b: upgrade node 7 first"},
	} {
		v := judge(link.Hello{Node: c.self, Store: fmt.Sprintf("s%d", c.self)}, []string{"a", "b", "c"}, c.met)
		got := ""
		switch {
		case v.err != nil:
			got = v.err.Error()
		case v.found:
			got = "found"
		case v.join != "":
			got = "join " + v.join
		default:
			got = "wait for " + v.wait
			if len(v.seeds) > 0 {
				got += fmt.Sprint(" ", v.seeds)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
