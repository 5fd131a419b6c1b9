package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/partition/kafka"
)

// Options is what a node's Links are made of.
type Options struct {
	System *actors.System // its address is the node's id in decimal
	Codec  Codec
	Hello  Hello // an empty Address is that of the Socket
	Socket net.Listener
	TLS    *TLS       // nil: plain
	Owner  *actor.PID // hears *Up, *Down, *Lost and *Met
	// Admit, where not nil, is asked about each node that wants a link and belongs to the same cluster, or probes this one as one that does. It is told the words of an error, or
	// what a *Refused says. It is called by many goroutines at once.
	Admit func(Hello) error
	// QueueBytesMax is what may wait for one peer in one lane; beyond it messages are undelivered, or Shortened.
	QueueBytesMax int64
	// SilentMax is how long a peer may be silent until it is down. Zero for 600 ms.
	SilentMax time.Duration
}

// heartbeatEvery is how often each node lets the others hear it.
const heartbeatEvery = 100 * time.Millisecond

// Links are a node's connections with others. It is safe for use by many goroutines.
type Links struct {
	o      Options
	pid    *actor.PID
	counts counters

	mu         sync.Mutex
	hello      Hello
	wanted     map[kafka.BrokerID]string // never changed, only replaced
	remotes    map[string]*remote        // by the address in PIDs; none is ever taken out
	arrivals   map[arrivalKey]*arrival
	arrived    map[arrivalKey]uint64 // the incarnation that came last
	sockets    map[net.Conn]struct{} // all that are open
	halfOpen   []net.Conn            // those of them that have not greeted yet, oldest first
	complained map[string]time.Time
	closed     bool
	goroutines sync.WaitGroup
}

// Start listens, and has the System's PIDs of other nodes lead to them. It is called before any of them is used.
func Start(parent actor.SpawnerContext, o Options) (*Links, error) {
	if o.SilentMax == 0 {
		o.SilentMax = 600 * time.Millisecond
	}
	if o.Hello.Address == "" {
		o.Hello.Address = o.Socket.Addr().String()
	}
	l := &Links{
		o: o, hello: o.Hello, remotes: map[string]*remote{}, arrivals: map[arrivalKey]*arrival{}, arrived: map[arrivalKey]uint64{}, sockets: map[net.Conn]struct{}{},
		complained: map[string]time.Time{},
	}
	var err error
	l.pid, err = o.System.Spawn(parent, actors.Kind{Name: "links", Prompt: true}, "links", func() actor.Actor { return &top{links: l, peers: map[kafka.BrokerID]*entry{}} })
	if err != nil {
		return nil, err
	}
	o.System.Actors().ProcessRegistry.RegisterAddressResolver(l.resolve)
	l.spawn(l.accept)
	return l, nil
}

// resolve finds what a PID of another node leads to. PIDs of nodes that never were peers lead to nobody.
func (l *Links) resolve(pid *actor.PID) (actor.Process, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.remotes[pid.Address]
	return r, r != nil
}

// SetCluster has the node link with those of a cluster.
func (l *Links) SetCluster(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hello.Cluster = id
}

// Hello is how the node introduces itself.
func (l *Links) Hello() Hello {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hello
}

// SetPeers says to which nodes links are kept, and where they are. Links to others are given up. The node itself may be among them.
func (l *Links) SetPeers(addresses map[kafka.BrokerID]string) {
	peers := make(map[kafka.BrokerID]string, len(addresses))
	l.mu.Lock()
	for node, address := range addresses {
		if node == l.hello.Node {
			continue
		}
		peers[node] = address
		if key := strconv.Itoa(int(node)); l.remotes[key] == nil {
			l.remotes[key] = newRemote(l, node)
		}
	}
	l.wanted = peers
	l.mu.Unlock()
	l.o.System.Root().Send(l.pid, &setPeers{peers})
}

// peers are those that SetPeers named last.
func (l *Links) peers() map[kafka.BrokerID]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted
}

// Announce tells the owner once more of each peer that is up.
func (l *Links) Announce() { l.o.System.Root().Send(l.pid, &announce{}) }

// Probe asks who answers at an address, and tells an actor: *Met.
func (l *Links) Probe(address string, to *actor.PID) {
	l.o.System.Work(to, func() any {
		_, hello, err := l.dial(context.Background(), address, greeting{Hello: l.Hello(), For: forProbe})
		return &Met{Address: address, Hello: hello, Err: err}
	})
}

// Addr is the address that is listened on.
func (l *Links) Addr() net.Addr { return l.o.Socket.Addr() }

// Close ends all links, and waits for their goroutines. The peers notice at once.
func (l *Links) Close() {
	l.o.Socket.Close()
	l.mu.Lock()
	l.closed = true
	for socket := range l.sockets {
		socket.Close()
	}
	l.mu.Unlock()
	l.o.System.Root().Stop(l.pid)
	l.goroutines.Wait()
}

// spawn starts a goroutine that Close waits for; false where it is too late for that.
func (l *Links) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.goroutines.Go(f)
	return true
}

// track has Close close a socket; false where it is closed already.
func (l *Links) track(socket net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		socket.Close()
		return false
	}
	l.sockets[socket] = struct{}{}
	return true
}

// close closes a tracked socket. It does not take leave, as TLS would: that can take long.
func (l *Links) close(socket net.Conn) {
	if t, ok := socket.(*tls.Conn); ok {
		socket = t.NetConn()
	}
	if p, ok := socket.(patient); ok {
		socket = p.Conn
	}
	socket.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sockets, socket)
}

const (
	complainEvery = time.Minute
	complainsMax  = 1000 // that are remembered
)

// complain logs a line, once each minute for the same key.
func (l *Links) complain(key string, at func(log.Logger) log.Logger, message string, keyvals ...any) {
	now := l.o.System.Now()
	l.mu.Lock()
	last, ok := l.complained[key]
	again := ok && now.Sub(last) < complainEvery
	if !again {
		if len(l.complained) >= complainsMax {
			clear(l.complained)
		}
		l.complained[key] = now
	}
	l.mu.Unlock()
	if !again {
		at(l.o.System.Logger()).Log(append([]any{"msg", message}, keyvals...)...)
	}
}

// warnEnd logs why an accepted connection has ended, where that is news.
func (l *Links) warnEnd(key, message string, err error, keyvals ...any) {
	if !errors.Is(err, net.ErrClosed) {
		l.complain(key, level.Warn, message, append(keyvals, "err", err)...)
	}
}

func (l *Links) remote(node kafka.BrokerID) *remote {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remotes[strconv.Itoa(int(node))]
}

// cut closes the connections in which a node talks.
func (l *Links) cut(node kafka.BrokerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, a := range l.arrivals {
		if key.node == node {
			a.socket.Close()
		}
	}
}
