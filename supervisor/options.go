package supervisor

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors/api"
	"troupe/actors/coordinator"
	"troupe/actors/replica"
	"troupe/partition"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// me is this node as clients are told of it.
func (b *builder) me(socket net.Listener) (metadata.Broker, error) {
	at := b.o.Settings.Get("listener.address")
	if socket != nil {
		at = socket.Addr().String()
	}
	host, port, err := advertised(b.o.Settings.Get("advertised.address"), at)
	if err != nil {
		return metadata.Broker{}, fmt.Errorf("advertised.address: %w", err)
	}
	return metadata.Broker{Host: host, Port: int32(port), Rack: b.o.Settings.Get("broker.rack")}, nil
}

// advertised is where others are told to reach a listener: what a setting says or, where that is empty, where it listens.
func advertised(setting, listensAt string) (host string, port int, err error) {
	address := cmp.Or(setting, listensAt)
	host, digits, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(digits, 10, 16)
	if err != nil || portErr != nil || number == 0 {
		return "", 0, fmt.Errorf("%q is not HOST:PORT with a port that others can connect to, which is a number from 1 to 65535", address)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() { // every address of this machine is none to connect to
		if host, err = os.Hostname(); err != nil {
			return "", 0, fmt.Errorf("what this machine is called is not known; say HOST:PORT: %w", err)
		}
	}
	return host, int(number), nil
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
		LogDir: b.o.DataDir, Disk: b.o.Disk, Observe: b.o.Observe, Answers: b.answers, Single: b.single(),
	}
}

// single is the one address that clients are told, nil where they are told of all nodes.
func (b *builder) single() *api.Endpoint {
	address := b.o.Settings.Get("advertise.single")
	if address == "" {
		return nil
	}
	host, port, err := advertised(address, "")
	if err != nil {
		panic(err) // the settings were checked
	}
	return &api.Endpoint{Host: host, Port: int32(port)}
}

// partitionConfig is what a topic's settings come to for its partitions.
func (b *builder) partitionConfig(image *metadata.Image, w wantedPartition) partition.Config {
	if w.internal {
		return b.machineConfig()
	}
	c := image.TopicConfig(w.name.Topic, b.o.NodeID, b.o.Settings.Static())
	return partition.Config{
		SegmentBytes: c.SegmentBytes, SegmentMillis: c.SegmentMillis, RetentionBytes: c.RetentionBytes, RetentionMillis: c.RetentionMillis,
		MinInsyncReplicas: c.MinInsyncReplicas, LogAppendTime: c.LogAppendTime, ReplicaLagTimeMax: b.o.Settings.Millis("replica.lag.time.max.ms"), ProducerExpiry: time.Duration(b.number("producer.id.expiration.ms")) * time.Millisecond,
	}
}

// machineConfig is for the log of a machine, which is bounded by snapshots and not by time.
func (b *builder) machineConfig() partition.Config {
	return partition.Config{
		SegmentBytes: b.o.MachineSegmentBytes, SegmentMillis: 1 << 62, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: 24 * time.Hour,
		ReplicaLagTimeMax: b.o.Settings.Millis("replica.lag.time.max.ms"),
	}
}

func (b *builder) replica(o partition.Options) replica.Options {
	o.Tails, o.ElectionTicks, o.HeartbeatTicks = b.tails, electionTicks, heartbeatTicks
	return replica.Options{
		System: b.system, Store: b.o.Store, Partition: o, Broker: b.o.NodeID, Directory: b.directory, Answers: b.answers, Snapshots: b.snapshots, Pace: b.pace,
		RetainEvery: b.o.Settings.Millis("log.retention.check.interval.ms"), TickEvery: tickEvery,
	}
}

const (
	// tickEvery is raft's logical clock, of which each tick is up to a quarter shorter: a leader says every 150 to 200 ms that it is there, and who has not heard of one for 600 to 1,400 ms campaigns. It is a slow one: a node's death is
	// noticed by its link, and thousands of replicas that are awake at once, after a node has come or gone, must not be busy with telling each other that they are there.
	tickEvery                     = 200 * time.Millisecond
	electionTicks, heartbeatTicks = 4, 1
)

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
func (b *builder) metadataReplica(cluster string, raftID uint64) replica.Options {
	o := b.replica(partition.Options{
		Number: kafka.MetadataPartition, Name: kafka.TopicPartition{Topic: metadata.MetadataTopic}, Config: b.machineConfig(), Machine: true,
		RaftID: raftID, Founding: []uint64{metadata.FounderRaftID},
	})
	s := b.o.Settings
	o.Coordinator = func(parent actor.Context) (*actor.PID, error) {
		return coordinator.Spawn(parent, coordinator.Options{
			System: b.system, Store: b.o.Store, Number: kafka.MetadataPartition, Broker: b.o.NodeID, KeyKind: "controller",
			KeyOf: func([]byte) (string, bool) { return "", true },
			Machine: func(string) partition.Machine {
				return metadata.NewController(metadata.ControllerOptions{
					ClusterID: cluster, DefaultPartitions: int32(s.Int("num.partitions")),
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
