package actors

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// dispatcher schedules one actor's mailbox.
type dispatcher struct {
	system *System
	node   *node
}

// Schedule runs f on a worker, or makes it one of the stepper's next steps.
func (d dispatcher) Schedule(f func()) {
	s := d.system
	switch {
	case s.o.Stepper != nil:
		s.o.Stepper.add(s, d.node.id, f)
	case d.node.prompt:
		s.pool.work(f)
	default:
		s.pool.placesOf(d.node).turn(f)
	}
}

// Throughput is not used by our mailbox.
func (dispatcher) Throughput() int { return 1 }

// A pool runs jobs on goroutines that it keeps. A goroutine that lives on keeps its grown stack, where one for each burst of work would
// grow its own by copying, which costs a sixth of the CPU at low rates.
type pool struct {
	jobs    chan task
	done    chan struct{}
	once    sync.Once
	idle    atomic.Int32
	idleMax int32

	storing, others places
}

// Places bound how many actors have a turn at once: where thousands have work, what must not wait, such as a link's heartbeat, would otherwise wait behind a goroutine for
// each of them, and nodes take each other for dead. Turns that find no place wait for one in order. They don't wait for each other; those of kinds that store may wait for the disk, and have
// places of their own, so that all others go on. Those of prompt kinds take none.
type places struct {
	pool    *pool
	busy    atomic.Int32 // that are taken
	busyMax int32
	length  atomic.Int32 // of waiting
	mu      sync.Mutex
	waiting []func()
}

// A task is what a worker does: an actor's turn, and those that wait behind it for the same place, or something that may block.
type task struct {
	f  func()
	at *places // nil for no turn
}

func newPool() *pool {
	n := int32(runtime.GOMAXPROCS(0))
	p := &pool{jobs: make(chan task), done: make(chan struct{}), idleMax: 8 * n}
	for _, at := range []*places{&p.storing, &p.others} {
		at.pool, at.busyMax = p, 16*n
	}
	return p
}

// placesOf are those that an actor's turns take.
func (p *pool) placesOf(n *node) *places {
	if n.storing {
		return &p.storing
	}
	return &p.others
}

// work runs a job that may block, at once.
func (p *pool) work(f func()) { p.begin(task{f: f}) }

func (p *pool) begin(t task) {
	select {
	case p.jobs <- t:
	default:
		go p.worker(t)
	}
}

// turn runs an actor's turn, as soon as there is a place.
func (p *places) turn(f func()) {
	if p.enter() {
		p.pool.begin(task{f, p})
		return
	}
	p.mu.Lock()
	p.waiting = append(p.waiting, f)
	p.length.Add(1)
	p.mu.Unlock()
	p.help() // those who had the places may have left by now
}

// enter takes a place.
func (p *places) enter() bool {
	for {
		n := p.busy.Load()
		if n >= p.busyMax {
			return false
		}
		if p.busy.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// turns runs a turn, and those that wait, on one place.
func (p *places) turns(f func()) {
	for ; f != nil; f = p.next() {
		f()
	}
	p.busy.Add(-1)
	p.help() // with what came before that was seen
}

// isCrowded tells whether turns wait for a place. Who has one then lets another in before long.
func (p *places) isCrowded() bool { return p.length.Load() > 0 }

// next is the turn that has waited longest, nil where none waits.
func (p *places) next() (f func()) {
	if !p.isCrowded() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return nil
	}
	f, p.waiting[0] = p.waiting[0], nil
	if p.waiting = p.waiting[1:]; len(p.waiting) == 0 {
		p.waiting = nil
	}
	p.length.Add(-1)
	return f
}

// help gives free places to turns that wait.
func (p *places) help() {
	for p.isCrowded() && p.enter() {
		f := p.next()
		if f == nil {
			p.busy.Add(-1)
			continue
		}
		p.pool.begin(task{f, p})
	}
}

// worker runs one job after the other.
func (p *pool) worker(t task) {
	for {
		if t.at != nil {
			t.at.turns(t.f)
		} else {
			t.f()
		}
		if p.idle.Add(1) > p.idleMax {
			p.idle.Add(-1)
			return
		}
		select {
		case t = <-p.jobs:
			p.idle.Add(-1)
		case <-p.done:
			return
		}
	}
}

func (p *pool) close() { p.once.Do(func() { close(p.done) }) }
