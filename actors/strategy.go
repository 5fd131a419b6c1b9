package actors

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
)

// A Policy says what becomes of an actor that panics.
type Policy struct {
	// Budget is how many panics within Window an actor may have and be restarted. With none it is stopped by its first
	// panic, and leaves the tree like any actor that ends.
	Budget int
	Window time.Duration
	// Least is the pause before the first restart; what is queued by then reaches the next incarnation while it is not ready. Each further panic within
	// the window doubles the pause before the next, from First up to Longest; up to a quarter is added by chance, so that many actors that failed
	// together don't come back together.
	Least, First, Longest time.Duration
}

// DefaultPolicy is for actors that have state to come back to.
var DefaultPolicy = Policy{Budget: 10, Window: time.Minute, First: 10 * time.Millisecond, Longest: 5 * time.Second}

// Never is for actors that end with their first panic, such as those of connections.
var Never = Policy{Window: time.Minute}

// Always is for actors that are never given up, however often they panic: what they do has to be tried again, and nobody else does it.
var Always = Policy{Budget: math.MaxInt, Window: time.Minute, First: 10 * time.Millisecond, Longest: 5 * time.Second}

// strategy restarts actors by their kind's policy. It never escalates: that would end the process at the root.
type strategy struct{ system *System }

// HandleFailure is called in the parent's turn; the child's mailbox is suspended.
func (st *strategy) HandleFailure(_ *actor.ActorSystem, parent actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s := st.system
	n := s.tree.find(child.Id)
	if n == nil {
		parent.StopChildren(child)
		return
	}
	policy, ok := s.o.Policies[n.kind]
	if !ok {
		policy = s.o.Restarts
	}
	p := asPanic(reason)
	restart, pause := n.fails(policy, p, s.Now(), s.Rand)
	logger := level.Error(s.o.Logger)
	if !restart {
		logger.Log("msg", "actor panicked and is stopped", "actor", n.id, "kind", n.kind, "panic", p, "stack", string(p.Stack))
		if policy.Budget > 0 {
			s.tellFailed(n.kind)
			if s.o.OnGivenUp != nil {
				s.o.OnGivenUp(n.kind, n.id, p)
			}
		}
		parent.StopChildren(child)
		return
	}
	logger.Log("msg", "actor panicked and is restarted", "actor", n.id, "kind", n.kind, "pause", pause, "panic", p, "stack", string(p.Stack))
	again := func() {
		if !n.restarted(s.Now()) {
			return
		}
		if s.o.OnRestart != nil {
			s.o.OnRestart(n.kind)
		}
		parent.RestartChildren(child)
	}
	if pause == 0 {
		again()
		return
	}
	s.clock.AfterFunc(pause, again)
}

func asPanic(reason any) *Panic {
	if err, ok := reason.(error); ok {
		var p *Panic
		if errors.As(err, &p) {
			return p
		}
	}
	return &Panic{Reason: fmt.Sprint(reason)}
}

func (t *tree) find(id string) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[id]
}

// fails notes a panic and tells whether, and after which pause, the actor is restarted.
func (n *node) fails(p Policy, reason *Panic, now time.Time, random func(int64) int64) (restart bool, pause time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failure = &Failure{Time: now, Reason: reason.Error(), Stack: string(reason.Stack)}
	n.since = now
	recent := n.recent[:0]
	for _, at := range n.recent {
		if now.Sub(at) < p.Window {
			recent = append(recent, at)
		}
	}
	n.recent = append(recent, now)
	if len(n.recent) > p.Budget {
		if p.Budget > 0 {
			n.state = Failed
		}
		return false, 0
	}
	n.state = Restarting
	if len(n.recent) == 1 {
		return true, p.Least
	}
	pause = p.First
	for range len(n.recent) - 2 {
		pause = min(2*pause, p.Longest)
	}
	return true, pause + time.Duration(random(int64(pause/4)+1))
}

// restarted notes that the next incarnation comes; false where the actor has ended meanwhile.
func (n *node) restarted(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended.Load() || n.state != Restarting {
		return false
	}
	n.state, n.since = Running, now
	n.restarts++
	return true
}
