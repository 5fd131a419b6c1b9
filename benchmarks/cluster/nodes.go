package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options is what a Cluster is made of.
type Options struct {
	System *System
	Dir    string // an empty folder for the nodes' data and logs
	Nodes  int    // how many
	// Wires stand between the nodes of troupe, so that these can be cut off from each other. They cost time.
	Wires bool
	// Namespaces has each node live in a network namespace of its own, so that packets are lost where nodes are cut off from each other, and cables can be pulled. Then there should be no wires.
	Namespaces bool
	// DiskBytes, where above zero, gives each node a disk of its own of that size.
	DiskBytes int64
}

// A Cluster is one node or several on this machine. Its methods, and those of its nodes, are called by one goroutine.
type Cluster struct {
	Nodes  []*Node // by id, from 1
	system *System
	ways   *ways // between nodes with wires
	lan    *lan  // nil where nodes have no namespaces
}

// Start starts the nodes with empty folders and waits until all of them serve.
func Start(o Options) (*Cluster, error) {
	c := &Cluster{system: o.System, ways: newWays()}
	if err := c.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", o.System.Name, err), c.Close())
	}
	return c, nil
}

func (c *Cluster) start(o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	prefix, err := c.prefix(o)
	if err != nil {
		return err
	}
	for i := range o.Nodes {
		n := &Node{ID: int32(i + 1), cluster: c, dir: filepath.Join(o.Dir, fmt.Sprint("node-", i+1))}
		host := fmt.Sprintf("%s.%d", prefix, n.ID)
		n.Address, n.Admin, n.link = net.JoinHostPort(host, "9092"), net.JoinHostPort(host, "9644"), net.JoinHostPort(host, "7000")
		if o.Wires {
			n.wire = &wire{ways: c.ways, node: n.ID, address: net.JoinHostPort(host, "7001"), target: n.link}
		}
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes {
		if err := n.prepare(o.DiskBytes); err != nil {
			return err
		}
		if err := n.Start(); err != nil {
			return err
		}
	}
	return c.AwaitReady()
}

// startWithin is how long nodes may take to serve.
const startWithin = 3 * time.Minute

// AwaitReady waits until all nodes serve clients.
func (c *Cluster) AwaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for _, n := range c.Nodes {
		if err := n.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prefix is what the nodes' addresses begin with.
func (c *Cluster) prefix(o Options) (prefix string, err error) {
	if !o.Namespaces {
		return freePrefix()
	}
	if c.lan, err = newLAN(o.Nodes); err != nil {
		return "", err
	}
	return c.lan.prefix, nil
}

// freePrefix finds loopback addresses that nobody uses.
func freePrefix() (string, error) {
	for range 20 {
		prefix := fmt.Sprintf("127.%d.%d", 16+rand.IntN(200), rand.IntN(256))
		l, err := net.Listen("tcp", prefix+".1:9092")
		if err == nil {
			l.Close()
			return prefix, nil
		}
	}
	return "", errors.New("no free loopback address was found")
}

// Node returns a node by its id.
func (c *Cluster) Node(id int32) *Node { return c.Nodes[id-1] }

// Addresses are those of all nodes, for clients.
func (c *Cluster) Addresses() (out []string) {
	for _, n := range c.Nodes {
		out = append(out, n.Address)
	}
	return out
}

// Cut lets nothing pass from one node to another.
func (c *Cluster) Cut(from, to *Node) error {
	w := way{from.ID, to.ID}
	if c.lan != nil {
		return c.lan.cut(w)
	}
	c.ways.cut(w)
	return nil
}

// Isolate cuts a node off from all others, both ways. Clients reach it.
func (c *Cluster) Isolate(n *Node) (err error) {
	for _, other := range c.Nodes {
		if other != n {
			err = errors.Join(err, c.Cut(n, other), c.Cut(other, n))
		}
	}
	return err
}

// CanUnplug tells whether cables can be pulled.
func (c *Cluster) CanUnplug() bool { return c.lan != nil }

// Unplug pulls a node's cable: nobody reaches it, no client either. The nodes must have namespaces.
func (c *Cluster) Unplug(n *Node) error { return c.lan.unplug(n.ID) }

// Mend ends all cuts, and plugs all cables in.
func (c *Cluster) Mend() error {
	c.ways.mend()
	if c.lan != nil {
		return c.lan.mend()
	}
	return nil
}

// Kill ends nodes as crashes do, all at once.
func (c *Cluster) Kill(nodes ...*Node) {
	for _, n := range nodes {
		n.signalKill()
	}
	for _, n := range nodes {
		n.Kill()
	}
}

// Unexpected returns the nodes that have ended though nobody asked them to.
func (c *Cluster) Unexpected() []*Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n *Node) bool { return n.process == nil || n.Running() })
}

// AwaitWhole waits until the cluster is Whole.
func (c *Cluster) AwaitWhole(ctx context.Context) error { return await(ctx, c.Whole) }

// AwaitLed waits until the nodes that run are alone, and agree that each partition is led by one of them.
func (c *Cluster) AwaitLed(ctx context.Context) error { return await(ctx, c.led) }

func await(ctx context.Context, ask func(context.Context) error) error {
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cluster does not become as it should: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close ends the nodes and gives back their disks. What they wrote to folders stays.
func (c *Cluster) Close() error {
	c.ways.mend()
	c.Kill(c.Nodes...)
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.close())
	}
	if c.lan != nil {
		errs = append(errs, c.lan.close())
	}
	return errors.Join(errs...)
}
