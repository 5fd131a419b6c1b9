package supervisor

import (
	"time"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// fenceAfter is how long a broker may be silent before it is fenced, so that new replicas go to others, and it can be unregistered. One whose process is known to be dead is fenced at once.
const fenceAfter = 10 * time.Second

// listen notes since when brokers are not there.
func (p *balance) listen(view *messages.View) {
	now := p.b.system.Now()
	silent := map[kafka.BrokerID]time.Time{}
	for _, b := range view.Image.Brokers() {
		if b.ID == p.b.o.NodeID || view.IsLive(b.ID) {
			continue
		}
		since, ok := p.silent[b.ID]
		if !ok {
			since = now
			p.after(fenceAfter, &silentForLong{})
		}
		silent[b.ID] = since
	}
	p.silent = silent
}

// toFence returns the requests that fence the brokers that have been silent for long, or are dead. One that comes back registers again.
func (p *balance) toFence(view *messages.View) (out []*metadata.FenceBroker) {
	for _, b := range view.Image.Brokers() {
		since, silent := p.silent[b.ID]
		if silent && !b.Fenced && (p.b.system.Now().Sub(since) >= fenceAfter || view.IsGone(b.ID, b.Incarnation)) {
			out = append(out, &metadata.FenceBroker{ID: b.ID, Incarnation: b.Incarnation})
		}
	}
	return out
}
