package nemesis

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"troupe/benchmarks/cluster"
)

// String shows a turn as one line.
func (t Turn) String() string {
	gap := func(d time.Duration, has bool) string {
		if !has {
			return "      -"
		}
		return fmt.Sprintf("%5d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%-14s victims %-9s held %6.2f s, whole after %6.2f s; longest gap where victims led %s, elsewhere %s",
		t.Fault, strings.Trim(fmt.Sprint(t.Victims), "[]"), t.Struck.Seconds(), t.Whole.Seconds(), gap(t.Led, t.HasLed), gap(t.Others, t.HasOther))
}

// String shows the report, violations last.
func (r *Report) String() string {
	var b strings.Builder
	for _, t := range r.Turns {
		fmt.Fprintln(&b, t)
	}
	fmt.Fprintf(&b, "%d turns in %.0f s, %d records acknowledged, %d refused by minorities, %d batches alike on all replicas, %d violations\n",
		len(r.Turns), r.Took.Seconds(), r.Acknowledged, r.Refused, r.Compared, len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintln(&b, "VIOLATION", v)
	}
	return b.String()
}

// checkNodeLog looks for panics in what a node has logged.
func checkNodeLog(h *History, n *cluster.Node) {
	f, err := os.Open(n.Log())
	if err != nil {
		h.violate(nothingPanics, "node %d has no log: %v", n.ID, err)
		return
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if line := s.Text(); strings.Contains(line, "panic") || strings.HasPrefix(line, "fatal error:") || strings.Contains(line, "SIGSEGV") {
			h.violate(nothingPanics, "node %d: %.600s", n.ID, line)
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
