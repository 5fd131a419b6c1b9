package supervisor

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/messages"
	"troupe/actors/replica"
	"troupe/actors/session"
	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// What a tree of actors is built with, beside the settings.
type treeOptions struct {
	Settings *config.Settings
	Store    partition.Store
	StoreID  string
	NodeID   kafka.BrokerID
	// ClusterID and Replica are what the data folder says: empty and 0 where the node has founded no cluster and joined none, and where the controller has
	// not given it a replica of the metadata. Join makes the folder say so; it may block.
	ClusterID string
	Replica   uint64
	Join      func(clusterID string, replica uint64) error
	// DataDir is the data folder as an absolute path, and Disk, where not nil, how large its disk is and how much of it can be used.
	DataDir string
	Disk    func() (total, usable int64)
	// WatchFull, where not nil, tells whether the disk is full, and calls tell, from any goroutine, whenever that changes.
	WatchFull func(tell func(full bool)) (full bool)
	// Incarnation tells this run of the node from earlier ones.
	Incarnation uint64
	// Network is how the node reaches others, LinkAddress where they reach it; nil and empty for a cluster of one.
	Network     network
	LinkAddress string
	// Listen opens the listener for Kafka's clients. Where it is nil there is none, and sessions are spawned by hand.
	Listen func() (net.Listener, error)
	// Ready is called once, when the node serves; failed when it never will.
	Ready  func(*session.Listener)
	Failed func(error)
	// LinkedWith, where not nil, is told the id of the folder that another node has when a link with it is up, and an empty one when it is down.
	LinkedWith func(id kafka.BrokerID, store string)
	Observe    func(api string, code int16, took time.Duration)
	// MachineSegmentBytes and MachineSnapshotRecords are those of the constants below; a simulation has smaller ones.
	MachineSegmentBytes    int64
	MachineSnapshotRecords int
	// VoterSilentMax is metadata.VoterSilentMax where it is zero.
	VoterSilentMax time.Duration
}

// A builder knows how each actor of the tree is made.
type builder struct {
	o      treeOptions
	system *actors.System
	router *messages.Router
	tails  *partition.Tails
	env    *api.Env
	lags   *lags
	// answers bounds what is read for clients and not written to them.
	answers *actors.Credits
	// snapshots bounds how many the node sends at once, pace how fast it sends what followers have missed.
	snapshots *replica.Snapshots
	pace      *replica.Pace

	node, membership, directory, partitions, balance, sessions *actor.PID
	said                                                       sync.Map // what was logged about settings that can't be read
}

const (
	// tailBytes is how much of the newest records all partitions keep in memory together.
	tailBytes = 256 << 20
	// answerBytes is how much may be read for clients and not be written to them yet.
	answerBytes = 256 << 20
	// A machine's log is cut where a snapshot stands for it, segment by segment.
	machineSegmentBytes  = 16 << 20
	machineSnapshotBytes = 64 << 20
	machineSnapshotRows  = 100_000
)

// buildTree starts the node's actors.
func buildTree(system *actors.System, o treeOptions) (*builder, error) {
	if o.MachineSegmentBytes == 0 {
		o.MachineSegmentBytes = machineSegmentBytes
	}
	if o.MachineSnapshotRecords == 0 {
		o.MachineSnapshotRecords = machineSnapshotRows
	}
	if o.VoterSilentMax == 0 {
		o.VoterSilentMax = metadata.VoterSilentMax
	}
	b := &builder{
		o: o, system: system, router: messages.NewRouter(), tails: partition.NewTails(tailBytes), answers: actors.NewCredits(answerBytes), snapshots: replica.NewSnapshots(),
		pace: replica.NewPace(o.Settings.Int("replica.catchup.bytes.per.second")),
	}
	b.lags = &lags{router: b.router, self: o.NodeID, offsets: map[kafka.PartitionNumber]map[lagKey]committed{}}
	top := system.Actors().NewLocalPID(actors.TopName(nodeName(o.NodeID), o.Incarnation)).Id
	at := func(name string) *actor.PID { return system.Actors().NewLocalPID(top + "/" + name) }
	b.node = system.Actors().NewLocalPID(top)
	b.membership, b.directory, b.partitions = at("membership"), at("directory"), at("partitions")
	b.balance, b.sessions = at("balance"), at("sessions")
	_, err := system.Spawn(nil, actors.Kind{Name: "node"}, nodeName(o.NodeID), func() actor.Actor { return &node{b: b} })
	return b, err
}

func nodeName(id kafka.BrokerID) string { return fmt.Sprintf("node-%d", id) }

// membershipOf is where the network tells a node about others; it is known before the actor is there.
func membershipOf(system *actors.System, id kafka.BrokerID, incarnation uint64) *actor.PID {
	return system.Actors().NewLocalPID(actors.TopName(nodeName(id), incarnation) + "/membership")
}
