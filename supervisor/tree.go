package supervisor

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/coordinator"
	"troupe/actors/messages"
	"troupe/actors/replica"
	"troupe/actors/session"
	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// What a tree of actors is built with, beside the settings.
type treeOptions struct {
	Settings  *config.Settings
	Store     partition.Store
	StoreID   string
	ClusterID string
	NodeID    kafka.BrokerID
	// Listen opens the listener for Kafka's clients. Where it is nil there is none, and sessions are spawned by hand.
	Listen func() (net.Listener, error)
	// Ready is called once, when the node serves; failed when it never will.
	Ready   func(*session.Listener)
	Failed  func(error)
	Observe func(api string, code int16, took time.Duration)
	// MachineSegmentBytes and MachineSnapshotRecords are those of the constants below; a simulation has smaller ones.
	MachineSegmentBytes    int64
	MachineSnapshotRecords int
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

	directory *actor.PID
	said      sync.Map // what was logged about settings that can't be read
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
	// raft's own clock does not tick in a cluster of one.
	electionTicks, heartbeatTicks = 10, 2
)

// buildTree starts the node's actors.
func buildTree(system *actors.System, o treeOptions) (*builder, error) {
	if o.MachineSegmentBytes == 0 {
		o.MachineSegmentBytes = machineSegmentBytes
	}
	if o.MachineSnapshotRecords == 0 {
		o.MachineSnapshotRecords = machineSnapshotRows
	}
	b := &builder{o: o, system: system, router: messages.NewRouter(), tails: partition.NewTails(tailBytes), answers: actors.NewCredits(answerBytes)}
	b.lags = &lags{router: b.router, offsets: map[kafka.PartitionNumber]map[lagKey]committed{}}
	_, err := system.Spawn(nil, actors.Kind{Name: "node"}, fmt.Sprintf("node-%d", o.NodeID), func() actor.Actor { return &node{b: b} })
	return b, err
}

// node is the top of the tree. It does what has to be done in an order until the node serves.
type node struct {
	b    *builder
	self *actor.PID
	ctx  actor.Context
	next func(err error) // with the answer that is waited for
	slot uint64
}

// listening says that the listener is open.
type listening struct {
	socket net.Listener
	err    error
}

// Receive handles one message.
func (n *node) Receive(ctx actor.Context) {
	n.ctx = ctx
	switch m := ctx.Message().(type) {
	case *actor.Started:
		n.self = ctx.Self()
		n.start()
	case *messages.Reply:
		if m.Slot == n.slot && n.next != nil {
			next := n.next
			n.next = nil
			next(m.Err)
		}
	case *listening:
		n.register(m)
	case *actor.Stopping:
		n.b.o.Failed(errTreeEnded)
	}
}

// errTreeEnded says that the top of the tree is gone. That is so at the end of an orderly shutdown too, when nobody asks.
var errTreeEnded = errors.New("the top of the actor tree has ended; the log has its panic")

// expect returns where the next answer goes.
func (n *node) expect(next func(err error)) messages.ReplyTo {
	n.slot++
	n.next = next
	return messages.ReplyTo{PID: n.self, Slot: n.slot}
}

func (n *node) await(holds func(*messages.View) bool, then func()) {
	n.ctx.Send(n.b.directory, &awaitView{holds, n.expect(func(err error) {
		if err != nil { // the directory was restarted
			n.await(holds, then)
			return
		}
		then()
	})})
}

func (n *node) start() {
	b := n.b
	parent := b.system.Actors().NewLocalPID(n.self.Id + "/partitions")
	var err error
	b.directory, err = b.system.Spawn(n.ctx, actors.Kind{Name: "directory", Batching: true}, "directory", func() actor.Actor {
		return &directory{system: b.system, router: b.router, partitions: parent}
	})
	n.check(err)
	b.env = api.NewEnv(b.apiOptions())
	_, err = b.system.Spawn(n.ctx, actors.Kind{Name: "partitions"}, "partitions", func() actor.Actor { return &partitions{b: b} })
	n.check(err)
	n.await(func(v *messages.View) bool { return isServing(v, b.o.NodeID) }, func() {
		b.system.Root().Send(parent, &dropOrphans{})
		n.listen()
	})
}

func (n *node) check(err error) {
	if err != nil {
		panic(err)
	}
}

func (n *node) listen() {
	listen := n.b.o.Listen
	if listen == nil {
		n.register(&listening{})
		return
	}
	n.b.system.Work(n.self, func() any {
		socket, err := listen()
		return &listening{socket, err}
	})
}

