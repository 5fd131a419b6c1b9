package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A reader of the manual does what it says, word by word, on machines whose addresses alone are others.
type manualReader struct {
	*cluster
	prefix string // of the addresses
	path   string // of programs
	steps  map[string][]string
}

// newManualReader reads the commands of the manual's page, by its sections.
func newManualReader(t *testing.T) *manualReader {
	t.Helper()
	class, err := filepath.Abs("../../benchmarks/kafka/run-class")
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"bash", "openssl", "java", "mvn"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("TEST_TOOLS") == "required" {
			t.Fatal(tool, " is missing")
		}
		t.Skip(tool, " is missing")
	}
	binary, err := troupeBinary()
	if err != nil {
		t.Fatal(err)
	}
	page, err := manual.ReadFile("manual/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	r := &manualReader{cluster: &cluster{t: t, dir: t.TempDir(), servers: make([]*process, 4)}, steps: map[string][]string{}}
	for range 20 {
		r.prefix = fmt.Sprintf("127.%d.%d.", 16+rand.IntN(200), rand.IntN(256))
		if l, err := net.Listen("tcp", r.prefix+"1:9092"); err == nil {
			l.Close()
			break
		}
	}
	for node := 1; node <= 4; node++ {
		r.kafka = append(r.kafka, fmt.Sprintf("%s%d:9092", r.prefix, node))
	}
	programs := filepath.Join(r.dir, "programs")
	r.path = programs + ":" + os.Getenv("PATH")
	for name, runs := range map[string]string{
		"troupe":                       binary,
		"kafka-reassign-partitions.sh": class + " org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
		"kafka-leader-election.sh":     class + " org.apache.kafka.tools.LeaderElectionCommand",
		"kafka-cluster.sh":             class + " org.apache.kafka.tools.ClusterTool",
	} {
		if err := os.MkdirAll(programs, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\nexec "+runs+" \"$@\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	section := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = name
		} else if name, ok := strings.CutPrefix(line, "**"); ok {
			section, _, _ = strings.Cut(name, ".**")
		} else if command, ok := strings.CutPrefix(line, "    "); ok {
			here := strings.NewReplacer("10.0.0.", r.prefix, "/etc/troupe", r.dir, "kafka.example.com:9092", r.kafka[0])
			r.steps[section] = append(r.steps[section], here.Replace(command))
		}
	}
	return r
}

// do does steps of a section, by their numbers from 0 on; all where none is given.
func (r *manualReader) do(section string, numbers ...int) {
	r.t.Helper()
	steps := r.steps[section]
	if len(steps) == 0 {
		r.t.Fatalf("the manual has no commands in %q", section)
	}
	var servers [][]string
	for i, step := range steps {
		switch args, isServer := strings.CutPrefix(step, "troupe server "); {
		case len(numbers) > 0 && !slices.Contains(numbers, i):
		case isServer:
			servers = append(servers, strings.Fields(args))
		default:
			r.serve(servers)
			servers = nil
			for {
				out, err := r.shell(step)
				if err != nil {
					r.t.Fatalf("%s: %v: %s", step, err, out)
				}
				if !strings.Contains(out, "still in progress") {
					break
				}
				time.Sleep(100 * time.Millisecond) // the manual says to repeat it
			}
		}
	}
	r.serve(servers)
}

// serve starts nodes, each on its machine: with a disk and an admin address of its own.
func (r *manualReader) serve(servers [][]string) {
	r.t.Helper()
	var starting sync.WaitGroup
	for _, args := range servers {
		node := args[1]
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "/var/lib/troupe", filepath.Join(r.dir, node))
		}
		starting.Go(func() { r.servers[node[0]-'1'] = launch(r.t, append(args, "--admin", "127.0.0.1:0")...) })
	}
	starting.Wait()
	if r.t.Failed() {
		r.t.FailNow()
	}
}

func (r *manualReader) shell(command string) (string, error) {
	cmd := exec.Command("bash", "-eo", "pipefail", "-c", command)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "PATH="+r.path)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A fourth node is added, one is drained and leaves, one whose disk is gone is replaced, and one that does not come back: each by the manual's words alone, while records are written, all of
// which are there in the end.
func TestOperateByTheManual(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	r := newManualReader(t)
	r.do("")
	r.do("Form a cluster")
	load := r.load(ctx, "orders", 6)
	settled := func(nodes ...int32) {
		t.Helper()
		r.awaitInSync(ctx, "orders", 3)
		r.until(ctx, fmt.Sprintf("the nodes with replicas are not %v", nodes), func() bool { return slices.Equal(r.replicas(ctx, "orders"), nodes) })
		r.until(ctx, "the metadata has no three voters", func() bool { return len(r.voters(ctx)) == 3 })
	}
	settled(1, 2, 3)

	r.do("Add a node")
	settled(1, 2, 3, 4)

	r.do("Drain a node", 0)
	if code := r.servers[3].stop(); code != exitOK {
		t.Errorf("node 4 ends with %d", code)
	}
	r.do("Drain a node", 1)
	settled(1, 2, 3)

	lose := func(node int) {
		t.Helper()
		r.servers[node-1].kill()
		if err := os.RemoveAll(filepath.Join(r.dir, fmt.Sprint(node))); err != nil {
			t.Fatal(err)
		}
	}
	lose(3)
	r.do("Its disk is gone")
	settled(1, 2, 3)

	lose(3)
	if err := os.RemoveAll(filepath.Join(r.dir, "4")); err != nil {
		t.Fatal(err)
	}
	r.do("Add a node", 0)
	r.do("It does not come back", 0)
	r.until(ctx, "node 3 is not forgotten", func() bool {
		_, err := r.shell(r.steps["It does not come back"][1])
		return err == nil
	})
	settled(1, 2, 4)
	load.check(ctx, t)
}

// Nodes are restarted, one after the other and by the manual's words, so that clients know one address: the cluster is the one that it was, with all that was written before and meanwhile.
func TestOneAddressByTheManual(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r := newManualReader(t)
	r.do("")
	r.do("Form a cluster")
	r.servers = r.servers[:3]
	cluster := r.servers[0].cluster
	load := r.load(ctx, "orders", 6)
	r.awaitInSync(ctx, "orders", 3)
	const section = "One address for all clients"
	if n := len(r.steps[section]); n != len(r.servers) {
		t.Fatalf("the section has %d commands for %d nodes", n, len(r.servers))
	}
	for i, s := range r.servers {
		if code := s.stop(); code != exitOK {
			t.Fatalf("node %d ends with %d", i+1, code)
		}
		r.do(section, i)
		if got := r.servers[i].cluster; got != cluster {
			t.Fatalf("node %d is in cluster %s, and was in %s", i+1, got, cluster)
		}
		for _, s := range r.servers {
			r.until(ctx, "partitions stay under-replicated", func() bool {
				return s.metric(t, "troupe_under_replicated_partitions") == 0 && s.metric(t, "troupe_leaderless_partitions") == 0 && s.metric(t, "troupe_nodes_up") == 3
			})
		}
	}
	r.kafka = r.kafka[:1]
	brokers, err := kadm.NewClient(r.client()).ListBrokers(ctx)
	if err != nil || len(brokers) != 1 || brokers[0].NodeID != 0 {
		t.Errorf("clients are told of %v, %v", brokers, err)
	}
	load.check(ctx, t)
}
