package supervisor

import (
	"time"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// serveWithin is how long a broker may lead before it serves clients. It does so a moment after it has begun, unless it does not reach the controller.
const serveWithin = 2 * time.Second

// watchUnserving notes since when brokers lead though clients can't know where they are: they have begun, and are fenced.
func (p *balance) watchUnserving(view *messages.View) {
	now := p.b.system.Now()
	unserving := map[kafka.BrokerID]time.Time{}
	for _, b := range view.Image.Brokers() {
		if !b.Fenced || b.CutOff() || view.LeaderCount(b.ID) == 0 {
			continue
		}
		since, ok := p.unserving[b.ID]
		if !ok {
			since = now
			p.after(serveWithin, &silentForLong{})
		}
		unserving[b.ID] = since
	}
	p.unserving = unserving
}

// isToLeave tells whether nobody should be led by a broker, since clients don't come to it or are about not to.
func (p *balance) isToLeave(view *messages.View, id kafka.BrokerID) bool {
	since, unserving := p.unserving[id]
	return unserving && p.b.system.Now().Sub(since) >= serveWithin || view.IsCutOff(id) || view.Image.Draining(id)
}
