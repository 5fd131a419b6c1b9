package supervisor

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// A directoryRig is a directory, and somebody who asks it.
type directoryRig struct {
	t       *testing.T
	st      *actors.Stepper
	d       *directory
	pid     *actor.PID
	asker   *actor.PID
	answers map[uint64]*messages.Reply
}

func newDirectoryRig(t *testing.T, fault func(kind, id string, message any)) *directoryRig {
	st := actors.NewStepper(1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	system := actors.NewSystem(actors.Options{Address: "1", Incarnation: 1, Stepper: st, Rand: st.Rand(), Policies: policies, Fault: fault})
	t.Cleanup(func() { st.Kill(system) })
	rig := &directoryRig{t: t, st: st, answers: map[uint64]*messages.Reply{}}
	nobody := spawn(t, system, "nobody", actor.ReceiveFunc(func(actor.Context) {}))
	b := &builder{o: treeOptions{NodeID: 1}, system: system, router: messages.NewRouter(), partitions: nobody, membership: nobody, balance: nobody}
	rig.asker = spawn(t, system, "asker", actor.ReceiveFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*messages.Reply); ok {
			rig.answers[m.Slot] = m
		}
	}))
	var err error
	rig.pid, err = system.Spawn(nil, actors.Kind{Name: "directory", Batching: true}, "directory", func() actor.Actor {
		rig.d = newDirectory(b)
		return rig.d
	})
	if err != nil {
		t.Fatal(err)
	}
	return rig
}

func (rig *directoryRig) send(message any) { rig.d.system.Root().Send(rig.pid, message) }

func (rig *directoryRig) to(slot uint64) messages.ReplyTo {
	return messages.ReplyTo{PID: rig.asker, Slot: slot}
}

func (rig *directoryRig) answer(slot uint64) *messages.Reply {
	rig.t.Helper()
	if !rig.st.Run(func() bool { return rig.answers[slot] != nil }, 10_000) {
		rig.t.Fatalf("question %d is not answered", slot)
	}
	return rig.answers[slot]
}

// Who waits is looked at when the view has changed, not at each message; a condition may be costly.
func TestWhoWaitsIsLookedAtWhenTheViewChanges(t *testing.T) {
	rig := newDirectoryRig(t, nil)
	looked := 0
	rig.send(&awaitView{holds: func(v *messages.View) bool { looked++; return v.IsLive(2) }, reply: rig.to(1)})
	rig.st.Run(func() bool { return looked > 0 }, 1000)
	before := looked
	rig.send(&messages.NodeLost{Node: 3})
	rig.send(&awaitView{holds: func(*messages.View) bool { return true }, reply: rig.to(2)})
	rig.answer(2)
	rig.send(&messages.NodeLost{Node: 3})
	rig.st.Run(func() bool { return false }, 1000)
	if looked != before+1 {
		t.Errorf("it was looked at %d times for two messages that change nothing, and once for somebody who came", looked-before)
	}
	rig.send(&messages.NodeUp{Node: 2})
	if a := rig.answer(1); a.Err != nil {
		t.Error(a.Err)
	}
}

// Nothing is left of who has waited long enough.
func TestWhoWaitsForAWhile(t *testing.T) {
	rig := newDirectoryRig(t, nil)
	rig.send(&awaitView{holds: func(*messages.View) bool { return false }, within: time.Second, reply: rig.to(1)})
	began := rig.st.Now()
	if a := rig.answer(1); !errors.Is(a.Err, kerr.RequestTimedOut) || rig.st.Now().Sub(began) < time.Second || len(rig.d.waiting) > 0 {
		t.Errorf("after %v: %v, and %d wait", rig.st.Now().Sub(began), a.Err, len(rig.d.waiting))
	}
}

// Who asks at the moment of a panic is answered.
func TestWhoWaitsWhenTheDirectoryPanics(t *testing.T) {
	for name, ask := range map[string]func(messages.ReplyTo) any{
		"AwaitLeaders": func(to messages.ReplyTo) any { return &messages.AwaitLeaders{Reply: to, TimeoutMillis: 1 << 30} },
		"AwaitLedBy": func(to messages.ReplyTo) any {
			return &messages.AwaitLedBy{Leaders: map[kafka.PartitionNumber]kafka.BrokerID{1: 1}, Reply: to, TimeoutMillis: 1 << 30}
		},
		"awaitView": func(to messages.ReplyTo) any {
			return &awaitView{holds: func(*messages.View) bool { return false }, reply: to}
		},
	} {
		t.Run(name, func(t *testing.T) {
			armed := true
			rig := newDirectoryRig(t, func(kind, _ string, m any) {
				if _, begins := m.(*actor.Started); kind == "directory" && !begins && armed {
					armed = false
					panic("a test wants it so")
				}
			})
			rig.send(ask(rig.to(1)))
			if a := rig.answer(1); !errors.Is(a.Err, kerr.RequestTimedOut) {
				t.Errorf("it is told %v", a.Err)
			}
		})
	}
}
