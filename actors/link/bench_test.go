package link

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
)

// A pipe is two nodes with room for so many notes on their way.
type pipe struct {
	a, b    *testNode
	counter *actor.PID
	room    chan struct{}
	answers chan struct{}
}

func newPipe(b *testing.B, room int, change func(*Options)) *pipe {
	p := &pipe{room: make(chan struct{}, room), answers: make(chan struct{}, 1)}
	for range room {
		p.room <- struct{}{}
	}
	p.a, p.b = startNode(b, nodeOptions{id: 1, change: change}), startNode(b, nodeOptions{id: 2, change: change})
	link(p.a, p.b)
	b.Cleanup(func() {
		p.a.mu.Lock()
		defer p.a.mu.Unlock()
		if p.a.count(isUp) != len(p.a.events) {
			b.Logf("events: %v, log %q, undelivered %d", describe(p.a.events), p.a.logged, p.a.links.Counts().Undelivered)
		}
	})
	spawn := func(n *testNode, name string, receive actor.ReceiveFunc) *actor.PID {
		pid, err := n.system.Spawn(nil, actors.Kind{Name: name}, name, func() actor.Actor { return receive })
		if err != nil {
			b.Fatal(err)
		}
		return pid
	}
	asker := spawn(p.a, "asker", func(ctx actor.Context) {
		if _, ok := ctx.Message().(*reply); ok {
			p.answers <- struct{}{}
		}
	})
	counter := spawn(p.b, "counter", func(ctx actor.Context) {
		if m, ok := ctx.Message().(*note); ok {
			if m.ReplyTo != nil {
				ctx.Send(m.ReplyTo, &reply{m.Number, false})
			} else {
				p.room <- struct{}{}
			}
		}
	})
	p.counter = actor.NewPID("2", counter.Id)
	p.a.inbox = asker
	return p
}

func BenchmarkThroughput(b *testing.B) {
	for _, encrypted := range []bool{false, true} {
		for _, size := range []int{100, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("tls=%v/%d", encrypted, size), func(b *testing.B) {
				change := func(*Options) {}
				if encrypted {
					change = withSecret(b, oneSecret)
				}
				p := newPipe(b, max(8, min(1024, 4<<20/size)), change)
				body := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					<-p.room
					p.a.send(p.counter, &note{Lane: actors.Bulk, Body: body})
				}
			})
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, behind := range []bool{false, true} {
		b.Run("behind bulk "+strconv.FormatBool(behind), func(b *testing.B) {
			p := newPipe(b, 8, func(*Options) {})
			var stop atomic.Bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				for body := make([]byte, 1<<20); behind && !stop.Load(); {
					<-p.room
					p.a.send(p.counter, &note{Lane: actors.Bulk, Body: body})
				}
			}()
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				p.a.send(p.counter, &note{Lane: actors.Data, Body: make([]byte, 100), ReplyTo: p.a.inbox})
				<-p.answers
				took = append(took, time.Since(begin))
			}
			stop.Store(true)
			<-done
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
