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
func (d dispatcher) Schedule(f func()) { d.system.schedule(d.node.id, f) }

// Throughput is not used by our mailbox.
func (dispatcher) Throughput() int { return 1 }

func (s *System) schedule(who string, f func()) {
	if s.o.Stepper != nil {
		s.o.Stepper.add(s, who, f)
		return
	}
	s.pool.run(f)
}

// A pool keeps goroutines for bursts of work. A goroutine that lives on keeps its grown stack, where one for each burst would
// grow its own by copying, which costs a sixth of the CPU at low rates.
type pool struct {
	jobs    chan func()
	done    chan struct{}
	once    sync.Once
	idle    atomic.Int32
	idleMax int32
}

func newPool() *pool {
	return &pool{jobs: make(chan func()), done: make(chan struct{}), idleMax: int32(8 * runtime.GOMAXPROCS(0))}
}

// run starts f at once, on an idle worker if there is one.
func (p *pool) run(f func()) {
	select {
	case p.jobs <- f:
	default:
		go p.work(f)
	}
}

func (p *pool) work(f func()) {
	for {
		f()
		if p.idle.Add(1) > p.idleMax {
			p.idle.Add(-1)
			return
		}
		select {
		case f = <-p.jobs:
			p.idle.Add(-1)
		case <-p.done:
			return
		}
	}
}

func (p *pool) close() { p.once.Do(func() { close(p.done) }) }
