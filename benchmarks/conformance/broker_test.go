package conformance

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

// A broker is what the clients talk to.
type broker struct {
	t         *testing.T
	bootstrap string
	dir       string
	cmd       *exec.Cmd // nil for one that was there before
	log       *bytes.Buffer
	ended     chan struct{}
}

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "troupe"), "./cmd/troupe")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build troupe: %w: %s", err, out)
	}
	return filepath.Join(dir, "troupe"), nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// start starts a broker in a folder of its own.
func start(t *testing.T) *broker {
	t.Helper()
	if there := os.Getenv("BOOTSTRAP"); there != "" {
		return &broker{t: t, bootstrap: there}
	}
	b := &broker{t: t, dir: t.TempDir(), bootstrap: "127.0.0.1:0"}
	b.run()
	t.Cleanup(b.end)
	return b
}

func (b *broker) run() {
	b.t.Helper()
	path, err := binary()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command(path, "server", "--data", b.dir, "--listen", b.bootstrap, "--admin", "127.0.0.1:0", "--set", "group.initial.rebalance.delay.ms=0")
	b.log, b.ended = &bytes.Buffer{}, make(chan struct{})
	b.cmd.Stderr = b.log
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		s.Scan()
		ready <- s.Text()
		_ = b.cmd.Wait() // it is killed, or says why in its log
		close(b.ended)
	}()
	select {
	case line := <-ready:
		_, rest, ok := strings.Cut(line, "kafka=")
		if !ok {
			<-b.ended
			b.t.Fatalf("the broker did not come up: %s", b.log)
		}
		b.bootstrap, _, _ = strings.Cut(rest, " ")
	case <-time.After(30 * time.Second):
		b.t.Fatal("the broker does not come up")
	}
}

// restart kills the broker, as a crash does, and starts it again. One that was there before is left alone.
func (b *broker) restart() {
	b.t.Helper()
	if b.cmd != nil {
		b.end()
		b.run()
	}
}

func (b *broker) end() {
	_ = b.cmd.Process.Kill() // it may have ended
	<-b.ended
	if b.t.Failed() && b.log.Len() > 0 {
		b.t.Logf("the broker's log:\n%s", b.log)
		b.log.Reset()
	}
}

// missing skips a test whose tool is not there, or fails it where all tools are required.
func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("TEST_TOOLS") == "required" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// tools is the folder in the user's cache in which tools are installed.
func tools(t *testing.T, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(t, err)
	}
	dir := filepath.Join(cache, "troupe-conformance", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// within is how long one command of a client may take.
const within = 2 * time.Minute

// runTool runs a command to its end and returns what it wrote to stdout.
func runTool(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(within, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, last(out.String()), last(stderr.String()))
	}
	return out.String()
}

func last(s string) string {
	if len(s) > 2000 {
		return "…" + s[len(s)-2000:]
	}
	return s
}
