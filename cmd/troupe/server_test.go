package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServerSaysOneLine(t *testing.T) {
	p, line := try(t, anyPorts(t.TempDir())...)
	var kafka, admin, cluster string
	for i, f := range strings.Fields(line) {
		name, value, _ := strings.Cut(f, "=")
		if want := []string{"troupe", "ready", "kafka", "admin", "node", "cluster"}[i]; name != want {
			t.Fatalf("%q: field %d is %s, want %s", line, i, name, want)
		}
		switch name {
		case "kafka":
			kafka = value
		case "admin":
			admin = value
		case "cluster":
			cluster = value
		}
	}
	for _, address := range []string{kafka, admin} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if len(cluster) != 22 {
		t.Errorf("cluster %q", cluster)
	}
	var out, stderr bytes.Buffer
	if code := run(context.Background(), []string{"health", "--admin", admin, "--json"}, nil, &out, &stderr); code != exitOK || strings.TrimSpace(out.String()) != `{"alive":true,"ready":true}` {
		t.Errorf("health ends with %d: %s%s", code, out.String(), stderr.String())
	}
	out.Reset()
	if code := run(context.Background(), []string{"tree", "--admin", admin}, nil, &out, &stderr); code != exitOK || !strings.Contains(out.String(), "└── controller") {
		t.Errorf("tree ends with %d: %s%s", code, out.String(), stderr.String())
	}
	out.Reset()
	if code := run(context.Background(), []string{"tree", "--admin", admin, "--json"}, nil, &out, &stderr); code != exitOK || !json.Valid(out.Bytes()) {
		t.Errorf("tree --json ends with %d: %s%s", code, out.String(), stderr.String())
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("the server ends with %d: %s", code, p.log)
	}
	if code := run(context.Background(), []string{"health", "--admin", admin}, nil, &out, &stderr); code != exitFailed {
		t.Errorf("health of a node that is gone ends with %d", code)
	}
}

func TestServerRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, []byte("num.partitionz=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{anyPorts(dir, "--set", "num.partitions=none"), exitUsage, "num.partitions"},
		{anyPorts(dir, "--config", file), exitUsage, "num.partitions"},
		{anyPorts(dir, "--config", "/no/such/file"), exitUsage, "/no/such/file"},
		{[]string{"--data", dir, "--listen", "0.0.0.0:0"}, exitUsage, "listener.insecure"},
		{[]string{"--no-such-flag"}, exitUsage, "no-such-flag"},
		{anyPorts(dir, "--node-id", "abc"), exitUsage, "troupe: --node-id: "},
		{anyPorts("/dev/null/x"), exitFailed, "troupe: open data folder /dev/null/x: "},
		{anyPorts("/dev/null/x"), exitFailed, "/dev/null/x"},
	} {
		p, line := try(t, c.args...)
		<-p.ended
		if code := p.cmd.ProcessState.ExitCode(); line != "" || code != c.code || !strings.Contains(p.log.String(), c.want) {
			t.Errorf("%v: exit code %d, want %d; %q, want %q", c.args, code, c.code, p.log, c.want)
		}
	}
}

func TestServerKeepsItsFolder(t *testing.T) {
	dir := t.TempDir()
	first := launch(t, anyPorts(dir, "--node-id", "7")...)
	second, line := try(t, anyPorts(dir, "--node-id", "7")...)
	<-second.ended
	if line != "" || second.cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(second.log.String(), dir) {
		t.Errorf("a second process in the folder: %q %s", line, second.log)
	}
	first.kill()
	other, line := try(t, anyPorts(dir, "--node-id", "8")...)
	<-other.ended
	if text := other.log.String(); line != "" || !strings.Contains(text, "node 7") || !strings.Contains(text, "node 8") {
		t.Errorf("another node in the folder: %q %s", line, text)
	}
	again := launch(t, anyPorts(dir, "--node-id", "7")...)
	if again.cluster != first.cluster {
		t.Errorf("cluster %s became %s", first.cluster, again.cluster)
	}
}

func TestServerEndsAtOnceWhenAskedTwice(t *testing.T) {
	p := launch(t, anyPorts(t.TempDir())...)
	c, err := net.Dial("tcp", p.kafka)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
			break // it ended after the first
		}
	}
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not end")
	}
}

// The first signal asks for an orderly end, whenever it comes, and the second one ends the process.
func TestHeed(t *testing.T) {
	signals, ended := make(chan os.Signal, 2), make(chan struct{})
	var calls []string
	signals <- os.Interrupt
	signals <- os.Interrupt
	heed(signals, ended, func() { calls = append(calls, "end") }, func(code int) { calls = append(calls, fmt.Sprint("exit ", code)) })
	if got := strings.Join(calls, ", "); got != "end, exit 1" {
		t.Errorf("two signals lead to %s", got)
	}
	close(ended)
	heed(signals, ended, func() { t.Error("nobody asked it to end") }, func(int) { t.Error("nobody asked it to exit") })
}

// Without a node id a folder is its node's.
func TestServerTakesTheIdOfItsFolder(t *testing.T) {
	dir := t.TempDir()
	first := launch(t, anyPorts(dir, "--node-id", "7")...)
	first.stop()
	if _, line := try(t, anyPorts(dir)...); !strings.Contains(line, " node=7 ") {
		t.Errorf("it says %q", line)
	}
}
