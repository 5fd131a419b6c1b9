package messages

import (
	"maps"
	"slices"

	"troupe/partition/kafka"
)

// DiskFull tells the directory whether the disk of its node is full.
type DiskFull struct{ Full bool }

// FullDisks tells a replica on which nodes the disks are full, whenever that changes.
type FullDisks struct{ Nodes []kafka.BrokerID }

// WithDisk returns the view in which the disk of a node is full, or has room.
func (v *View) WithDisk(node kafka.BrokerID, full bool) *View {
	if v.full[node] == full {
		return v
	}
	next := *v
	next.full = maps.Clone(v.full)
	if full {
		if next.full == nil {
			next.full = map[kafka.BrokerID]bool{}
		}
		next.full[node] = true
	} else {
		delete(next.full, node)
	}
	return &next
}

// FullDisks are the nodes that are there with a full disk, by id.
func (v *View) FullDisks() []kafka.BrokerID { return slices.Sorted(maps.Keys(v.full)) }

// IsFull tells whether the disk of a node is full.
func (v *View) IsFull(node kafka.BrokerID) bool { return v.full[node] }
