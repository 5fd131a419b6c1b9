package supervisor

import (
	"fmt"
	"time"

	"github.com/go-kit/log"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/actors/session"
	"troupe/partition/config"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/metadata"
)

// A simNode is a machine with its disk, through all lives of the process on it.
type simNode struct {
	s  *simulation
	id kafka.BrokerID

	// What its disk holds.
	store   *logstore.Memory
	wipes   int // before that
	cluster string
	replica uint64

	lives  int
	system *actors.System // nil while there is no process
	tree   *builder
	links  *simLinks
	ready  bool
	lost   bool // its disk, and it is not back yet
	frozen bool
	syncs  int // until it crashes at a write; 0 for never
	// takesAll: it is the power that fails then, for all nodes.
	takesAll bool
	full     bool            // its disk
	tell     func(full bool) // nil while there is nobody to tell
	slow     int             // how many times slower its disk is than others
	// sabotage, where not nil, tells at what actors panic beside that.
	sabotage func(kind, id string, message any) bool
}

func (n *simNode) linkAddress() string { return fmt.Sprintf("10.0.0.%d:9640", n.id) }

func (n *simNode) storeID() string { return fmt.Sprintf("store-%d-%d", n.id, n.wipes) }

// format gives the node an empty disk.
func (n *simNode) format() {
	n.mount(logstore.NewMemory(n.disk))
	n.store.Together = func(waiting int) int { return 1 + n.s.chance.IntN(waiting) }
	n.cluster, n.replica = "", 0
	if n.s.shape.nodes == 1 {
		n.cluster, n.replica = "cluster", metadata.FounderRaftID
	}
}

// mount makes a disk, or what a crash has left of it, the node's.
func (n *simNode) mount(store *logstore.Memory) {
	n.store = store
	n.s.checks.disks[n.storeID()] = store
}

// boot starts the process on what the disk holds.
func (n *simNode) boot() {
	s := n.s
	set := []string{
		fmt.Sprintf("listener.address=10.0.0.%d:9092", n.id), "offsets.topic.num.partitions=2", "group.initial.rebalance.delay.ms=0",
		"log.retention.check.interval.ms=15", "replica.lag.time.max.ms=1000",
	}
	if len(s.nodes) > 1 || s.shape.nodes > 1 {
		set = append(set, "log.retention.check.interval.ms=500", "offsets.topic.replication.factor=3", "default.replication.factor=3", "link.address="+n.linkAddress(), "seeds="+s.net.seeds())
	}
	settings, err := config.Load(config.Sources{Set: set})
	if err != nil {
		s.t.Fatal(err)
	}
	n.lives++
	n.ready, n.frozen, n.syncs, n.takesAll = false, false, 0, false
	incarnation := uint64(n.id)*1000 + uint64(n.lives)
	logger := log.With(s.logger, "node", n.id)
	n.system = actors.NewSystem(actors.Options{
		Address: messages.AddressOf(n.id), Incarnation: incarnation, Stepper: s.st, Rand: s.chance, Policies: policies, Fault: n.fault, Logger: logger,
		OnGivenUp: func(kind, id string, reason *actors.Panic) {
			if isVital(kind, id) {
				s.errorf("node %d: the actor %s failed too often: %v\n%s", n.id, id, reason, reason.Stack)
			}
		},
	})
	o := treeOptions{
		Settings: settings, Store: simStore{n.store, n, map[kafka.PartitionNumber]consensus.Index{}}, StoreID: n.storeID(), ClusterID: n.cluster, Replica: n.replica, NodeID: n.id, Incarnation: incarnation,
		Join:      n.join,
		WatchFull: func(tell func(bool)) bool { n.tell = tell; return n.full },
		Ready:     func(*session.Listener) { n.ready = true },
		Failed:    func(err error) { s.errorf("node %d failed: %v", n.id, err) },

		MachineSegmentBytes: 600, MachineSnapshotRecords: 8,
	}
	if s.shape.nodes > 1 {
		n.links = startSimLinks(s.net, n, incarnation)
		o.Network, o.LinkAddress = n.links, n.linkAddress()
	}
	if n.tree, err = buildTree(n.system, o); err != nil {
		s.t.Fatal(err)
	}
}

// fill makes the disk full, as far as the node takes records, and empty makes room.
func (n *simNode) fill(full bool) {
	if n.full == full {
		return
	}
	if n.full = full; n.tell != nil {
		n.tell(full)
	}
}

// join makes the disk that of a cluster, once.
func (n *simNode) join(cluster string, replica uint64) error {
	if n.cluster != "" && n.cluster != cluster || n.replica != 0 && n.replica != replica {
		n.s.errorf("node %d is of cluster %s with replica %d and shall be of cluster %s with replica %d", n.id, n.cluster, n.replica, cluster, replica)
	}
	n.cluster, n.replica = cluster, replica
	n.s.checks.joined(n)
	return nil
}

// disk makes writes durable after a while, as one of the stepper's steps. The process may crash at any of them.
func (n *simNode) disk(sync func()) {
	life := n.lives
	took := time.Duration(n.s.chance.IntN(3000)) * time.Microsecond * time.Duration(max(1, n.slow))
	n.s.st.AfterFunc(took, func() {
		if life != n.lives || n.system == nil { // a disk does nothing for a process that has crashed
			return
		}
		if n.syncs--; n.syncs == 0 {
			if n.takesAll {
				n.s.crashAll()
			}
			n.s.crash(n)
			return
		}
		sync()
	})
}

// crash ends the process at once; what the disk holds then is what the next one begins with.
func (n *simNode) crash() {
	n.s.result.crashes++
	n.s.checks.image(n)
	n.s.st.Kill(n.system)
	n.mount(n.store.Crash(n.s.chance, n.disk))
	n.s.checks.disk(n)
	n.system, n.tell, n.ready, n.frozen = nil, nil, false, false
	n.s.net.died(n)
	for _, c := range n.s.clients {
		if c.node == n {
			c.broken()
		}
	}
}

// freeze has nothing of the process run for a while.
func (n *simNode) freeze(d time.Duration) {
	if n.system == nil || n.frozen {
		return
	}
	n.frozen = true
	life := n.lives
	n.s.st.Freeze(n.system)
	n.s.st.AfterFunc(d, func() {
		if life == n.lives {
			n.thaw()
		}
	})
}

func (n *simNode) thaw() {
	if n.frozen {
		n.frozen = false
		n.s.st.Thaw(n.system)
		n.s.net.pump()
	}
}

// fault looks at what actors hear, and has one of them panic now and then.
func (n *simNode) fault(kind, id string, message any) {
	n.s.checks.heard(n, kind, message)
	if n.sabotage != nil && n.sabotage(kind, id, message) {
		panic(fmt.Sprintf("sabotage at a %T", message))
	}
	often := 1
	switch kind {
	case "node", "links":
		return
	case "membership", "directory", "partitions", "balance": // they hear little, and all hear of it
		often = 20
	}
	if n.ready && !n.s.calm && !n.s.isQuiet() && n.s.panics[id] < 2 && n.s.chance.IntN(n.s.shape.panics/often) == 0 {
		n.s.panics[id]++
		panic(fmt.Sprintf("the simulation's, at a %T", message))
	}
}
