package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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

	cluster   *Cluster
	dir, link string
	wire      *wire       // nil where others reach the link without one
	client    *kgo.Client // talks with this node only

	process *process // nil unless it was started and not ended on purpose
	frozen  bool
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
	if n.client, err = kgo.NewClient(kgo.SeedBrokers(n.Address), kgo.RetryTimeout(statusWithin), kgo.RequestTimeoutOverhead(statusWithin)); err != nil {
		return err
	}
	if diskBytes > 0 {
		n.Disk, err = NewDisk(filepath.Join(n.dir, "image"), filepath.Join(n.dir, "disk"), diskBytes)
	}
	return err
}

func (n *Node) close() error {
	n.shut()
	if n.client != nil {
		n.client.Close()
	}
	if n.Disk != nil {
		return n.Disk.Unmount()
	}
	return nil
}

// seed is where other nodes reach the link.
func (n *Node) seed() string {
	if n.wire != nil {
		return n.wire.address
	}
	return n.link
}

// shut has nobody reach the link any more.
func (n *Node) shut() {
	if n.wire != nil {
		n.wire.shut()
	}
}

// Start starts the process and returns at once.
func (n *Node) Start() error {
	if n.process != nil {
		n.Kill() // it has ended by itself
	}
	system := n.cluster.system
	if err := system.prepare(n); err != nil {
		return fmt.Errorf("start node %d: %w", n.ID, err)
	}
	cmd := system.command(n)
	if lan := n.cluster.lan; lan != nil {
		cmd = lan.node(n.ID).inside(cmd)
	}
	p, err := launch(cmd, n.Log())
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.ID, err)
	}
	n.process = p
	go func() {
		if listens(n.Address, p.ended) {
			p.took = time.Since(p.began)
			close(p.ready)
		}
	}()
	if n.wire != nil {
		go n.wire.follow(p.ended)
	}
	return nil
}

// listenEvery is how often it is looked whether somebody listens by now.
const listenEvery = 5 * time.Millisecond

// listens waits until somebody listens at an address; false where the process ends before.
func listens(address string, ended <-chan struct{}) bool {
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(listenEvery):
		}
	}
}

// AwaitReady waits until the node serves clients.
func (n *Node) AwaitReady(ctx context.Context) error {
	if n.process == nil {
		return fmt.Errorf("node %d was not started", n.ID)
	}
	select {
	case <-n.process.ready:
		return nil
	case <-n.process.ended:
		return fmt.Errorf("node %d: %w", n.ID, n.process.failure())
	case <-ctx.Done():
		return fmt.Errorf("node %d does not come up in time: %w", n.ID, n.process.failure())
	}
}

// Running tells whether the process is there, frozen or not.
func (n *Node) Running() bool {
	if n.process == nil {
		return false
	}
	select {
	case <-n.process.ended:
		return false
	default:
		return true
	}
}

// Frozen tells whether the process is stopped by Freeze.
func (n *Node) Frozen() bool { return n.frozen && n.Running() }

// Started is how long the process, which runs, took until it served. It is known once AwaitReady has returned.
func (n *Node) Started() time.Duration { return n.process.took }

func (n *Node) signalKill() {
	if n.process != nil {
		_ = n.process.Kill() // it may have ended
	}
}

// Kill ends the process as a crash does.
func (n *Node) Kill() {
	if n.process == nil {
		return
	}
	n.process.kill()
	n.shut()
	n.process, n.frozen = nil, false
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
	return n.process.Signal(s)
}

// Interrupt asks the process to end, as Ctrl+C does, and waits until it has. It fails where that takes too long, or is no orderly end.
func (n *Node) Interrupt(ctx context.Context) error {
	if err := n.signal(syscall.SIGINT, false); err != nil {
		return err
	}
	select {
	case <-n.process.ended:
	case <-ctx.Done():
		return fmt.Errorf("node %d does not end: %w", n.ID, context.Cause(ctx))
	}
	state := n.process.state
	n.Kill()
	if state.ExitCode() != n.cluster.system.interrupted {
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
