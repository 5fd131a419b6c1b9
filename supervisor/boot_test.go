package supervisor

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
)

// Three nodes start, two of them with empty folders: all links are up, and nobody can lead the metadata. Each says what it waits for, and what can be done. It ends when they serve.
func TestMembersSayWhatTheyWaitFor(t *testing.T) {
	defer entropy.replace(entropy.replace(mathrand.NewChaCha8([32]byte{1})))
	s := newSimulation(t, 1, simShape{nodes: 3, stepsMax: 500_000}, false)
	s.calm = true
	lines := map[string]int{}
	s.logger = log.LoggerFunc(func(keyvals ...any) error {
		if line := fmt.Sprintln(keyvals...); strings.Contains(line, "this node does not serve clients yet") {
			lines[line]++
		}
		return nil
	})
	s.boot()
	s.until("all nodes serve", func() bool { return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !n.ready }) })
	s.pass(2 * complainEvery)
	if len(lines) > 0 {
		t.Errorf("nodes that serve say %v", lines)
	}
	for _, n := range s.nodes {
		n.crash()
	}
	for _, n := range s.nodes[1:] {
		n.wipes++
		n.format()
	}
	s.nodes[0].boot()
	said := func(node int, words ...string) int {
		count := 0
		for line, times := range lines {
			all := strings.Contains(line, fmt.Sprint("node ", node, " "))
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				count += times
			}
		}
		return count
	}
	s.pass(complainEvery + time.Second)
	if said(1, "waiting_for a leader of the cluster's metadata", "nodes_not_there 2,3 ", "troupe partition recover") != 1 {
		t.Errorf("the node that is alone says %v", lines)
	}
	s.nodes[1].boot()
	s.nodes[2].boot()
	clear(lines)
	s.pass(3*complainEvery + time.Second)
	for node, others := range map[int]string{1: "2,3", 2: "1,3", 3: "1,2"} {
		if n := said(node, "waiting_for a leader of the cluster's metadata", "nodes_there "+others+" ", "nodes_not_there  ", "troupe partition recover"); n < 2 || n > 4 {
			t.Errorf("node %d says so %d times: %v", node, n, lines)
		}
	}
}
