package replica

import (
	"fmt"

	"github.com/go-kit/log/level"

	"troupe/actors/messages"
)

// turn carries out what the partition wants after a burst of messages.
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
		if r.o.Pace != nil && r.leads {
			r.o.Pace.append(r.o.System.Now(), w.Entries)
		}
	}
	r.sendRaft(&e)
	for _, s := range e.Snapshots {
		r.sendSnapshot(s)
	}
	if e.Installed {
		r.attached = false // what the coordinator has is of before
		level.Info(r.o.System.Logger()).Log("msg", "began anew with the leader's snapshot, because the leader's log does not reach back to what was here",
			"partition", r.o.Partition.Name, "offset", r.p.HighWatermark())
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
	if !r.attached {
		r.attach()
	}
	if e.SnapshotDue && r.attached {
		r.send(r.coordinator, &messages.SnapshotDue{})
	}
	r.keepTicking()
	if e.Stopped != nil {
		panic(fmt.Errorf("the partition can't go on: %w", e.Stopped))
	}
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
