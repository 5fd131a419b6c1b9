package supervisor

import (
	"time"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// serveWithin is how long a broker may lead before it serves clients. It does so a moment after it has begun, unless it does not reach the controller.
const serveWithin = 2 * time.Second

// watchUnserving notes since when brokers lead though clients can't know where they are: they have begun, and are fenced.
func (p *balance) watchUnserving(view *messages.View) {
	p.unserving = p.since(view, p.unserving, serveWithin, func(b *metadata.Broker) bool { return b.Fenced && !b.CutOff() && view.LeaderCount(b.ID) > 0 })
}

// isOutOfReach tells whether clients don't come to a broker, or don't for long, since the controller does not reach it.
func (p *balance) isOutOfReach(view *messages.View, id kafka.BrokerID) bool {
	since, unserving := p.unserving[id]
	return unserving && p.b.system.Now().Sub(since) >= serveWithin || view.IsCutOff(id)
}

// isToLeave tells whether nobody should be led by a broker.
func (p *balance) isToLeave(view *messages.View, id kafka.BrokerID) bool {
	return p.isOutOfReach(view, id) || view.Image.Draining(id)
}