// register tells the controller where clients find this node.
func (n *node) register(m *listening) {
	if m.err != nil {
		n.b.o.Failed(fmt.Errorf("open the listener for Kafka's clients: %w", m.err))
		return
	}
	me, err := n.b.me(m.socket)
	if err != nil {
		n.b.o.Failed(err)
		return
	}
	l, ok := n.b.router.View().Controller()
	if !ok {
		n.registerAgain(m)
		return
	}
	n.ctx.Send(l.Coordinator, &messages.Coordinate{Body: &metadata.RegisterBroker{Broker: me}, Broker: me.ID, Reply: n.expect(func(err error) {
		if err != nil {
			level.Warn(n.b.system.Logger()).Log("msg", "the controller does not register this node yet", "err", err)
			n.registerAgain(m)
			return
		}
		n.await(func(v *messages.View) bool { b := v.Image.Broker(me.ID); return b != nil && *b == me }, func() { n.serve(m.socket) })
	})})
}

func (n *node) registerAgain(m *listening) { n.b.system.After(100*time.Millisecond, n.self, m) }

func (n *node) serve(socket net.Listener) {
	if socket == nil {
		n.b.o.Ready(nil)
		return
	}
	s := n.b.o.Settings
	l, err := session.Listen(n.ctx, session.Options{
		Env: n.b.env, Socket: socket, RequestBytesMax: int(s.Int("socket.request.max.bytes")), QueuedBytesMax: s.Int("queued.max.request.bytes"),
		IdleMax: s.Millis("connections.max.idle.ms"), Limits: n.b.connectionLimits,
	})
	n.check(err)
	n.b.o.Ready(l)
}

