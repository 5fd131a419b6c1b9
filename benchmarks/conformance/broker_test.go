package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A broker is what the clients talk to: one node, or NODES of them, which clients with SINGLE=1 know by one address. With MOVING=1 leaders move all the time.
type broker struct {
	t         *testing.T
	bootstrap string
	nodes     []*node // none for brokers that were there before
}

// A node is one process.
type node struct {
	t     *testing.T
	args  []string
	cmd   *exec.Cmd
	kafka string
	log   *bytes.Buffer
	ready <-chan string
	ended chan struct{}
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
	for _, what := range stayed() {
		fmt.Println("MOVING:", what)
		code = 1
	}
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// start starts a broker in a folder of its own.
func start(t *testing.T) *broker {
	t.Helper()
	b := &broker{t: t, bootstrap: os.Getenv("BOOTSTRAP")}
	if b.bootstrap == "" {
		b.startNodes()
	}
	if os.Getenv("MOVING") != "" {
		b.move()
	}
	return b
}

func (b *broker) startNodes() {
	t := b.t
	t.Helper()
	t.Cleanup(b.end)
	count, _ := strconv.Atoi(os.Getenv("NODES"))
	addresses := free(t, 2*count) // all at once: what is given back may come again
	links, kafka := addresses[:count], addresses[count:]
	for i := range max(count, 1) {
		n := &node{t: t, args: []string{"server", "--data", t.TempDir(), "--admin", "127.0.0.1:0", "--set", "group.initial.rebalance.delay.ms=0"}}
		if count > 1 {
			n.kafka = kafka[i]
			n.args = append(n.args, "--node-id", strconv.Itoa(i+1), "--link", links[i], "--seeds", strings.Join(links, ","))
		} else {
			n.kafka = "127.0.0.1:0"
		}
		if os.Getenv("SINGLE") != "" {
			n.args = append(n.args, "--advertise-single", kafka[0])
		}
		b.nodes = append(b.nodes, n)
	}
	for _, n := range b.nodes {
		n.start()
	}
	for _, n := range b.nodes {
		n.await()
	}
	b.bootstrap = b.nodes[0].kafka
}

// free are addresses of the loopback that nobody listens on now. Their ports are below those that whoever dials is given (32768 and up on Linux): one of these may be
// taken by the time a node listens there, by another node's link too.
func free(t *testing.T, n int) (out []string) {
	t.Helper()
	for tries := 0; len(out) < n; tries++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err != nil {
			if tries > 1000 {
				t.Fatal(err)
			}
			continue
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

func (n *node) start() {
	n.t.Helper()
	path, err := binary()
	if err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(path, append(n.args, "--listen", n.kafka)...)
	n.log, n.ended = &bytes.Buffer{}, make(chan struct{})
	n.cmd.Stderr = n.log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ready, ended := make(chan string, 1), n.ended
	n.ready = ready
	go func() {
		s := bufio.NewScanner(out)
		s.Scan()
		ready <- s.Text()
		_ = n.cmd.Wait() // it is killed, or says why in its log
		close(ended)
	}()
}

// await waits until the node serves.
func (n *node) await() {
	n.t.Helper()
	select {
	case line := <-n.ready:
		_, rest, ok := strings.Cut(line, "kafka=")
		if !ok {
			<-n.ended
			n.t.Fatalf("the broker did not come up: %s", n.log)
		}
		n.kafka, _, _ = strings.Cut(rest, " ")
	case <-time.After(30 * time.Second):
		n.t.Fatal("the broker does not come up")
	}
}

// restart kills the broker that clients know first, as a crash does, and starts it again. One that was there before is left alone.
func (b *broker) restart() {
	b.t.Helper()
	if len(b.nodes) > 0 {
		b.nodes[0].end()
		b.nodes[0].start()
		b.nodes[0].await()
	}
}

func (b *broker) end() {
	for _, n := range b.nodes {
		n.end()
	}
}

func (n *node) end() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.ended
	if n.t.Failed() && n.log.Len() > 0 {
		n.t.Logf("the broker's log:\n%s", n.log)
		n.log.Reset()
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
