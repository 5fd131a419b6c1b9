package actors

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log"
)

// Options is what a System is made of.
type Options struct {
	// Address is the node's name in PIDs that other nodes hold; empty for a system that has no peers.
	Address string
	// Incarnation tells this run of the node from earlier ones.
	Incarnation uint64
	Logger      log.Logger // nil: nothing is logged
	// Rand is where chance comes from, nil for a source seeded by the runtime. It is used under a lock.
	Rand *rand.Rand
	// Stepper, where not nil, runs everything in its thread and time.
	Stepper *Stepper
	// Restarts is the policy for kinds that Policies does not name; its zero value is DefaultPolicy.
	Restarts Policy
	Policies map[string]Policy
	// OnRestart and OnFailed, where not nil, are told of restarts, and of how many actors of a kind have failed for good.
	OnRestart func(kind string)
	OnFailed  func(kind string, failed int)
	// OnGivenUp, where not nil, is told of an actor that has failed for good, and why.
	OnGivenUp func(kind, id string, reason *Panic)
	// Fault, where not nil, is called before each message that an actor handles, and may panic in its place. It is for tests.
	Fault func(kind, id string, message any)
}

// A System is the actors of one node. It is safe for use by many goroutines.
type System struct {
	o       Options
	clock   Clock
	inner   *actor.ActorSystem
	root    *actor.RootContext
	pool    *pool // nil with a Stepper
	tree    tree
	aliases aliases

	randMu sync.Mutex
	rand   *rand.Rand

	closeOnce sync.Once
	closed    chan struct{}
	ended     atomic.Bool
}

// NewSystem returns a system without actors.
func NewSystem(o Options) *System {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Restarts == (Policy{}) {
		o.Restarts = DefaultPolicy
	}
	s := &System{o: o, clock: wallClock{}, rand: o.Rand, closed: make(chan struct{})}
	if s.rand == nil {
		s.rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if o.Stepper != nil {
		s.clock = stepperClock{o.Stepper, s}
	} else {
		s.pool = newPool()
	}
	config := actor.NewConfig()
	config.LoggerFactory = func(*actor.ActorSystem) *slogLogger { return newSlog(o.Logger, &s.ended) }
	config.DeadLetterThrottleCount = 0 // the throttle sleeps in a goroutine of its own
	s.inner = actor.NewActorSystemWithConfig(config)
	if o.Address != "" {
		s.inner.ProcessRegistry.Address = o.Address
	}
	s.root = s.inner.Root.Copy().WithGuardian(&strategy{s})
	s.tree.nodes = map[string]*node{}
	s.watchDeadLetters()
	return s
}

// Actors returns protoactor's system, for its process registry.
func (s *System) Actors() *actor.ActorSystem { return s.inner }

// Root returns the context from which messages are sent outside of any actor.
func (s *System) Root() *actor.RootContext { return s.root }

// Logger returns the logger of the node.
func (s *System) Logger() log.Logger { return s.o.Logger }

// Now returns the time.
func (s *System) Now() time.Time { return s.clock.Now() }

// After sends a message to an actor after a while.
func (s *System) After(d time.Duration, to *actor.PID, message any) Timer {
	return s.clock.AfterFunc(d, func() { s.root.Send(to, message) })
}

// Rand returns a number in [0, n).
func (s *System) Rand(n int64) int64 {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	return s.rand.Int64N(n)
}

// Nonce returns 16 random bytes.
func (s *System) Nonce() (b [16]byte) {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	for i := range b {
		b[i] = byte(s.rand.Uint32())
	}
	return b
}

// A Kind says how the actors of one kind are made.
type Kind struct {
	Name string
	// Batching actors get their backlog as one *Batch; others get message by message.
	Batching bool
	// Prompt actors are few, do little in a turn, and are not kept waiting by however many others have work.
	Prompt bool
	// Storing actors read and write the disk in their turns, as far as memory does not take it: where it is slow they wait for each other, and nobody else for them.
	Storing bool
}

// Spawn starts an actor under parent, or at the top of the tree where parent is nil. The producer is called again for each restart.
// A name that is taken below the same parent is an error.
func (s *System) Spawn(parent actor.SpawnerContext, kind Kind, name string, producer func() actor.Actor) (*actor.PID, error) {
	id, parentID := name, ""
	if ctx, ok := parent.(actor.Context); ok {
		parentID = ctx.Self().Id
		id = parentID + "/" + name
	} else {
		name = TopName(name, s.o.Incarnation)
		id = name
		parent = s.root
	}
	n := &node{id: id, parent: parentID, kind: kind.Name, prompt: kind.Prompt, storing: kind.Storing, since: s.Now()}
	replaced, ok := s.tree.add(n)
	if !ok {
		return nil, fmt.Errorf("spawn %s: %w", id, actor.ErrNameExists)
	}
	if replaced != nil {
		s.tellFailed(replaced.kind)
	}
	props := actor.PropsFromProducer(
		func() actor.Actor { return &guarded{inner: producer(), system: s, node: n} },
		actor.WithMailbox(func() actor.Mailbox { return newMailbox(s, n, kind.Batching) }),
		actor.WithDispatcher(dispatcher{s, n}),
		actor.WithSupervisor(&strategy{s}),
	)
	pid, err := parent.SpawnNamed(props, name)
	if err != nil {
		s.tree.remove(n)
		return nil, fmt.Errorf("spawn %s: %w", id, err)
	}
	return pid, nil
}

// Shutdown stops the actors at the top of the tree, youngest first, and with each its children, and waits for each to be gone,
// but no longer than the timeout in all. It returns the ids of those that are still there. With a Stepper it returns at once.
func (s *System) Shutdown(timeout time.Duration) (left []string) {
	var deadline <-chan time.Time
	if s.pool != nil {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		deadline = timer.C
	}
	for _, n := range s.tree.tops() {
		s.root.Stop(s.inner.NewLocalPID(n.id))
		if s.pool == nil {
			continue
		}
		select {
		case <-n.gone():
		case <-deadline:
			left = append(left, n.id)
			deadline = closedTime
		}
	}
	s.closeOnce.Do(func() {
		close(s.closed)
		s.ended.Store(true)
		s.inner.Shutdown()
		if s.pool != nil {
			s.pool.close()
		}
	})
	return left
}

var closedTime = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()
