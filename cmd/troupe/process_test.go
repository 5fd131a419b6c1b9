package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// troupeBinary is the command as a user has it, built once for all tests and without the race detector.
var troupeBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "troupe-binary")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "troupe")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := troupeBinary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// A process is a running troupe server.
type process struct {
	t            *testing.T
	cmd          *exec.Cmd
	kafka, admin string
	cluster      string
	log          *processLog
	lines        <-chan string // that it prints
	ended        chan struct{}
}

// A processLog is what a process has said so far on its standard error.
type processLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the log.
func (l *processLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns the log.
func (l *processLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// launch starts a server and waits until it is ready.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := troupeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return launchBinary(t, path, args...)
}

// launchBinary is launch with a build of another version.
func launchBinary(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p, line := tryBinary(t, path, args...)
	if line == "" {
		<-p.ended
		t.Fatalf("the server did not come up: %s", p.log)
	}
	for field := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "kafka":
			p.kafka = value
		case "admin":
			p.admin = value
		case "cluster":
			p.cluster = value
		}
	}
	return p
}

// try starts a server and returns the first line that it prints, empty where it ends without one.
func try(t *testing.T, args ...string) (p *process, line string) {
	t.Helper()
	path, err := troupeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return tryBinary(t, path, args...)
}

func tryBinary(t *testing.T, path string, args ...string) (p *process, line string) {
	t.Helper()
	p = beginBinary(t, path, args...)
	select {
	case line = <-p.lines:
	case <-time.After(30 * time.Second):
		t.Fatal("the server says nothing")
	}
	return p, line
}

// begin starts a server that may never be ready.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := troupeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return beginBinary(t, path, args...)
}

func beginBinary(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, append([]string{"server"}, args...)...), log: &processLog{}, ended: make(chan struct{})}
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 16)
	p.lines = lines
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
		_ = p.cmd.Wait() // the exit code is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop asks the process to end and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.t.Fatal("the server does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func anyPorts(dir string, more ...string) []string {
	return append([]string{"--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, more...)
}
