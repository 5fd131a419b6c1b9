package config

import "strings"

// foreign are Kafka's settings that have no meaning here: names, and prefixes that end in a dot. They are accepted with a warning, so
// that a Kafka server.properties loads.
var foreign = []string{
	"zookeeper.", "process.roles", "controller.", "inter.broker.", "security.inter.broker.protocol",
	"broker.id.generation.enable", "reserved.broker.max.id", "early.start.listeners", "control.plane.listener.name",
	"initial.broker.registration.timeout.ms", "broker.heartbeat.interval.ms", "broker.session.timeout.ms", "metadata.", "unstable.", "server.max.startup.time.ms",
	"num.network.threads", "num.io.threads", "num.replica.fetchers", "num.replica.alter.log.dirs.threads", "num.recovery.threads.per.data.dir", "background.threads",
	"queued.max.requests", "socket.send.buffer.bytes", "socket.receive.buffer.bytes", "socket.listen.backlog.size", "socket.connection.", "request.timeout.ms",
	"connection.failed.authentication.delay.ms", "max.connection.creation.rate", "max.connections.per.ip.overrides", "connections.max.reauth.ms",
	"log.cleaner.", "log.flush.", "log.dir.failure.timeout.ms", "log.initial.task.delay.ms", "log.message.downconversion.enable", "log.message.format.version",
	"message.format.version", "message.downconversion.enable", "log.message.timestamp.difference.max.ms", "log.roll.jitter.hours",
	"replica.", "fetch.purgatory.purge.interval.requests", "producer.purgatory.purge.interval.requests", "delete.records.purgatory.purge.interval.requests",
	"leader.replication.", "leader.imbalance.per.broker.percentage", "follower.", "transaction.", "transactional.id.expiration.ms", "share.", "group.share.", "group.consumer.", "group.streams.", "group.coordinator.", "group.protocol",
	"offsets.topic.compression.codec", "offsets.topic.segment.bytes", "offsets.load.buffer.size", "offsets.commit.",
	"producer.id.expiration.check.interval.ms", "password.encoder.", "delegation.token.", "quota.", "client.quota.callback.class", "controlled.shutdown.",
	"ssl.", "sasl.", "principal.builder.class", "security.providers", "authorizer.", "super.users", "allow.everyone.if.no.acl.found",
	"metric.reporters", "metrics.", "auto.include.jmx.reporter", "kafka.metrics.", "telemetry.", "remote.log.", "create.topic.policy.class.name", "alter.config.policy.class.name",
	"confluent.", "eligible.leader.replicas.", "node.rack", "cordoned.log.dirs",
}

// isForeign tells whether a name is one of Kafka's settings that have no meaning here.
func isForeign(name string) bool {
	for _, f := range foreign {
		if name == f || strings.HasSuffix(f, ".") && strings.HasPrefix(name, f) {
			return true
		}
	}
	return strings.HasPrefix(name, "listener.name.")
}

// foreignDynamic are those that Kafka lets be altered while a broker runs (DynamicBrokerConfig). So that tools which set them work, they are accepted and
// shown here too.
var foreignDynamic = []string{
	"background.threads", "num.io.threads", "num.network.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir",
	"log.cleaner.threads", "log.cleaner.dedupe.buffer.size", "log.cleaner.io.buffer.load.factor", "log.cleaner.io.buffer.size",
	"log.cleaner.io.max.bytes.per.second", "log.cleaner.backoff.ms",
	"leader.replication.throttled.rate", "follower.replication.throttled.rate", "replica.alter.log.dirs.io.max.bytes.per.second",
	"max.connection.creation.rate", "max.connections.per.ip.overrides",
}

// foreignProperty describes a setting of Kafka's that has no meaning here.
func foreignProperty(name string) *Property {
	return &Property{Name: name, Type: String, Dynamic: true, Doc: "A setting of Apache Kafka's that has no meaning in troupe.", Effect: "Accepted, without effect."}
}
