package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// previousBinary builds the version before the newest change of what is on the disk or between nodes: the commit that .ci/previous names.
func previousBinary(t *testing.T) string {
	t.Helper()
	root := filepath.Join("..", "..")
	line, err := os.ReadFile(filepath.Join(root, ".ci", "previous"))
	if err != nil {
		t.Fatal(err)
	}
	commit := strings.TrimSpace(string(line))
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("TEST_TOOLS") == "required" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	archive := exec.Command("git", "-C", root, "archive", commit)
	sources, err := archive.Output()
	if err != nil {
		missing("the sources of %s are not here: %v", commit, err)
	}
	dir := t.TempDir()
	unpack := exec.Command("tar", "-x", "-C", dir)
	unpack.Stdin = bytes.NewReader(sources)
	if out, err := unpack.CombinedOutput(); err != nil {
		missing("the sources can't be unpacked: %v: %s", err, out)
	}
	path := filepath.Join(dir, "troupe-previous")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/troupe")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", commit, err, out)
	}
	return path
}

// A cluster of the previous version is upgraded node by node, while it is written to: nodes of both versions are one cluster meanwhile, whoever leads.
func TestRollingUpgrade(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.binary = previousBinary(t)
	c.start(1, 2, 3)
	c.binary = ""
	least := "2"
	c.create(ctx, "orders", 3, map[string]*string{"min.insync.replicas": &least})
	client := c.client()
	written := 0
	more := func() {
		t.Helper()
		for p := range int32(3) {
			c.write(ctx, client, "orders", p, written, written+50)
		}
		written += 50
	}
	more()
	for node := 1; node <= 3; node++ {
		if code := c.servers[node-1].stop(); code != 0 {
			t.Fatalf("node %d ended with code %d: %s", node, code, c.servers[node-1].log)
		}
		more()
		c.start(node)
		c.awaitInSync(ctx, "orders", 3)
		more()
	}
	for p := range int32(3) {
		c.read(ctx, "orders", p, written)
	}
}
