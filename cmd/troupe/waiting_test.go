package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// awaitLog waits until a process has logged a line with all of the words, and returns it.
func (p *process) awaitLog(ctx context.Context, words ...string) string {
	p.t.Helper()
	for {
		for line := range strings.Lines(p.log.String()) {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				return line
			}
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("no line has %q: %s", words, p.log)
		case <-p.ended:
			p.t.Fatalf("the server has ended: %s", p.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A node with an empty folder serves nobody before it knows whether there is a cluster. It says for which seeds it waits, and what is wrong with each of them.
func TestNodeThatWaitsForSeeds(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(t, 3)
	c.seeds = append(c.seeds[:3:3], "nosuch.invalid:9640")
	secrets := []string{filepath.Join(c.dir, "a"), filepath.Join(c.dir, "b")}
	for i, secret := range []string{"correct horse battery staple", "incorrect horse battery staple"} {
		if err := os.WriteFile(secrets[i], []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begin(t, append(c.args(3), "--set", "link.secret.file="+secrets[1])...)
	p := begin(t, append(c.args(1), "--set", "link.secret.file="+secrets[0])...)
	p.awaitLog(ctx, "level=warn", "the data folder is empty", "seeds that have not answered", c.links[1]+" (", "connection refused", c.links[2]+" (", "do both have the same link secret?",
		"nosuch.invalid:9640 (", "lookup nosuch.invalid")
	if conn, err := net.Dial("tcp", c.kafka[0]); err == nil {
		conn.Close()
		t.Error("a node that waits lets clients in")
	}
	a, err := http.Get("http://" + c.admin[0] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a node that waits says on /readyz %s", a.Status)
	}
}

// A node with a link and without seeds has nobody to wait for.
func TestNodeWithoutSeedsFounds(t *testing.T) {
	p := launch(t, anyPorts(t.TempDir(), "--link", "127.0.0.1:0")...)
	if text := p.log.String(); !strings.Contains(text, "founding a cluster") || !strings.Contains(text, p.cluster) {
		t.Errorf("it says %s", text)
	}
}
