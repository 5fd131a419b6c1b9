package actors

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// simulated returns a system in a stepper's thread.
func simulated(seed uint64, change func(*Options)) (*System, *Stepper) {
	st := NewStepper(seed, start)
	o := Options{Incarnation: 1, Stepper: st, Rand: st.Rand()}
	if change != nil {
		change(&o)
	}
	return NewSystem(o), st
}

func spawn(t testing.TB, s *System, kind Kind, name string, receive func(ctx actor.Context)) *actor.PID {
	t.Helper()
	pid, err := s.Spawn(nil, kind, name, func() actor.Actor { return actor.ReceiveFunc(receive) })
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// settle runs until nothing is ready now; timers are left alone.
func settle(st *Stepper) {
	for len(st.ready) > 0 {
		st.Step()
	}
}

func TestMessagesArriveInOrder(t *testing.T) {
	for _, batching := range []bool{false, true} {
		t.Run(fmt.Sprint("batching ", batching), func(t *testing.T) {
			s, st := simulated(1, nil)
			var got []int
			pid := spawn(t, s, Kind{Name: "k", Batching: batching}, "a", func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case int:
					got = append(got, m)
				case *Batch:
					for n := range m.All() {
						got = append(got, n.(int))
					}
				}
			})
			for i := range 100 {
				s.Root().Send(pid, i)
			}
			settle(st)
			if len(got) != 100 || !slices.IsSorted(got) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Of a backlog in which one message panics, only that one is lost, and whoever waits for it is told.
func TestPanicLosesOneMessage(t *testing.T) {
	s, st := simulated(3, nil)
	var got []int
	f := &failing{}
	pid, err := s.Spawn(nil, Kind{Name: "k", Batching: true}, "a", func() actor.Actor {
		f.receive = func(ctx actor.Context) {
			if b, ok := ctx.Message().(*Batch); ok {
				for m := range b.All() {
					if m == 4 {
						panic("four")
					}
					got = append(got, m.(int))
				}
			}
		}
		return f
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		s.Root().Send(pid, i)
	}
	settle(st)
	if want := []int{0, 1, 2, 3, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(f.told, []any{4}) {
		t.Errorf("the actor was told of %v", f.told)
	}
	info := s.Tree()[0]
	if info.Restarts != 1 || info.LastFailure == nil || info.LastFailure.Reason != "four" || !strings.Contains(info.LastFailure.Stack, "actors_test.go") {
		t.Errorf("the tree says %+v", info)
	}
}

type failing struct {
	receive func(actor.Context)
	told    []any
}

func (f *failing) Receive(ctx actor.Context)    { f.receive(ctx) }
func (f *failing) Failed(_ *Panic, message any) { f.told = append(f.told, message) }

func TestBackoffThenFailed(t *testing.T) {
	var failed []int
	s, st := simulated(5, func(o *Options) {
		o.Restarts = Policy{Budget: 4, Window: time.Minute, First: 100 * time.Millisecond, Longest: 300 * time.Millisecond}
		o.OnFailed = func(_ string, n int) { failed = append(failed, n) }
	})
	var starts []time.Duration
	pid := spawn(t, s, Kind{Name: "bad"}, "a", func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			starts = append(starts, s.Now().Sub(start))
		case string:
			panic(errors.New("always"))
		}
	})
	good := 0
	other := spawn(t, s, Kind{Name: "good"}, "b", func(ctx actor.Context) {
		if _, ok := ctx.Message().(string); ok {
			good++
		}
	})
	for range 5 {
		s.Root().Send(pid, "x")
	}
	st.Run(func() bool { return len(failed) > 0 }, 10_000)
	settle(st)
	s.Root().Send(other, "x")
	settle(st)
	if len(starts) != 5 || starts[1] != 0 {
		t.Fatalf("incarnations began at %v", starts)
	}
	for i, least := range []time.Duration{100, 200, 300} {
		pause := starts[i+2] - starts[i+1]
		if least *= time.Millisecond; pause < least || pause > least*5/4+time.Nanosecond {
			t.Errorf("pause %d is %v, want %v and up to a quarter more", i, pause, least)
		}
	}
	if !slices.Equal(failed, []int{1}) || good != 1 {
		t.Errorf("failed %v, the sibling handled %d messages", failed, good)
	}
	if info := s.Tree()[0]; info.State != Failed || info.LastFailure.Reason != "always" {
		t.Errorf("the tree says %+v", info)
	}
}

func TestNeverPolicyEndsTheActor(t *testing.T) {
	s, st := simulated(5, func(o *Options) { o.Policies = map[string]Policy{"session": Never} })
	stopped := false
	pid := spawn(t, s, Kind{Name: "session"}, "a", func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case string:
			panic("x")
		case *actor.Stopped:
			stopped = true
		}
	})
	s.Root().Send(pid, "x")
	settle(st)
	if !stopped || len(s.Tree()) != 0 {
		t.Errorf("stopped %v, tree %v", stopped, s.Tree())
	}
}

// A panic at the end of an actor's life does not leave it, or its parent, behind.
func TestPanicWhileStopping(t *testing.T) {
	s, st := simulated(5, nil)
	pid, err := s.Spawn(nil, Kind{Name: "parent"}, "p", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				_, _ = s.Spawn(ctx, Kind{Name: "child"}, "c", func() actor.Actor {
					return actor.ReceiveFunc(func(ctx actor.Context) {
						switch ctx.Message().(type) {
						case *actor.Stopping, *actor.Stopped:
							panic("at the end")
						}
					})
				})
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	settle(st)
	if tops := s.Tree(); len(tops) != 1 || len(tops[0].Children) != 1 || tops[0].Children[0].ID != pid.Id+"/c" {
		t.Fatalf("tree %+v", tops)
	}
	s.Root().Stop(pid)
	settle(st)
	if len(s.Tree()) != 0 {
		t.Errorf("%+v is left", s.Tree()[0])
	}
}

// An actor that was told to stop ends, whatever it or its children do meanwhile. It is not restarted.
func TestStoppedActorsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		panics func(message any) bool
		before string // is sent to the actor before it is stopped
	}{
		"it panics when its child has ended": {panics: func(m any) bool { _, ok := m.(*actor.Terminated); return ok }},
		"it panics at a message":             {before: "panic", panics: func(m any) bool { return m == "panic" }},
	} {
		for seed := range uint64(30) {
			s, st := simulated(seed, nil)
			stops := func(inner actor.ReceiveFunc) actor.ReceiveFunc {
				return func(ctx actor.Context) {
					if ctx.Message() == "stop" {
						ctx.Stop(ctx.Children()[0])
					}
					inner(ctx)
				}
			}
			parent := func(kind string, child actor.ReceiveFunc) actor.ReceiveFunc {
				return func(ctx actor.Context) {
					if _, ok := ctx.Message().(*actor.Started); ok {
						if _, err := s.Spawn(ctx, Kind{Name: kind}, kind, func() actor.Actor { return child }); err != nil {
							t.Error(err)
						}
					}
				}
			}
			grandparent := parent("parent", func(ctx actor.Context) {
				if c.panics(ctx.Message()) {
					panic("at the wrong moment")
				}
				parent("child", func(actor.Context) {})(ctx)
			})
			top := spawn(t, s, Kind{Name: "top"}, "top", stops(grandparent))
			settle(st)
			if c.before != "" {
				s.Root().Send(actor.NewPID(top.Address, top.Id+"/parent"), c.before)
			}
			s.Root().Send(top, "stop")
			st.Run(func() bool { return false }, 2000)
			if tops := s.Tree(); len(tops) != 1 || len(tops[0].Children) > 0 {
				t.Errorf("%s, seed %d: the actor is left", name, seed)
			}
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) (trace []string) {
		s, st := simulated(seed, nil)
		st.Trace = func(e string) { trace = append(trace, e) }
		var pids []*actor.PID
		for i := range 5 {
			name := fmt.Sprint("a", i)
			pids = append(pids, spawn(t, s, Kind{Name: "k", Batching: i%2 == 0}, name, func(ctx actor.Context) {
				handle := func(m any) {
					if n, ok := m.(int); ok && n > 0 {
						ctx.Send(pids[int(s.Rand(5))], n-1)
						s.After(time.Duration(s.Rand(1000)), ctx.Self(), n/2)
						s.Work(ctx.Self(), func() any { return n / 3 })
						if n == 7 {
							panic("seven")
						}
					}
				}
				if b, ok := ctx.Message().(*Batch); ok {
					for m := range b.All() {
						handle(m)
					}
					return
				}
				handle(ctx.Message())
			}))
		}
		for i, pid := range pids {
			s.Root().Send(pid, i+4)
		}
		st.Run(func() bool { return false }, 20_000)
		return trace
	}
	one, two, other := run(11), run(11), run(12)
	if len(one) < 100 || !slices.Equal(one, two) {
		t.Errorf("two runs of one seed differ: %d and %d events", len(one), len(two))
	}
	if slices.Equal(one, other) {
		t.Error("another seed gives the same trace")
	}
}

func TestKilledSystemIsSilent(t *testing.T) {
	s, st := simulated(1, nil)
	count := 0
	pid := spawn(t, s, Kind{Name: "k"}, "a", func(ctx actor.Context) {
		if _, ok := ctx.Message().(int); ok {
			count++
			s.After(time.Second, ctx.Self(), 1)
		}
	})
	s.Root().Send(pid, 1)
	st.Run(func() bool { return count == 3 }, 1000)
	st.Kill(s)
	if st.Run(func() bool { return count > 3 }, 1000) {
		t.Error("a killed system went on")
	}
}

// Many senders, a slow and panicking receiver, real threads: nothing is lost but what panicked, nothing is reordered.
func TestFrozenSystemGoesOnLater(t *testing.T) {
	s, st := simulated(1, nil)
	other := NewSystem(Options{Incarnation: 2, Stepper: st, Rand: st.Rand()})
	var got []any
	receive := func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case int, string:
			got = append(got, m)
		}
	}
	pid, awake := spawn(t, s, Kind{Name: "k"}, "a", receive), spawn(t, other, Kind{Name: "k"}, "b", receive)
	settle(st)
	st.Freeze(s)
	s.Root().Send(pid, 1)
	s.After(time.Second, pid, 2)
	other.After(2*time.Second, awake, "awake")
	st.Run(func() bool { return len(got) > 0 }, 100)
	if !slices.Equal(got, []any{"awake"}) {
		t.Errorf("while the system is frozen %v arrive", got)
	}
	st.Thaw(s)
	settle(st)
	if !slices.Equal(got, []any{"awake", 1, 2}) {
		t.Errorf("after it has gone on %v have arrived", got)
	}
}

