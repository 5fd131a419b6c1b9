package supervisor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/actors/session"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// ErrStoreDead is why a node ended that can't write to its data folder, or read from it. What the disk holds after a failed write is unknown, so
// nothing but a start of the process finds out.
var ErrStoreDead = errors.New("the store is dead")

// Options is what a node is made of.
type Options struct {
	Settings *config.Settings
	Logger   log.Logger // nil: nothing is logged
	// Fault is actors.Options.Fault, for tests that want to see what becomes of a panic.
	Fault func(kind, id string, message any)
}

// A Node is a running node. Its methods may be called from any goroutine.
type Node struct {
	o       Options
	store   *logstore.Store
	system  *actors.System
	tree    *builder
	metrics *metrics
	links   *link.Links // nil for a cluster of one
	// admission is whom the links let in.
	admission admission
	admin     *admin
	adminAt   string

	mu       sync.Mutex
	listener *session.Listener
	kafkaAt  string
	err      error
	draining bool
	ending   bool
	ready    chan struct{}
	done     chan struct{}
}

// Start opens the data folder, brings up the node's actors and listeners, and returns when it serves clients. The context bounds the start alone.
func Start(ctx context.Context, o Options) (*Node, error) { return startOn(ctx, o, nil) }

// startOn starts a node on a file system; nil is the disk.
func startOn(ctx context.Context, o Options, fs vfs.FS) (*Node, error) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	for _, w := range o.Settings.Warnings {
		level.Warn(o.Logger).Log("msg", w)
	}
	n := &Node{o: o, ready: make(chan struct{}), done: make(chan struct{})}
	if err := n.start(fs); err != nil {
		n.end()
		return nil, err
	}
	select {
	case <-n.ready:
		return n, nil
	case <-n.done:
		n.end()
		return nil, n.Err()
	case <-ctx.Done():
		n.end()
		return nil, fmt.Errorf("the node did not come up: %w", context.Cause(ctx))
	}
}

func (n *Node) start(fs vfs.FS) (err error) {
	s := n.o.Settings
	n.metrics = newMetrics(n.partitions, n.sessions, func() float64 { return float64(n.tree.tails.Used()) })
	var id kafka.BrokerID // whatever the folder says
	if s.IsSet("node.id") {
		id = kafka.BrokerID(s.Int("node.id"))
	}
	n.store, err = logstore.Open(logstore.Options{
		Dir: s.Get("data.dir"), FS: fs, NodeID: id, Logger: n.o.Logger, ReserveBytes: s.Int("disk.reserve.bytes"),
		OnDeath: func(err error) { n.fail(fmt.Errorf("%w: %w", ErrStoreDead, err)) },
		OnSync:  func(took time.Duration) { n.metrics.fsyncs.Observe(took.Seconds()) },
		OnGroup: func(_, bytes int) { n.metrics.written.Add(float64(bytes)) },
	})
	if err != nil {
		return err
	}
	n.metrics.registry.MustRegister(diskGauges(n.store.Disk)...)
	identity := n.store.Identity()
	s = s.With("node.id", strconv.Itoa(int(identity.NodeID)), "the data folder")
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	incarnation := binary.BigEndian.Uint64(random[:])
	n.system = actors.NewSystem(actors.Options{
		Address: messages.AddressOf(identity.NodeID), Incarnation: incarnation, Logger: n.o.Logger, Policies: policies,
		Fault:     n.o.Fault,
		OnRestart: func(kind string) { n.metrics.restarts.WithLabelValues(kind).Inc() },
		OnFailed:  func(kind string, failed int) { n.metrics.failed.WithLabelValues(kind).Set(float64(failed)) },
		OnGivenUp: n.actorFailed,
	})
	dir, err := filepath.Abs(s.Get("data.dir"))
	if err != nil {
		return fmt.Errorf("data.dir: %w", err)
	}
	o := treeOptions{
		DataDir: dir, Disk: func() (int64, int64) { return diskOf(fs, dir) }, WatchFull: n.store.WatchFull,
		Settings: s, Store: n.store, StoreID: identity.StoreID, NodeID: identity.NodeID, ClusterID: identity.ClusterID, Replica: identity.Replica,
		Join: n.store.Join, Incarnation: incarnation,
		Listen:  func() (net.Listener, error) { return net.Listen("tcp", s.Get("listener.address")) },
		Ready:   n.serving,
		Failed:  n.fail,
		Observe: n.metrics.request, LinkedWith: n.admission.linkedWith,
	}
	if s.Get("link.address") != "" {
		if n.links, err = startLinks(n.system, s, identity, incarnation, n.admission.admit); err != nil {
			return err
		}
		o.Network, o.LinkAddress = n.links, n.links.Hello().Address
	}
	if n.tree, err = buildTree(n.system, o); err != nil {
		return err
	}
	n.admission.router.Store(n.tree.router)
	n.metrics.registry.MustRegister(n.tree.lags)
	n.metrics.registry.MustRegister(clusterMetrics(n.tree.router, identity.NodeID)...)
	if n.links != nil {
		n.metrics.registry.MustRegister(linkMetrics(n.links)...)
	}
	socket, err := net.Listen("tcp", s.Get("admin.address"))
	if err != nil {
		return fmt.Errorf("open the admin listener: %w", err)
	}
	n.adminAt = socket.Addr().String()
	n.admin = serveAdmin(socket, adminOptions{
		Gatherer: n.metrics.registry, Alive: n.Err, Ready: n.isReady, Tree: n.system.Tree, Logger: n.o.Logger,
		Recovery: &recovery{questions: questions{system: n.system}, b: n.tree, await: n.await},
	})
	return nil
}

