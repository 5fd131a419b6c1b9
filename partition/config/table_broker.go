package config

import (
	"errors"
	"strconv"
)

// broker are the settings that only brokers have.
var broker = []Property{
	// The node.
	{Name: "node.id", Type: Int, Default: "1", Refuse: refuseNodeID, Doc: "The node's id in its cluster. It is written to the data folder, and can't change once the node has founded a cluster or was taken by one."},
	{Name: "broker.rack", Type: String, Doc: "Where the node stands; clients are told."},
	{Name: "broker.draining", Type: Boolean, Default: "false", Dynamic: true, Doc: "Whether the node is being drained: its replicas, its leadership and its vote on the metadata go to other nodes, and it gets no new ones. It is set for one node while that runs, by troupe cluster drain."},
	{Name: "data.dir", Type: String, Default: "./troupe-data", Doc: "The data folder. One process at a time may use it."},
	{Name: "disk.reserve.bytes", Type: Long, Default: "0", Min: -1, Max: 1 << 62, Doc: "Free space of the data folder's disk below which the node takes no records, hands over what it leads, and goes on with reads and deletions, until a quarter more than that is free. 0 takes what suits the disk: 1 GiB or a 20th of it, but at least 256 MiB, and an eighth of a disk that is smaller than 2 GiB. -1 keeps nothing free: the node ends when the disk is full."},
	{Name: "listener.address", Type: String, Default: "127.0.0.1:9092", Doc: "HOST:PORT on which Kafka clients are served; port 0 takes a free one."},
	{Name: "listener.insecure", Type: Boolean, Default: "false", Doc: "Allows a listener on an address that other machines reach, though nobody has to authenticate."},
	{Name: "advertised.address", Type: String, Doc: "HOST:PORT that clients are told to use; the listener's own where it is not set."},
	{Name: "link.address", Type: String, Doc: "HOST:PORT on which the other nodes of the cluster are linked with; port 0 takes a free one. Empty for a cluster of one."},
	{Name: "link.advertised.address", Type: String, Doc: "HOST:PORT that other nodes are told to use; link.address itself where it is not set."},
	{Name: "seeds", Type: List, Doc: "Links of nodes, HOST:PORT, alike on every node and separated by commas, by which a node finds its cluster. The nodes behind them found it when all of them are empty."},
	{Name: "link.secret.file", Type: String, Doc: "A file with a secret that all nodes of the cluster share; links are encrypted, and a node without it gets nothing."},
	{Name: "link.tls.cert.file", Type: String, Doc: "The node's certificate for its links, PEM; with link.tls.key.file and link.tls.ca.file, in the place of link.secret.file."},
	{Name: "link.tls.key.file", Type: String, Doc: "The key of the link's certificate, PEM."},
	{Name: "link.tls.ca.file", Type: String, Doc: "The certificates of who may sign those of the cluster's nodes, PEM."},
	{Name: "advertise.single", Type: String, Doc: "HOST:PORT that clients are told is the cluster's one broker, of id 0, such as a load balancer's or a forwarded port. Every node serves everything then, by asking the node that leads. Empty: clients are told of all nodes."},
	{Name: "admin.address", Type: String, Default: "127.0.0.1:9644", Doc: "HOST:PORT of metrics, health and the actor tree; port 0 takes a free one."},
	{Name: "log.level", Type: String, Default: "info", Values: []string{"debug", "info", "warn", "error"}, Doc: "What is logged, to stderr."},
	{Name: "log.format", Type: String, Default: "logfmt", Values: []string{"logfmt", "json"}, Doc: "The form of log lines."},
	// Topics.
	{Name: "num.partitions", Type: Int, Default: "1", Min: 1, Max: maxInt, Doc: "Partitions of a topic that is made without saying how many."},
	{Name: "default.replication.factor", Type: Int, Default: "-1", Min: -1, Max: maxShort, Refuse: refuseNoReplicas, Doc: "Replicas of a topic that is made without saying how many. -1 means three, or as many as there are brokers where they are fewer; such a topic grows to three when more join."},
	{Name: "auto.create.topics.enable", Type: Boolean, Default: "true", Doc: "Whether a topic is made when a producer or consumer asks for one that does not exist."},
	{Name: "delete.topic.enable", Type: Boolean, Default: "true", Doc: "Whether topics can be deleted."},
	{Name: "auto.leader.rebalance.enable", Type: Boolean, Default: "true", Doc: "Whether partitions go back to their preferred leaders by themselves, ten a second at most, once these are in sync."},
	{Name: "leader.imbalance.check.interval.seconds", Type: Long, Default: "300", Min: 1, Max: maxInt, Doc: "How often it is looked which partitions are not led by their preferred leaders."},
	{Name: "log.retention.check.interval.ms", Type: Long, Default: "300000", Min: 1, Max: 1 << 63, Doc: "How often partitions look for records that retention deletes."},
	{Name: "producer.id.expiration.ms", Type: Int, Default: "86400000", Min: 1, Max: maxInt, Dynamic: true, Doc: "How long an idempotent producer that writes nothing is remembered by a partition."},
	{Name: "replica.catchup.bytes.per.second", Type: Long, Default: "67108864", Min: 1 << 20, Max: 1 << 50, Doc: "How fast the node sends what replicas on other nodes have missed, all of them together. Twice of what is written to the partitions that the node leads comes to it, so that they catch up under any load.", Effect: "None while a cluster is one node."},
	{Name: "replica.lag.time.max.ms", Type: Long, Default: "30000", Min: 1, Max: 1 << 63, Doc: "How long a replica may lag and still be shown as in sync. No record's safety depends on it.", Effect: "None while a cluster is one node."},
	// Connections.
	{Name: "socket.request.max.bytes", Type: Int, Default: "104857600", Min: 1, Max: maxInt, Doc: "Size that a request may have."},
	{Name: "queued.max.request.bytes", Type: Long, Default: "134217728", Min: -1, Max: 1 << 63, Doc: "Size that all requests being served may have together; beyond it no more are read. -1 means no limit."},
	{Name: "connections.max.idle.ms", Type: Long, Default: "600000", Min: -1, Max: 1 << 63, Doc: "How long a connection may be silent before it is closed. -1 means for ever."},
	{Name: "max.connections", Type: Int, Default: "2147483647", Min: 0, Max: maxInt, Dynamic: true, Doc: "Connections that may be open at once."},
	{Name: "max.connections.per.ip", Type: Int, Default: "2147483647", Min: 0, Max: maxInt, Dynamic: true, Doc: "Connections that may be open at once from one address."},
	{Name: "max.incremental.fetch.session.cache.slots", Type: Int, Default: "1000", Min: 0, Max: maxInt, Doc: "Incremental fetch sessions that are kept (KIP-227)."},
	{Name: "fetch.max.bytes", Type: Int, Default: "57671680", Min: 1024, Max: maxInt, Doc: "Bytes that one fetch response may hold."},
	{Name: "max.request.partition.size.limit", Type: Int, Default: "2000", Min: 1, Max: maxInt, Doc: "Partitions that one DescribeTopicPartitions response may hold."},
	// Groups.
	{Name: "group.min.session.timeout.ms", Type: Int, Default: "6000", Min: 1, Max: maxInt, Doc: "Shortest session timeout that a member of a classic group may ask for."},
	{Name: "group.max.session.timeout.ms", Type: Int, Default: "1800000", Min: 1, Max: maxInt, Doc: "Longest session timeout that a member of a classic group may ask for."},
	{Name: "group.initial.rebalance.delay.ms", Type: Int, Default: "3000", Min: 0, Max: maxInt, Doc: "How long the first rebalance of an empty group waits for more members."},
	{Name: "group.max.size", Type: Int, Default: "2147483647", Min: 1, Max: maxInt, Doc: "Members that a group may have."},
	{Name: "offsets.retention.minutes", Type: Int, Default: "10080", Min: 1, Max: maxInt, Doc: "How long the offsets of a group without members are kept (KIP-211)."},
	{Name: "offsets.retention.check.interval.ms", Type: Long, Default: "600000", Min: 1, Max: 1 << 63, Doc: "How often groups look for offsets that have expired."},
	{Name: "offsets.topic.num.partitions", Type: Int, Default: "50", Min: 1, Max: 9999, Doc: "Partitions of __consumer_offsets, when it is made."},
	{Name: "offsets.topic.replication.factor", Type: Short, Default: "-1", Min: -1, Max: maxShort, Refuse: refuseNoReplicas, Doc: "Replicas of __consumer_offsets, when it is made. -1 means three, or as many as there are brokers where they are fewer; it grows to three when more join."},
	{Name: "offset.metadata.max.bytes", Type: Int, Default: "4096", Min: 0, Max: maxInt, Doc: "Size of the metadata that goes with a committed offset."},
}

func refuseNoReplicas(value string) error {
	if n, _ := strconv.Atoi(value); n == 0 {
		return errors.New("it must be at least 1, or -1 for as many as suit the cluster")
	}
	return nil
}
