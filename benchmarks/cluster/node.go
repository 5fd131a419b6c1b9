package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A Node is one node of a Cluster. Its process comes and goes.
type Node struct {
	ID      int32
	Address string // HOST:PORT for clients
	Admin   string // HOST:PORT of metrics and the actor tree
	Disk    *Disk  // nil where it has none of its own

	dir, binary, seeds, link string
	settings                 []string
	wire                     *wire
	client                   *kgo.Client // talks with this node only

	broker *Broker // nil unless it was started and not ended on purpose
	ready  chan struct{}
	frozen bool
}

// Data is the node's data folder.
func (n *Node) Data() string {
	if n.Disk != nil {
		return filepath.Join(n.Disk.Dir, "data")
	}
	return filepath.Join(n.dir, "data")
}

// Log is the file with what the node has logged, in all its incarnations.
func (n *Node) Log() string { return filepath.Join(n.dir, "log") }

// prepare makes the node's folder, its disk and a client.
func (n *Node) prepare(diskBytes int64) (err error) {
	if err := os.Mkdir(n.dir, 0o700); err != nil { // what an earlier cluster has left would pass for this one's
		return err
	}
	if n.client, err = kgo.NewClient(kgo.SeedBrokers(n.Address), kgo.RetryTimeout(time.Second)); err != nil {
		return err
	}
	if diskBytes > 0 {
		n.Disk, err = NewDisk(filepath.Join(n.dir, "image"), filepath.Join(n.dir, "disk"), diskBytes)
	}
	return err
}

func (n *Node) close() error {
	n.wire.shut()
	if n.client != nil {
		n.client.Close()
	}
	if n.Disk != nil {
		return n.Disk.Unmount()
	}
	return nil
}

// Start starts the process and returns at once.
func (n *Node) Start() error {
	if n.broker != nil {
		n.Kill() // it has ended by itself
	}
	args := []string{"server", "--node-id", fmt.Sprint(n.ID), "--data", n.Data(), "--listen", n.Address, "--admin", n.Admin,
		"--link", n.link, "--set", "link.advertised.address=" + n.wire.address, "--seeds", n.seeds}
	for _, s := range n.settings {
		args = append(args, "--set", s)
	}
	cmd := exec.Command(n.binary, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	b, err := launch(cmd, n.Log())
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.ID, err)
	}
	ready := make(chan struct{})
	n.broker, n.ready = b, ready
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if strings.HasPrefix(s.Text(), "troupe ready ") {
				close(ready)
				return
			}
		}
	}()
	go n.wire.follow(b.ended)
	return nil
}

// AwaitReady waits until the node serves clients.
func (n *Node) AwaitReady(ctx context.Context) error {
	if n.broker == nil {
		return fmt.Errorf("node %d was not started", n.ID)
	}
	select {
	case <-n.ready:
		return nil
	case <-n.broker.ended:
		return fmt.Errorf("node %d: %w", n.ID, n.broker.failure())
	case <-ctx.Done():
		return fmt.Errorf("node %d does not come up in time: %w", n.ID, n.broker.failure())
	}
}

// Running tells whether the process is there, frozen or not.
func (n *Node) Running() bool {
	if n.broker == nil {
		return false
	}
	select {
	case <-n.broker.ended:
		return false
	default:
		return true
	}
}

// Frozen tells whether the process is stopped by Freeze.
func (n *Node) Frozen() bool { return n.frozen && n.Running() }

// Broker is the running process, nil where there is none.
func (n *Node) Broker() *Broker { return n.broker }

func (n *Node) signalKill() {
	if n.broker != nil {
		_ = n.broker.process.Kill() // it may have ended
	}
}

// Kill ends the process as a crash does.
func (n *Node) Kill() {
	if n.broker == nil {
		return
	}
	n.broker.Kill()
	n.wire.shut()
	n.broker, n.frozen = nil, false
}

// Freeze stops the process where it stands, until Thaw.
func (n *Node) Freeze() error { return n.signal(syscall.SIGSTOP, true) }

// Thaw has a frozen process go on.
func (n *Node) Thaw() error { return n.signal(syscall.SIGCONT, false) }

func (n *Node) signal(s syscall.Signal, frozen bool) error {
	if !n.Running() {
		return fmt.Errorf("node %d is not running", n.ID)
	}
	n.frozen = frozen
	return n.broker.process.Signal(s)
}

// Interrupt asks the process to end, as Ctrl+C does, and waits until it has. It fails where that takes too long, or is no orderly end.
func (n *Node) Interrupt(ctx context.Context) error {
	if err := n.signal(syscall.SIGINT, false); err != nil {
		return err
	}
	select {
	case <-n.broker.ended:
	case <-ctx.Done():
		return fmt.Errorf("node %d does not end: %w", n.ID, context.Cause(ctx))
	}
	state := n.broker.state
	n.Kill()
	if !state.Success() {
		return fmt.Errorf("node %d was asked to end, and ended with %v", n.ID, state)
	}
	return nil
}

// Wipe removes everything that the node, which must not run, has stored.
func (n *Node) Wipe() error {
	if n.Running() {
		return errors.New("a running node can't be wiped")
	}
	return os.RemoveAll(n.Data())
}
