package coordinator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
)

// idleFor is how long a key has nothing to do before its actor goes.
const idleFor = time.Minute

// A key is one incarnation of the actor around the machine of one key.
type key struct {
	o           Options
	self        *actor.PID
	coordinator *actor.PID
	key         string

	machine partition.Machine         // nil until the rows are there
	epoch   uint64                    // of the machine
	queue   []*messages.Coordinate    // what came before
	open    map[partition.Ticket]bool // of the requests that it has not answered

	alarm    actors.Timer
	alarmAt  time.Time
	retiring bool
}

// What a key hears from its coordinator and says to itself.
type (
	rows struct {
		list  []partition.KeyValue
		epoch uint64
	}
	forget struct{}
	tick   struct {
		to *key
		at time.Time
	}
	idle struct{ to *key }
)

// Receive handles one message.
func (k *key) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		k.self = ctx.Self()
		k.open = map[partition.Ticket]bool{}
		k.send(&wantRows{k.key})
	case *actor.Stopping:
		k.setAlarm(time.Time{})
		k.machine, k.open, k.queue = nil, nil, nil // protoactor's set of children may hold on to what stood in it
	case *rows:
		if k.machine != nil {
			k.dismiss() // who waits for it would wait for ever
		}
		k.epoch = m.epoch
		k.restore(m.list)
	case *forget:
		k.dismiss()
		k.machine = nil
		k.send(&wantRows{k.key})
	case *messages.Coordinate:
		k.open[partition.Ticket(m.Reply.Slot)] = true
		if k.machine == nil {
			k.queue = append(k.queue, m)
			return
		}
		k.handle(m)
	case *tick:
		if m.to == k && k.machine != nil && m.at.Equal(k.alarmAt) {
			k.alarmAt = time.Time{}
			k.emit(k.machine.Tick(k.o.System.Now()))
		}
	case *idle:
		if m.to == k {
			k.retiring = false
			if k.isIdle() {
				k.send(&retire{k.key, k.epoch})
				k.retireLater() // in case the coordinator can't let it go yet
			}
		}
	}
}

// Failed sends everybody away who waits, and who sent the message at which the actor panicked.
func (k *key) Failed(_ *actors.Panic, message any) {
	if m, ok := message.(*messages.Coordinate); ok {
		k.open[partition.Ticket(m.Reply.Slot)] = true
	}
	k.dismiss()
}

func (k *key) restore(list []partition.KeyValue) {
	machine := k.o.Machine(k.key)
	out, err := machine.Restore(k.o.System.Now(), list)
	var unreadable partition.UnreadableRows
	switch {
	case errors.As(err, &unreadable):
		level.Error(k.o.System.Logger()).Log("msg", "rows that can't be read are left out", "partition", k.o.Number, "kind", k.o.KeyKind, "err", err)
	case err != nil:
		panic(fmt.Errorf("restore %s %q: %w", k.o.KeyKind, k.key, err))
	}
	k.machine = machine
	k.emit(out)
	queue := k.queue
	k.queue = nil
	for _, m := range queue {
		k.handle(m)
	}
}

func (k *key) handle(m *messages.Coordinate) {
	k.emit(k.machine.Handle(k.o.System.Now(), &partition.Request{
		Ticket: partition.Ticket(m.Reply.Slot), Body: m.Body, ClientID: m.ClientID, ClientHost: m.ClientHost, Nonce: k.o.System.Nonce(), Broker: m.Broker,
	}))
}

// emit hands an outcome to the coordinator, and looks at when the machine wants to be called again.
func (k *key) emit(out partition.Outcome) {
	for _, r := range out.Replies {
		delete(k.open, r.Ticket)
	}
	if len(out.Records) > 0 || len(out.Replies) > 0 {
		k.send(&outcome{k.key, k.epoch, out.Records, out.Replies})
	}
	k.setAlarm(k.machine.Deadline())
	if k.isIdle() {
		k.retireLater()
	}
}

func (k *key) retireLater() {
	if !k.retiring {
		k.retiring = true
		k.o.System.After(idleFor, k.self, &idle{k})
	}
}

func (k *key) isIdle() bool { return k.machine != nil && len(k.open) == 0 && k.machine.Idle() }

func (k *key) setAlarm(at time.Time) {
	if at.Equal(k.alarmAt) {
		return
	}
	if k.alarm != nil {
		k.alarm.Stop()
	}
	k.alarm, k.alarmAt = nil, at
	if !at.IsZero() {
		k.alarm = k.o.System.After(max(0, at.Sub(k.o.System.Now())), k.self, &tick{k, at})
	}
}

// dismiss sends everybody away who waits for an answer. They find the coordinator again, or another one.
func (k *key) dismiss() {
	k.setAlarm(time.Time{})
	k.send(&dismiss{k.key, slices.Sorted(maps.Keys(k.open))})
	clear(k.open)
	k.queue = nil
}

func (k *key) send(message any) { k.o.System.Root().Send(k.coordinator, message) }
