package actors

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Stepper runs whole Systems in one thread, in simulated time: each step is one message, one batch or one piece of work, chosen among
// all that could happen by a seeded source. The same seed gives the same steps. It is used by one goroutine.
type Stepper struct {
	// Trace, where not nil, is told of every step.
	Trace func(event string)

	rand   *rand.Rand
	now    time.Time
	ready  []job
	timers timerHeap
	order  uint64
	frozen map[*System][]job // what has become ready meanwhile
}

type job struct {
	system *System
	who    string
	run    func()
}

// NewStepper returns a stepper whose clock stands at the given time.
func NewStepper(seed uint64, start time.Time) *Stepper {
	return &Stepper{rand: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), now: start}
}

// Rand is the stepper's source, for whatever else a simulation leaves to chance.
func (s *Stepper) Rand() *rand.Rand { return s.rand }

// Now is the simulated time.
func (s *Stepper) Now() time.Time { return s.now }

// AfterFunc runs f as a step of its own once d has passed, whatever becomes of any System.
func (s *Stepper) AfterFunc(d time.Duration, f func()) Timer { return s.after(nil, d, f) }

// Go makes f one of the next steps.
func (s *Stepper) Go(who string, f func()) { s.add(nil, who, f) }

// Step does one thing. Where nothing is ready, time goes on to the next timer. It returns false where there is none.
func (s *Stepper) Step() bool {
	for {
		if len(s.ready) == 0 && !s.advance() {
			return false
		}
		if len(s.ready) == 0 {
			continue // the timers were those of systems that are gone
		}
		i := s.rand.IntN(len(s.ready))
		j := s.ready[i]
		s.ready = append(s.ready[:i], s.ready[i+1:]...)
		if j.system != nil && j.system.killed() {
			continue
		}
		if held, ok := s.frozen[j.system]; ok {
			s.frozen[j.system] = append(held, j)
			continue
		}
		j.run()
		return true
	}
}

// Run takes steps until the condition holds. It returns false where nothing is left to do, or after so many steps.
func (s *Stepper) Run(until func() bool, stepsMax int) bool {
	for range stepsMax {
		if until() {
			return true
		}
		if !s.Step() {
			break
		}
	}
	return until()
}

// Kill ends a System as a crash would: nothing of it runs any more, and nothing is told.
func (s *Stepper) Kill(system *System) {
	delete(s.frozen, system)
	system.closeOnce.Do(func() { close(system.closed) })
}

// Freeze lets nothing of a System run until Thaw, as when a process is stopped and goes on later. Its timers become due all the same.
func (s *Stepper) Freeze(system *System) {
	if s.frozen == nil {
		s.frozen = map[*System][]job{}
	}
	if _, ok := s.frozen[system]; !ok {
		s.frozen[system] = nil
	}
}

// Thaw has a frozen System go on.
func (s *Stepper) Thaw(system *System) {
	s.ready = append(s.ready, s.frozen[system]...)
	delete(s.frozen, system)
}

func (s *System) killed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

func (s *Stepper) add(system *System, who string, run func()) {
	s.ready = append(s.ready, job{system, who, run})
}

// advance moves time to the next timer and makes what is due then ready.
func (s *Stepper) advance() bool {
	if len(s.timers) == 0 {
		return false
	}
	s.now = s.timers[0].at
	for len(s.timers) > 0 && !s.timers[0].at.After(s.now) {
		t := heap.Pop(&s.timers).(*timer)
		if t.system == nil || !t.system.killed() {
			s.add(t.system, "timer", t.f)
		}
	}
	return true
}

func (s *Stepper) after(system *System, d time.Duration, f func()) Timer {
	s.order++
	t := &timer{stepper: s, system: system, at: s.now.Add(max(d, 0)), order: s.order, f: f}
	heap.Push(&s.timers, t)
	return t
}

func (s *System) trace(n *node, message any) {
	if st := s.o.Stepper; st != nil && st.Trace != nil {
		what := fmt.Sprintf("%T", message)
		if b, ok := message.(*Batch); ok {
			what = fmt.Sprintf("batch of %d", b.Len())
		}
		st.Trace(fmt.Sprintf("%s %s %s", st.now.Format("05.000000"), n.id, what))
	}
}

// stepperClock is a System's view of the simulated time; its timers end with it.
type stepperClock struct {
	stepper *Stepper
	system  *System
}

func (c stepperClock) Now() time.Time { return c.stepper.now }
func (c stepperClock) AfterFunc(d time.Duration, f func()) Timer {
	return c.stepper.after(c.system, d, f)
}

type timer struct {
	stepper *Stepper
	system  *System
	at      time.Time
	order   uint64 // timers of the same moment fire in the order in which they were set
	f       func()
	index   int
}

// Stop takes the timer out.
func (t *timer) Stop() bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.stepper.timers, t.index)
	return true
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
