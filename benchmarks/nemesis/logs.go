package nemesis

import (
	"bufio"
	"os"
	"strings"

	"troupe/benchmarks/cluster"
)

// checkLog looks for panics in what a node has logged.
func checkLog(h *History, n *cluster.Node) {
	f, err := os.Open(n.Log())
	if err != nil {
		h.violate(nothingPanics, "node %d has no log: %v", n.ID, err)
		return
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if line := s.Text(); strings.Contains(line, "panic") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "WARNING: DATA RACE") {
			h.violate(nothingPanics, "node %d: %.1000s", n.ID, line)
		}
	}
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func logTails(c *cluster.Cluster, logf func(string, ...any)) {
	for _, n := range c.Nodes {
		logf("the log of node %d ends with\n%s", n.ID, tail(n.Log(), 15))
	}
}