// diskOf tells how large the disk of a folder is and how much of it can be used; -1 where the file system does not say. Asking it takes no longer than a look at memory.
func diskOf(fs vfs.FS, dir string) (total, usable int64) {
	if fs == nil {
		fs = vfs.Default
	}
	u, err := fs.GetDiskUsage(dir)
	if err != nil {
		return -1, -1
	}
	return int64(u.TotalBytes), int64(u.AvailBytes)
}

// serving is called once the node serves.
func (n *Node) serving(l *session.Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener, n.kafkaAt = l, l.Addr().String()
	close(n.ready)
}

// actorFailed is called when an actor is given up. The node goes on without it, unless it can't.
func (n *Node) actorFailed(kind, id string, reason *actors.Panic) {
	if isVital(kind, id) {
		n.fail(fmt.Errorf("the actor %s failed too often: %w", id, reason))
	}
}

// fail ends the node's service, with the first reason.
func (n *Node) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil || n.ending {
		return
	}
	n.err = err
	level.Error(n.o.Logger).Log("msg", "the node can't go on", "err", err)
	close(n.done)
}

// Drain ends the node: it accepts no more connections, answers what is being asked until the context ends, notes where each
// partition stands, and closes the data folder. It returns what went wrong, nil for an orderly end; that clients had to be cut off is a
// line in the log, since nothing acknowledged is lost by it.
func (n *Node) Drain(ctx context.Context) error {
	n.mu.Lock()
	n.draining = true
	listener := n.listener
	n.mu.Unlock()
	if listener != nil && n.Err() == nil {
		n.leave(ctx)
		select {
		case <-listener.Close():
		case <-ctx.Done():
			level.Warn(n.o.Logger).Log("msg", "clients were cut off", "sessions", listener.Count())
		case <-n.done:
		}
	}
	if err := n.end(); err != nil {
		return err
	}
	return n.Err()
}

// stopWithin is how long the actors have to end, and stopDeadWithin where some of them may wait for a disk that will not come back.
const (
	stopWithin     = 20 * time.Second
	stopDeadWithin = 2 * time.Second
)

// end takes down whatever has come up.
func (n *Node) end() error {
	n.mu.Lock()
	again, listener := n.ending, n.listener
	n.ending = true
	n.mu.Unlock()
	if again {
		return nil
	}
	if listener != nil {
		listener.Close()
	}
	if n.Err() != nil {
		n.closeLinks() // the others go on without this node at once: it does nothing for them any more
	}
	if n.system != nil {
		within := stopWithin
		if errors.Is(n.Err(), ErrStoreDead) {
			within = stopDeadWithin
		}
		if left := n.system.Shutdown(within); len(left) > 0 {
			level.Warn(n.o.Logger).Log("msg", "some actors did not end", "actors", len(left), "first", left[0])
		}
	}
	n.closeLinks()
	if n.admin != nil {
		n.admin.Close()
	}
	if n.store == nil {
		return nil
	}
	if err := n.store.Close(); err != nil && n.Err() == nil {
		return fmt.Errorf("close the data folder: %w", err)
	}
	return nil
}

// closeLinks ends the links with other nodes, where there are any.
func (n *Node) closeLinks() {
	if n.links != nil {
		n.links.Close()
	}
}

// Done is closed when the node has ended by itself; Err says why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns why the node has ended by itself, nil while it has not. errors.Is(err, ErrStoreDead) tells that its data folder
// can't be written.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// KafkaAddr returns HOST:PORT of the listener for Kafka's clients, with the port that was taken for port 0.
func (n *Node) KafkaAddr() string { return n.kafkaAt }

// AdminAddr returns HOST:PORT of the admin listener.
func (n *Node) AdminAddr() string { return n.adminAt }

// NodeID returns the node's id.
func (n *Node) NodeID() int32 { return int32(n.store.Identity().NodeID) }

// ClusterID returns the id of the cluster that the node belongs to.
func (n *Node) ClusterID() string { return n.tree.router.View().Image.ClusterID() }

var errNotReady = errors.New("the node does not serve clients yet")

// isReady returns why clients can't be served; nil where they can.
func (n *Node) isReady() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.err != nil:
		return n.err
	case n.ending:
		return errors.New("the node is ending")
	case n.draining:
		return errors.New("the node is draining: it takes no more connections")
	case n.listener == nil:
		return errNotReady
	}
	return nil
}

func (n *Node) partitions() float64 {
	return float64(n.tree.router.View().LeaderCount(n.store.Identity().NodeID))
}

func (n *Node) sessions() float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listener == nil {
		return 0
	}
	return float64(n.listener.Count())
}
