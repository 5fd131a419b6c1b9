package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"troupe/benchmarks/cluster"
)

func main() {
	only := flag.String("only", "", "the figures to measure, joined by commas; all where it is empty")
	rounds := flag.Int("rounds", 3, "how often each system has its turn")
	out := flag.String("out", "", "folder for the results (default benchmarks/results)")
	scratch := flag.String("scratch", "", "folder for the brokers' data, on the disk that is to be measured (default the system's temporary one)")
	touch := flag.Int("touch", 4, "GiB of memory that are touched before each turn")
	list := flag.Bool("list", false, "list the figures")
	flag.Parse()
	if *list {
		for _, f := range figures() {
			fmt.Printf("%-9s  %s\n", f.name, f.doc)
		}
		return
	}
	if err := run(*only, *rounds, *out, *scratch, *touch); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(only string, rounds int, out, scratch string, touch int) error {
	where, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "troupe").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(where))
	chosen := figures()
	if only != "" {
		chosen = slices.DeleteFunc(chosen, func(f figure) bool { return !slices.Contains(strings.Split(only, ","), f.name) })
	}
	if len(chosen) == 0 {
		return errors.New("no such figure; --list names them")
	}
	dir, err := os.MkdirTemp("", "troupe-binary")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := cluster.Build(root, dir)
	if err != nil {
		return err
	}
	var r results
	var failed []error // turns; what the others have measured is not lost with them
	for _, f := range chosen {
		systems, rounds := systems(root, binary, f.nodes), rounds
		if f.once {
			rounds, systems = 1, systems[:2]
		}
		for round := range rounds {
			for _, s := range systems {
				if err := takeTurn(&r, root, f, s, scratch, touch<<30); err != nil {
					err = fmt.Errorf("%s, round %d, %s: %w", f.name, round+1, s.Name, err)
					fmt.Println(err)
					failed = append(failed, err)
				}
			}
		}
	}
	return errors.Join(append(failed, r.write(cmp.Or(out, filepath.Join(root, "benchmarks/results")), commitOf(root)))...)
}

// systems are those that are measured, in their order. With several nodes each of them answers once two have a record.
func systems(root, binary string, nodes int) []*cluster.System {
	set := []string{fmt.Sprint("min.insync.replicas=", min(2, nodes))}
	return []*cluster.System{
		cluster.Troupe(binary, set...),
		cluster.Kafka(root, unsynced, set...),
		cluster.Kafka(root, flushOne, append(set, "log.flush.interval.messages=1")...),
	}
}

// commitOf names the commit that is measured; a folder that is no clone has none.
func commitOf(root string) string {
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return "unknown"
	}
	// The results themselves change with each run.
	if changed, err := git("status", "--porcelain", "--", ".", ":!benchmarks/results"); err != nil || changed != "" {
		commit += "-dirty"
	}
	return commit
}

// takeTurn lets one system have one turn.
func takeTurn(r *results, root string, f figure, s *cluster.System, scratch string, touch int) error {
	dir, err := os.MkdirTemp(scratch, "load")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := cluster.TouchMemory(touch); err != nil {
		return err
	}
	if err := settle(dir); err != nil { // what the turn before has left to write is none of this one's business
		return err
	}
	return f.run(&turn{root: root, system: s, nodes: f.nodes, dir: dir, note: func(measure, unit string, value float64) {
		if f.nodes > 1 {
			measure = fmt.Sprintf("%d nodes: %s", f.nodes, measure)
		}
		fmt.Printf("%-9s  %-14s  %-56s %10.3f %s\n", f.name, s.Name, measure, value, unit)
		r.add(measure, unit, s.Name, value)
	}})
}
