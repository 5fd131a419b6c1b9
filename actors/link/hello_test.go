package link

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"troupe/partition/kafka"
)

func TestGreetings(t *testing.T) {
	g := greeting{Hello: Hello{"c", 3, "s", 1<<64 - 1, "host:1", 7, 5}, For: "data", Wants: 2, Refusal: "no"}
	var wire bytes.Buffer
	if err := writeGreeting(&wire, g); err != nil {
		t.Fatal(err)
	}
	whole := wire.Bytes()
	got, err := readGreeting(iotest.OneByteReader(bytes.NewReader(whole)))
	if err != nil || got != g {
		t.Errorf("%+v came as %+v: %v", g, got, err)
	}
	for _, c := range []struct{ wire, words string }{
		{string(whole[:5]), "no greeting"},
		{string(whole[:len(whole)-1]), "half a greeting"},
		{"GET / HTTP/1.1\r\n", "another program"},
		{"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS"},
		{magic + "\xff\xff{", "too long"},
		{magic + "\x00\x02[]", "can't be read"},
	} {
		if _, err := readGreeting(strings.NewReader(c.wire)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%q: %v, not %q", c.wire, err, c.words)
		}
	}
}

func TestWhoFits(t *testing.T) {
	mine := Hello{Cluster: "c", Node: 1, Incarnation: 10, Address: "here:1", Level: 4, LeastLevel: 3}
	for _, c := range []struct {
		name   string
		theirs func(*Hello)
		link   string // words against it, empty where there are none
		probe  string
	}{
		{"a peer", func(*Hello) {}, "", ""},
		{"a newer one", func(h *Hello) { h.Level, h.LeastLevel = 9, 4 }, "", ""},
		{"one that is too new", func(h *Hello) { h.Level, h.LeastLevel = 9, 5 }, "upgrade node 1 first", "upgrade node 1 first"},
		{"one that is too old", func(h *Hello) { h.Level, h.LeastLevel = 2, 1 }, "upgrade node 2 first", "upgrade node 2 first"},
		{"another cluster", func(h *Hello) { h.Cluster = "d" }, "belongs to cluster d", "belongs to cluster d"},
		{"one without a cluster", func(h *Hello) { h.Cluster = "" }, "no cluster yet", ""},
		{"its own id", func(h *Hello) { h.Node = 1 }, "is taken", "is taken"},
		{"itself", func(h *Hello) { h.Node, h.Incarnation = 1, 10 }, "with itself", ""},
	} {
		theirs := Hello{Cluster: "c", Node: 2, Incarnation: 11, Address: "there:1", Level: 4, LeastLevel: 3}
		c.theirs(&theirs)
		for probe, words := range map[bool]string{false: c.link, true: c.probe} {
			err := judge(mine, theirs, probe)
			if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
				t.Errorf("%s, probe %v: %v, not %q", c.name, probe, err, words)
			}
		}
	}
	if err := judge(Hello{Node: 1}, Hello{Node: 2, Cluster: "c"}, false); err == nil {
		t.Error("a node without a cluster is linked")
	}
}

func TestRefusalsAreTold(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1})
	for _, c := range []struct {
		name, words string
		b           nodeOptions
		dials       kafka.BrokerID
	}{
		{"another cluster", "to cluster other", nodeOptions{id: 2, change: func(o *Options) { o.Hello.Cluster = "other" }}, 2},
		{"another node", "there is node 3, not node 2", nodeOptions{id: 3}, 2},
		{"one that does not admit it", "node id 1 is taken by store x", nodeOptions{id: 4, change: func(o *Options) {
			o.Admit = func(h Hello) error { return fmt.Errorf("node id %d is taken by store x", h.Node) }
		}}, 4},
		{"one whose cluster has given it up", "went on without node 1", nodeOptions{id: 6, change: func(o *Options) {
			o.Admit = func(h Hello) error {
				return fmt.Errorf("its store: %w", &Refused{Words: fmt.Sprintf("the cluster went on without node %d", h.Node), Final: true})
			}
		}}, 6},
		{"one that is too new", "upgrade node 1 first", nodeOptions{id: 5, change: func(o *Options) { o.Hello.Level, o.Hello.LeastLevel = 9, 9 }}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := startNode(t, c.b)
			a.links.SetPeers(map[kafka.BrokerID]string{c.dials: b.addr()})
			met := untilEvent(a, "a refusal", func(m *Met) bool { return m.Address == b.addr() && m.Err != nil })
			if refused := (*Refused)(nil); !errors.As(met.Err, &refused) || !strings.Contains(refused.Words, c.words) {
				t.Errorf("the owner heard %v", met.Err)
			} else if refused.Final != (c.dials == 6) || refused.Passing != (c.dials == 2 && c.b.id == 3) {
				t.Errorf("the owner heard %+v", refused)
			}
			a.untilLogged("level error", c.words)
			b.untilLogged(c.words)
		})
	}
}

// A refusal that has become final is told at once, though one was told and logged a moment ago.
func TestRefusalsThatBecomeFinal(t *testing.T) {
	var final atomic.Bool
	a := startNode(t, nodeOptions{id: 1})
	b := startNode(t, nodeOptions{id: 2, change: func(o *Options) {
		o.Admit = func(Hello) error { return &Refused{Words: "no", Final: final.Load()} }
	}})
	a.links.SetPeers(map[kafka.BrokerID]string{2: b.addr()})
	refusal := func(final bool) {
		untilEvent(a, fmt.Sprintf("a refusal, final: %v", final), func(m *Met) bool {
			var refused *Refused
			return errors.As(m.Err, &refused) && refused.Final == final
		})
	}
	refusal(false)
	final.Store(true)
	refusal(true)
}

func TestProbe(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1, change: func(o *Options) { o.Hello.Cluster = "" }})
	b := startNode(t, nodeOptions{id: 2, change: func(o *Options) {
		o.Admit = func(h Hello) error { return fmt.Errorf("node id %d is taken", h.Node) }
	}})
	probe := func(address, what string, fits func(*Met) bool) {
		t.Helper()
		a.mu.Lock()
		a.events = nil
		a.mu.Unlock()
		a.links.Probe(address, a.owner)
		untilEvent(a, what, func(m *Met) bool { return m.Address == address && fits(m) })
	}
	probe(b.addr(), "the node", func(m *Met) bool { return m.Err == nil && m.Hello == b.links.Hello() })
	probe(a.addr(), "itself", func(m *Met) bool { return m.Err == nil && m.Hello == a.links.Hello() })
	a.links.SetCluster("c")
	probe(b.addr(), "words", func(m *Met) bool {
		return m.Err != nil && m.Err.Error() == "node id 1 is taken" && m.Hello.Node == 2
	})
	a.links.SetCluster("d")
	probe(b.addr(), "words", func(m *Met) bool { return m.Err != nil && strings.Contains(m.Err.Error(), "cluster") })
	address := b.addr()
	b.close()
	probe(address, "nobody", func(m *Met) bool { return m.Err != nil })
}

func FuzzGreeting(f *testing.F) {
	var wire bytes.Buffer
	_ = writeGreeting(&wire, greeting{Hello: Hello{Cluster: "c", Node: 1}, For: "data"})
	f.Add(wire.Bytes())
	f.Add([]byte(magic + "\x00\x02{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := readGreeting(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeGreeting(&again, g); err != nil {
			return // what was short as it came can be too long as it would be written
		}
		if back, err := readGreeting(&again); err != nil || back != g {
			t.Errorf("%+v came back as %+v: %v", g, back, err)
		}
	})
}
