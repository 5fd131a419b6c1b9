package replica

import (
	"time"

	"troupe/actors/messages"
)

// description is how far the replica is.
func (r *replica) description() *messages.ReplicaDescription {
	d := &messages.ReplicaDescription{LogStart: r.p.LogStart(), HighWatermark: r.p.HighWatermark(), LogEnd: r.p.LogEnd(), Bytes: r.p.Bytes()}
	for _, q := range r.p.Progress(r.o.System.Now()) {
		d.Progress = append(d.Progress, messages.ReplicaProgress{
			RaftID: q.RaftID, Learner: q.Learner, LogEnd: q.LogEnd, ContactMillis: millis(q.Contact),
			CaughtUpMillis: min(millis(q.CaughtUp), millis(q.Contact)), // nothing is known of the time after
		})
	}
	return d
}

// millis is a time in milliseconds since 1970, -1 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}
