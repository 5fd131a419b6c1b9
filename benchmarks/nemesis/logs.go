package nemesis

import (
	"os"
	"regexp"
	"strconv"
	"strings"

	"troupe/benchmarks/cluster"
)

// follows is how a node says, in a line of the level debug, whom one of its replicas follows.
var follows = regexp.MustCompile(`msg=follows partition=(\S+)-(\d+) leader=(\d+) epoch=(\d+)`)

// beganAnew is how a node says that one of the workload's partitions goes on from the leader's snapshot.
var beganAnew = regexp.MustCompile(`msg="began anew with the leader's snapshot.* partition=` + topic + `-`)

// checkLog looks in what a node has logged for panics, and for leaders that it followed. It returns how many times it said so, and how often a replica of the workload's
// partitions had to go on from a snapshot, because what it missed was deleted.
func checkLog(h *History, n *cluster.Node) (followed, anew int) {
	log, err := os.ReadFile(n.Log())
	if err != nil {
		h.violate(nothingPanics, "node %d has no log: %v", n.ID, err)
		return 0, 0
	}
	lines := strings.Split(string(log), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		if m := follows.FindStringSubmatch(line); m != nil {
			partition, _ := strconv.Atoi(m[2]) // the pattern leaves only numbers
			leader, _ := strconv.Atoi(m[3])
			epoch, _ := strconv.Atoi(m[4])
			followed++
			h.lead(m[1], int32(partition), int32(epoch), int32(leader), n.ID)
			continue
		}
		if beganAnew.MatchString(line) {
			anew++
		}
		if strings.Contains(line, "panic") || strings.HasPrefix(line, "fatal error:") {
			var from string
			from, lines = stack(line, lines)
			h.violate(nothingPanics, "node %d: %s", n.ID, from)
		}
	}
	return followed, anew
}

// stack returns a panic, and where it came from: an actor's stands in the same line of the log, a process's in those that follow. It returns the rest of the log, too.
func stack(line string, rest []string) (string, []string) {
	end := 0
	for end < len(rest) && !strings.HasPrefix(rest[end], "level=") {
		end++
	}
	out := append(strings.Split(strings.ReplaceAll(line, `\n`, "\n"), "\n"), rest[:end]...)
	return strings.Join(out[:min(len(out), stackLines)], "\n"), rest[end:]
}

// stackLines are how many lines of a log tell where a panic came from.
const stackLines = 40

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
