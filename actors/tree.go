package actors

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
)

// A State says how an actor is.
type State string

// The states of an actor.
const (
	Running    State = "running"
	Restarting State = "restarting" // it panicked and waits for its next incarnation
	Failed     State = "failed"     // it panicked too often and was stopped
)

// An Info is what Tree tells of an actor.
type Info struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	State       State     `json:"state"`
	Since       time.Time `json:"since"` // of the state
	Restarts    int       `json:"restarts"`
	LastFailure *Failure  `json:"last_failure,omitempty"`
	Children    []*Info   `json:"children,omitempty"` // by id
}

// A Failure is a panic of an actor.
type Failure struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Stack  string    `json:"stack"`
}

// A node is an actor in the tree, through all its incarnations.
type node struct {
	id, parent, kind string
	prompt, storing  bool

	mu       sync.Mutex
	order    uint64
	state    State
	since    time.Time
	restarts int
	failure  *Failure
	recent   []time.Time // failures within the budget's window
	current  actor.Actor
	stopping atomic.Bool // it was told to stop, and is not restarted any more
	ended    atomic.Bool
	waiting  chan struct{}

	failed map[*node]struct{} // children that have failed for good; guarded by the tree's lock
}

type tree struct {
	mu    sync.Mutex
	next  uint64
	nodes map[string]*node
}

// add takes in an actor, in the place of one that has failed where there is one of that id.
func (t *tree) add(n *node) (replaced *node, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.nodes[n.id]
	if old != nil && !old.isFailed() {
		return nil, false
	}
	t.next++
	n.order, n.state = t.next, Running
	t.nodes[n.id] = n
	return old, true
}

func (t *tree) remove(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes[n.id] == n {
		delete(t.nodes, n.id)
	}
}

// nodeEnded takes an actor that has stopped out of the tree; one that failed stays for people to see, until its parent ends or forgets it.
func (s *System) nodeEnded(n *node) {
	t := &s.tree
	forgotten := map[string]bool{}
	t.mu.Lock()
	if n.isFailed() {
		if parent := t.nodes[n.parent]; parent != nil {
			if parent.failed == nil {
				parent.failed = map[*node]struct{}{}
			}
			parent.failed[n] = struct{}{}
		}
	} else if t.nodes[n.id] == n {
		delete(t.nodes, n.id)
	}
	for child := range n.failed {
		if t.nodes[child.id] == child {
			delete(t.nodes, child.id)
			forgotten[child.kind] = true
		}
	}
	n.failed = nil
	t.mu.Unlock()
	for kind := range forgotten {
		s.tellFailed(kind)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended.Store(true)
	if n.waiting != nil {
		close(n.waiting)
		n.waiting = nil
	}
}

// tops returns the actors without a parent, youngest first.
func (t *tree) tops() []*node {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*node
	for _, n := range t.nodes {
		if n.parent == "" {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *node) int { return cmp.Compare(b.order, a.order) })
	return out
}

// Tree returns the actors at the top, with those below them.
func (s *System) Tree() []*Info {
	s.tree.mu.Lock()
	infos := make(map[string]*Info, len(s.tree.nodes))
	parents := make(map[string]string, len(s.tree.nodes))
	for id, n := range s.tree.nodes {
		infos[id], parents[id] = n.info(), n.parent
	}
	s.tree.mu.Unlock()
	var tops []*Info
	for id, info := range infos {
		if parent := infos[parents[id]]; parent != nil {
			parent.Children = append(parent.Children, info)
		} else {
			tops = append(tops, info)
		}
	}
	byID := func(a, b *Info) int { return cmp.Compare(a.ID, b.ID) }
	for _, info := range infos {
		slices.SortFunc(info.Children, byID)
	}
	slices.SortFunc(tops, byID)
	return tops
}

// Forget takes an actor that has failed for good out of the tree: nobody need look at it any more.
func (s *System) Forget(pid *actor.PID) {
	s.tree.mu.Lock()
	n := s.tree.nodes[pid.Id]
	if n == nil || !n.isFailed() {
		s.tree.mu.Unlock()
		return
	}
	delete(s.tree.nodes, n.id)
	if parent := s.tree.nodes[n.parent]; parent != nil {
		delete(parent.failed, n)
	}
	s.tree.mu.Unlock()
	s.tellFailed(n.kind)
}

func (s *System) tellFailed(kind string) {
	if s.o.OnFailed != nil {
		s.o.OnFailed(kind, s.failedOf(kind))
	}
}

// failedOf counts the actors of a kind that have failed for good.
func (s *System) failedOf(kind string) (count int) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	for _, n := range s.tree.nodes {
		if n.kind == kind && n.isFailed() {
			count++
		}
	}
	return count
}

func (n *node) info() *Info {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &Info{ID: n.id, Kind: n.kind, State: n.state, Since: n.since, Restarts: n.restarts, LastFailure: n.failure}
}

func (n *node) isFailed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state == Failed
}

// gone returns a channel that is closed once the actor has stopped.
func (n *node) gone() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := make(chan struct{})
	switch {
	case n.ended.Load() || n.state == Failed:
		close(c)
	case n.waiting != nil:
		return n.waiting
	default:
		n.waiting = c
	}
	return c
}

// incarnate notes the actor that receives from now on.
func (n *node) incarnate(a actor.Actor) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current = a
}

// failing tells the incarnation that it has panicked.
func (n *node) failing(s *System, p *Panic, message any) {
	n.mu.Lock()
	current := n.current
	n.current = nil
	n.mu.Unlock()
	if f, ok := current.(Failing); ok {
		defer func() {
			if r := recover(); r != nil {
				level.Error(s.o.Logger).Log("msg", "panic while an actor answered for its panic", "actor", n.id, "panic", r)
			}
		}()
		f.Failed(p, message)
	}
}
