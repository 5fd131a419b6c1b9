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
	p.silent = p.since(view, p.silent, fenceAfter, func(b *metadata.Broker) bool { return b.ID != p.b.o.NodeID && !view.IsLive(b.ID) })
}

// since returns since when brokers are so, from what was known of that before. One that comes to be so is looked at again after a while.
func (p *balance) since(view *messages.View, before map[kafka.BrokerID]time.Time, again time.Duration, is func(*metadata.Broker) bool) map[kafka.BrokerID]time.Time {
	now := p.b.system.Now()
	out := map[kafka.BrokerID]time.Time{}
	for _, b := range view.Image.Brokers() {
		if !is(b) {
			continue
		}
		since, ok := before[b.ID]
		if !ok {
			since = now
			p.after(again, &soForLong{})
		}
		out[b.ID] = since
	}
	return out
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
