package supervisor

import (
	"testing"
	"time"
)

// TestSimulatedCluster runs three nodes as TestSimulation runs one, from empty folders: they find each other, found a cluster, and replicate what clients write. Nodes
// crash, one or all of them; they freeze, are cut off, in one direction or both, and their disks are slow, full or lost; connections break, and raft's messages are lost, come twice or late. The
// logs of coordinators, and that of a topic of which records are deleted, are so short that a replica which was away, or whose disk was lost, is sent a snapshot. What was acknowledged
// is there in the end, once and in order, on every replica, and where it was acknowledged it was on the disks of a majority and of min.insync.replicas.
// A partition has one leader in an epoch, what was committed never changes, its high watermark never goes back, a raft id is never used on two disks, and when the
// faults end the cluster is whole again by itself.
//
// In half of the seeds partitions are reassigned all the time, and disks are lost while every partition has three replicas. In the end each node has the partitions that the metadata
// gives it, and no other. In some of the others the link between the controller and one node is cut for long, and nobody is kept from writing by that.
//
// SIM_SEEDS says how many seeds (25), and SIM_SEED runs a single one.
func TestSimulatedCluster(t *testing.T) {
	simulateSeeds(t, 25, simShape{
		nodes: 3, topics: []simSpec{
			{name: "orders", partitions: 1, minInSync: 2}, {name: "clicks", partitions: 1, minInSync: 1}, {name: "events", partitions: 1, minInSync: 1, trimmed: true},
			{name: "audit", partitions: 1, minInSync: 3},
		},
		records: 400, lasts: 57 * time.Second, stepsMax: 5_000_000, twice: 10, panics: 20_000, moves: 2, severed: 2, enough: 25,
	})
}
