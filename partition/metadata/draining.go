package metadata

import (
	"slices"
	"strings"

	"troupe/partition/kafka"
)

// DrainingConfig is the setting of a broker that says that it is being drained: its replicas, its leadership and its vote on the metadata go to
// others, and it gets no new ones.
const DrainingConfig = "broker.draining"

// Draining tells whether a broker is being drained.
func (i *Image) Draining(id kafka.BrokerID) bool {
	return strings.EqualFold(i.Config(brokerResource(id))[DrainingConfig], "true")
}

// lasting are the brokers that are not being drained, by id.
func (i *Image) lasting() []*Broker {
	return slices.DeleteFunc(i.Brokers(), func(b *Broker) bool { return i.Draining(b.ID) })
}

// takers are the brokers that may be given replicas, by id.
func (i *Image) takers() []*Broker {
	return slices.DeleteFunc(i.lasting(), func(b *Broker) bool { return b.Fenced })
}
