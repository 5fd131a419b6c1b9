package replica

import (
	"fmt"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
)

// turn carries out what the partition wants after a burst of messages. A replica of a partition with one voter has nobody to
// send raft's messages to.
func (r *replica) turn() {
	if r.p == nil {
		return
	}
	e := r.p.Ready(r.o.System.Now())
	r.high.Store(int64(r.p.HighWatermark()))
	if e.Update != nil {
		r.o.Store.Update(e.Update)
	}
	for _, w := range e.Writes {
		w.Done = func(err error) { r.send(r.self, &stored{r, w, err}) }
		r.o.Store.Append(&w.Write)
	}
	if len(e.Applied) > 0 && r.attached {
		r.send(r.coordinator, &messages.Applied{Batches: e.Applied})
	}
	if e.Leadership != nil {
		r.leadership(e.Leadership)
	}
	for _, a := range e.Replies {
		if to, ok := r.tickets.redeem(a); ok {
			r.answer(to, a.Response, a.Err)
		}
	}
	for _, l := range e.Lookups {
		r.lookUp(l)
	}
	if e.SnapshotDue && r.attached {
		r.send(r.coordinator, &messages.SnapshotDue{})
	}
	if e.Stopped != nil {
		panic(fmt.Errorf("the partition can't go on: %w", e.Stopped))
	}
}

func (r *replica) leadership(l *partition.Leadership) {
	if l.Serving == r.leads && !l.Serving {
		return
	}
	r.leads = l.Serving
	r.led = &messages.Led{Number: r.o.Partition.Number}
	if l.Serving {
		r.led.Leader = messages.Leader{Broker: r.o.Broker, Epoch: l.Epoch, Replica: r.self, Coordinator: r.coordinator, InSync: []kafka.BrokerID{r.o.Broker}, HighWatermark: r.high}
	}
	if r.attached {
		r.send(r.coordinator, &messages.Leading{Epoch: l.Epoch, Serving: l.Serving, LogEnd: r.p.LogEnd()})
	}
	r.send(r.o.Directory, r.led)
}

// announce says again what was said last, to a directory and a coordinator's listener that have lost it.
func (r *replica) announce() {
	if r.leads {
		r.send(r.o.Directory, r.led)
	}
	if r.attached {
		r.send(r.coordinator, &messages.Announce{})
	}
}