// me is this node as clients are told of it.
func (b *builder) me(socket net.Listener) (metadata.Broker, error) {
	address := b.o.Settings.Get("advertised.address")
	if address == "" {
		address = b.o.Settings.Get("listener.address")
		if socket != nil {
			address = socket.Addr().String()
		}
	}
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil {
		return metadata.Broker{}, fmt.Errorf("advertised.address %q is not HOST:PORT", address)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() { // every address of this machine is none to connect to
		if host, err = os.Hostname(); err != nil {
			return metadata.Broker{}, fmt.Errorf("what this machine is called is not known; set advertised.address: %w", err)
		}
	}
	return metadata.Broker{ID: b.o.NodeID, StoreID: b.o.StoreID, RaftID: 1, Host: host, Port: int32(number), Rack: b.o.Settings.Get("broker.rack")}, nil
}

// setting returns a broker's setting as it is now.
func (b *builder) setting(name string) string {
	l := b.router.View().Image.BrokerConfig(b.o.NodeID, b.o.Settings.Static())
	for _, layer := range []map[string]string{l.Broker, l.DefaultBroker} {
		if v, ok := layer[name]; ok {
			return v
		}
	}
	return b.o.Settings.Get(name)
}

// number returns a broker's setting that is a number, as it is now. A value that the metadata holds and that can't be read, such as an earlier
// version may have taken, is passed over for that of the node's start.
func (b *builder) number(name string) int {
	value := b.setting(name)
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err == nil {
		return n
	}
	if _, again := b.said.LoadOrStore(name+"="+value, true); !again {
		level.Error(b.system.Logger()).Log("msg", "a setting that was altered can't be read; the one of the start is used", "name", name, "value", value, "err", err)
	}
	return int(b.o.Settings.Int(name))
}

func (b *builder) connectionLimits() (all, perHost int) {
	return b.number("max.connections"), b.number("max.connections.per.ip")
}

func (b *builder) apiOptions() api.Options {
	s := b.o.Settings
	static := maps.Clone(s.Static())
	static["node.id"] = s.Get("node.id") // the data folder has it, even where nobody has said it
	return api.Options{
		System: b.system, Router: b.router, Directory: b.directory, Broker: b.o.NodeID, Static: static,
		AutoCreateTopics: s.Bool("auto.create.topics.enable"), OffsetsPartitions: int32(s.Int("offsets.topic.num.partitions")),
		OffsetsReplication: int16(s.Int("offsets.topic.replication.factor")), FetchBytesMax: int(s.Int("fetch.max.bytes")),
		FetchSessions: int(s.Int("max.incremental.fetch.session.cache.slots")), DescribePartitionsMax: int(s.Int("max.request.partition.size.limit")),
		Observe: b.o.Observe, Answers: b.answers,
	}
}

// partitionConfig is what a topic's settings come to for its partitions.
func (b *builder) partitionConfig(image *metadata.Image, w wantedPartition) partition.Config {
	if w.internal {
		return b.machineConfig()
	}
	c := image.TopicConfig(w.name.Topic, b.o.NodeID, b.o.Settings.Static())
	return partition.Config{
		SegmentBytes: c.SegmentBytes, SegmentMillis: c.SegmentMillis, RetentionBytes: c.RetentionBytes, RetentionMillis: c.RetentionMillis,
		MinInsyncReplicas: c.MinInsyncReplicas, LogAppendTime: c.LogAppendTime, ProducerExpiry: time.Duration(b.number("producer.id.expiration.ms")) * time.Millisecond,
	}
}

// machineConfig is for the log of a machine, which is bounded by snapshots and not by time.
func (b *builder) machineConfig() partition.Config {
	return partition.Config{
		SegmentBytes: b.o.MachineSegmentBytes, SegmentMillis: 1 << 62, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: 24 * time.Hour,
	}
}

func (b *builder) replica(o partition.Options) replica.Options {
	o.Tails, o.ElectionTicks, o.HeartbeatTicks = b.tails, electionTicks, heartbeatTicks
	return replica.Options{
		System: b.system, Store: b.o.Store, Partition: o, Broker: b.o.NodeID, Directory: b.directory, Answers: b.answers,
		RetainEvery: b.o.Settings.Millis("log.retention.check.interval.ms"),
	}
}

// replicaOf is the replica of a topic's partition.
func (b *builder) replicaOf(number kafka.PartitionNumber, w wantedPartition, c partition.Config) replica.Options {
	if w.internal {
		return b.groupsReplica(number, w, c)
	}
	return b.replica(partition.Options{Number: number, Name: w.name, Config: c, RaftID: w.raftID, Founding: w.founding})
}

// groupsReplica is the replica of a partition of __consumer_offsets.
func (b *builder) groupsReplica(number kafka.PartitionNumber, w wantedPartition, c partition.Config) replica.Options {
	o := b.replica(partition.Options{Number: number, Name: w.name, Config: c, Machine: true, RaftID: w.raftID, Founding: w.founding})
	s := b.o.Settings
	options := group.Options{
		MinSessionTimeout: s.Millis("group.min.session.timeout.ms"), MaxSessionTimeout: s.Millis("group.max.session.timeout.ms"),
		InitialRebalanceDelay: s.Millis("group.initial.rebalance.delay.ms"), MaxSize: int(s.Int("group.max.size")),
		OffsetMetadataMaxBytes: int(s.Int("offset.metadata.max.bytes")), OffsetsRetention: s.Minutes("offsets.retention.minutes"),
		OffsetsCheckInterval: s.Millis("offsets.retention.check.interval.ms"),
	}
	o.Coordinator = func(parent actor.Context) (*actor.PID, error) {
		return coordinator.Spawn(parent, coordinator.Options{
			System: b.system, Store: b.o.Store, Number: number, Broker: b.o.NodeID, KeyKind: "group", KeyOf: group.KeyOf,
			Machine:    func(id string) partition.Machine { return group.New(id, options) },
			NotServing: kerr.NotCoordinator, Committed: func(m coordinator.Committed) { b.lags.note(number, m) }, SnapshotBytes: machineSnapshotBytes, SnapshotRecords: b.o.MachineSnapshotRecords, SweepEvery: options.OffsetsCheckInterval,
		})
	}
	return o
}

// metadataReplica is the replica of the cluster's metadata, which is there before there is any metadata.
func (b *builder) metadataReplica() replica.Options {
	o := b.replica(partition.Options{
		Number: kafka.MetadataPartition, Name: kafka.TopicPartition{Topic: messages.MetadataTopic}, Config: b.machineConfig(), Machine: true,
		RaftID: 1, Founding: []uint64{1},
	})
	s := b.o.Settings
	o.Coordinator = func(parent actor.Context) (*actor.PID, error) {
		return coordinator.Spawn(parent, coordinator.Options{
			System: b.system, Store: b.o.Store, Number: kafka.MetadataPartition, Broker: b.o.NodeID, KeyKind: "controller",
			KeyOf: func([]byte) (string, bool) { return "", true },
			Machine: func(string) partition.Machine {
				return metadata.NewController(metadata.ControllerOptions{
					ClusterID: b.o.ClusterID, DefaultPartitions: int32(s.Int("num.partitions")),
					DefaultReplicationFactor: int16(s.Int("default.replication.factor")), DeleteTopics: s.Bool("delete.topic.enable"),
					Broker: b.o.NodeID, Static: s.Static(),
				})
			},
			NotServing:    kerr.NotController,
			Committed:     func(m coordinator.Committed) { b.system.Root().Send(b.directory, &m) },
			SnapshotBytes: machineSnapshotBytes, SnapshotRecords: b.o.MachineSnapshotRecords,
		})
	}
	return o
}