func TestConcurrentSenders(t *testing.T) {
	s := NewSystem(Options{Incarnation: 1, Restarts: Policy{Budget: 1000, Window: time.Minute, First: time.Microsecond, Longest: time.Microsecond}})
	const senders, each = 8, 2000
	type message struct{ sender, n int }
	var mu sync.Mutex
	last := make([]int, senders)
	seen, done := 0, make(chan struct{})
	pid := spawn(t, s, Kind{Name: "k", Batching: true}, "a", func(ctx actor.Context) {
		b, ok := ctx.Message().(*Batch)
		if !ok {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for m := range b.All() {
			m := m.(message)
			if m.n <= last[m.sender] {
				t.Errorf("sender %d: %d after %d", m.sender, m.n, last[m.sender])
			}
			last[m.sender] = m.n
			if seen++; seen == senders*each {
				close(done)
			}
			if m.n%500 == 0 {
				panic("every now and then")
			}
		}
	})
	for i := range senders {
		go func() {
			for n := range each {
				s.Root().Send(pid, message{i, n + 1})
			}
		}()
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Errorf("%d of %d messages arrived", seen, senders*each)
	}
	if left := s.Shutdown(10 * time.Second); len(left) > 0 {
		t.Errorf("%v did not stop", left)
	}
}

func TestWork(t *testing.T) {
	s := NewSystem(Options{Incarnation: 1})
	results := make(chan any, 2)
	pid := spawn(t, s, Kind{Name: "k"}, "a", func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case string, *WorkFailed:
			results <- m
		}
	})
	s.Work(pid, func() any { return "done" })
	if got := <-results; got != "done" {
		t.Errorf("got %v", got)
	}
	s.Work(pid, func() any { panic("broken") })
	if got, ok := (<-results).(*WorkFailed); !ok || got.Panic.Error() != "broken" {
		t.Errorf("got %v", got)
	}
	s.Shutdown(10 * time.Second)
}

func TestShutdownLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	s := NewSystem(Options{Incarnation: 1})
	for i := range 50 {
		pid := spawn(t, s, Kind{Name: "k"}, fmt.Sprint(i), func(actor.Context) {})
		s.Root().Send(pid, 1)
	}
	s.Shutdown(10 * time.Second)
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	for _, batching := range []bool{false, true} {
		b.Run(fmt.Sprint("batching ", batching), func(b *testing.B) {
			s := NewSystem(Options{Incarnation: 1})
			defer s.Shutdown(10 * time.Second)
			n, done := 0, make(chan struct{})
			pid := spawn(b, s, Kind{Name: "k", Batching: batching}, "a", func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *Batch:
					n += m.Len()
				case *int:
					n++
				}
				if n == b.N {
					close(done)
				}
			})
			b.ReportAllocs()
			b.ResetTimer()
			message := new(int)
			for range b.N {
				s.Root().Send(pid, message)
			}
			<-done
		})
	}
}

// BenchmarkRoundTrip is a request and its answer between two actors that have nothing else to do.
func BenchmarkRoundTrip(b *testing.B) {
	s := NewSystem(Options{Incarnation: 1})
	defer s.Shutdown(10 * time.Second)
	type ping struct{ from *actor.PID }
	done := make(chan struct{})
	echo := spawn(b, s, Kind{Name: "k", Batching: true}, "echo", func(ctx actor.Context) {
		if batch, ok := ctx.Message().(*Batch); ok {
			for m := range batch.All() {
				ctx.Send(m.(*ping).from, m)
			}
		}
	})
	n := 0
	asker := spawn(b, s, Kind{Name: "k"}, "asker", func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *ping, string:
			if n++; n > b.N {
				close(done)
				return
			}
			ctx.Send(echo, &ping{ctx.Self()})
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	s.Root().Send(asker, "go")
	<-done
}

// A PID is known a moment before its actor has begun, to others that know its name: what is sent in that moment is not lost, and comes behind Started, as what comes later does.
func TestMessageBeforeStarted(t *testing.T) {
	s, st := simulated(1, nil)
	n := &node{id: "a"}
	m := newMailbox(s, n, false)
	m.PostUserMessage("early")
	var got []any
	m.RegisterHandlers(&invoker{func(message any) { got = append(got, message) }}, dispatcher{s, n})
	m.PostUserMessage("before")
	stop := &actor.Stop{}
	m.PostSystemMessage(stop)
	settle(st)
	if len(got) > 0 {
		t.Errorf("before it has begun it got %v", got)
	}
	started := &actor.Started{}
	m.PostSystemMessage(started)
	m.PostUserMessage("late")
	settle(st)
	if !slices.Equal(got, []any{started, stop, "early", "before", "late"}) {
		t.Errorf("got %v", got)
	}
}

// invoker takes the messages of a mailbox.
type invoker struct{ take func(message any) }

func (i *invoker) InvokeSystemMessage(message any)         { i.take(message) }
func (i *invoker) InvokeUserMessage(message any)           { i.take(message) }
func (i *invoker) EscalateFailure(reason any, message any) {}

// The end of an actor costs the same however many others there are.
func BenchmarkEnd(b *testing.B) {
	for _, others := range []int{10, 10_000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			s, st := simulated(1, nil)
			for i := range others {
				spawn(b, s, Kind{Name: "k"}, fmt.Sprint("other-", i), func(actor.Context) {})
			}
			settle(st)
			for i := 0; b.Loop(); i++ {
				s.Root().Stop(spawn(b, s, Kind{Name: "k"}, fmt.Sprint("a-", i), func(actor.Context) {}))
				settle(st)
			}
		})
	}
}

