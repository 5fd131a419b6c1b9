package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log"

	"troupe/actors"
	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/partition/config"
	"troupe/partition/kafka"
)

// probedNetwork is a network on which only probes matter.
type probedNetwork struct {
	system *actors.System
	probes int
	answer link.Met // to each of them
}

func (*probedNetwork) SetCluster(string)                  {}
func (*probedNetwork) SetPeers(map[kafka.BrokerID]string) {}
func (*probedNetwork) Announce()                          {}

// Probe answers at once.
func (n *probedNetwork) Probe(address string, to *actor.PID) {
	n.probes++
	m := n.answer
	m.Address = address
	n.system.Root().Send(to, &m)
}

// A member finds a node of another cluster at the address of a seed, long after its start. It goes on, says what is wrong, once a minute, and does not call all the time.
func TestSeedOfAnotherCluster(t *testing.T) {
	st := actors.NewStepper(1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	var lines []string
	logger := log.LoggerFunc(func(keyvals ...any) error { lines = append(lines, fmt.Sprint(keyvals...)); return nil })
	system := actors.NewSystem(actors.Options{Address: "1", Incarnation: 1, Stepper: st, Rand: st.Rand(), Policies: policies, Logger: logger})
	defer st.Kill(system)
	settings, err := config.Load(config.Sources{Set: []string{"seeds=10.0.0.9:9640"}})
	if err != nil {
		t.Fatal(err)
	}
	net := &probedNetwork{system: system, answer: link.Met{Err: errors.New("connection refused")}}
	nobody, err := system.Spawn(nil, actors.Kind{Name: "nobody"}, "nobody", func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) })
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	b := &builder{
		o: treeOptions{
			Settings: settings, Network: net, NodeID: 1, StoreID: "a", ClusterID: "mine", Replica: 1, Failed: func(err error) { failed = err },
		},
		system: system, router: messages.NewRouter(), directory: nobody, partitions: nobody, sessions: nobody,
	}
	pass := func(d time.Duration) (probes int, errors []string) {
		t.Helper()
		before, said, end := net.probes, len(lines), st.Now().Add(d)
		st.AfterFunc(d, func() {})
		if !st.Run(func() bool { return !st.Now().Before(end) }, 100_000) {
			t.Fatal("time does not pass")
		}
		for _, line := range lines[said:] {
			if strings.Contains(line, "error") {
				errors = append(errors, line)
			}
		}
		return net.probes - before, errors
	}
	if _, err := system.Spawn(nil, actors.Kind{Name: "membership", Prompt: true}, "membership", newMembership(b, nobody)); err != nil {
		t.Fatal(err)
	}
	if probes, _ := pass(5 * time.Second); probes < 15 {
		t.Errorf("while the metadata is not there the seed is asked %d times in 5 s", probes)
	}
	view := *b.router.View()
	view.Complete = true
	b.router.Set(&view)
	pass(strangerWithin)
	net.answer = link.Met{Hello: link.Hello{Node: 9, Cluster: "another"}, Err: &link.Refused{Words: "it belongs to another cluster"}}
	probes, said := pass(55 * time.Second)
	if probes > 6 {
		t.Errorf("the seed was asked %d times in 55 s", probes)
	}
	if len(said) != 1 || !strings.Contains(said[0], "10.0.0.9:9640") || !strings.Contains(said[0], "another") {
		t.Errorf("it says %q", said)
	}
	if _, said := pass(2 * strangerEvery); len(said) != 2 {
		t.Errorf("it says %q in two minutes", said)
	}
	if failed != nil {
		t.Error(failed)
	}
}
