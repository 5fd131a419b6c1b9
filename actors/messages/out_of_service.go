package messages

import (
	"maps"
	"slices"

	"troupe/partition/kafka"
)

// OutOfService tells a replica on which nodes those of its partition have failed for good, whenever that changes.
type OutOfService struct{ Nodes []kafka.BrokerID }

// OutOfService are the partitions of which replicas have failed for good on nodes that are there, and these nodes, by id. It is not to be changed.
func (v *View) OutOfService() map[kafka.PartitionNumber][]kafka.BrokerID { return v.outOfService }

// IsOutOfService tells whether a partition's replica on a node has failed for good.
func (v *View) IsOutOfService(number kafka.PartitionNumber, node kafka.BrokerID) bool {
	return slices.Contains(v.outOfService[number], node)
}

// FailedOn returns what a node tells others of its replicas that are out of service, in the order of the numbers.
func (v *View) FailedOn(node kafka.BrokerID) (out []Led) {
	for _, number := range slices.Sorted(maps.Keys(v.outOfService)) {
		if v.IsOutOfService(number, node) {
			out = append(out, Led{number, Leader{Broker: node, OutOfService: true}})
		}
	}
	return out
}

// note takes in which replicas have failed for good. One of which anything else is told is in service again.
func (v *View) note(news []Led) {
	changed := false
	for _, m := range news {
		node := m.Leader.Broker
		if v.IsOutOfService(m.Number, node) == m.Leader.OutOfService {
			continue
		}
		if !changed {
			changed, v.outOfService = true, maps.Clone(v.outOfService)
		}
		if v.outOfService == nil {
			v.outOfService = map[kafka.PartitionNumber][]kafka.BrokerID{}
		}
		nodes := slices.DeleteFunc(slices.Clone(v.outOfService[m.Number]), func(id kafka.BrokerID) bool { return id == node })
		if m.Leader.OutOfService {
			nodes = append(nodes, node)
			slices.Sort(nodes)
		}
		if v.outOfService[m.Number] = nodes; len(nodes) == 0 {
			delete(v.outOfService, m.Number)
		}
	}
}

// forgetFailed forgets which replicas of a node have failed: it has ended, or says anew which.
func (v *View) forgetFailed(node kafka.BrokerID) {
	var back []Led
	for _, l := range v.FailedOn(node) {
		back = append(back, Led{l.Number, Leader{Broker: node}})
	}
	v.note(back)
}