// A question has an answer whatever becomes of the actor that it is for: it ends with the question in its queue, fails for good, or has ended before.
func TestUndelivered(t *testing.T) {
	for name, end := range map[string]func(s *System, st *Stepper, pid *actor.PID, ask func()){
		"stopped with a full queue": func(s *System, _ *Stepper, pid *actor.PID, ask func()) { s.Root().Stop(pid); ask() },
		"stopped before":            func(s *System, st *Stepper, pid *actor.PID, ask func()) { s.Root().Stop(pid); settle(st); ask() },
		"failed for good":           func(s *System, _ *Stepper, pid *actor.PID, ask func()) { s.Root().Send(pid, "panic"); ask() },
	} {
		for _, batching := range []bool{false, true} {
			s, st := simulated(3, func(o *Options) { o.Restarts = Never })
			pid := spawn(t, s, Kind{Name: "k", Batching: batching}, "a", func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case string:
					panic(m)
				case *Batch:
					for m := range m.All() {
						if text, ok := m.(string); ok {
							panic(text)
						}
						return // what is left is lost on it
					}
				}
			})
			settle(st)
			answers := 0
			asker := spawn(t, s, Kind{Name: "asker"}, "b", func(ctx actor.Context) {
				if _, ok := ctx.Message().(*refusal); ok {
					answers++
				}
			})
			settle(st)
			end(s, st, pid, func() {
				for range 3 {
					s.Root().Send(pid, &question{asker})
				}
			})
			settle(st)
			if answers != 3 {
				t.Errorf("%s, batching %v: %d of 3 questions were answered", name, batching, answers)
			}
		}
	}
}

type (
	question struct{ from *actor.PID }
	refusal  struct{}
)

func (q *question) Undelivered() (*actor.PID, any) { return q.from, &refusal{} }
