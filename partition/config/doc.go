// Package config is the one table of troupe's settings. What DescribeConfigs answers, what CreateTopics and AlterConfigs accept, what
// `troupe server` reads and what is said of a setting all come from it.
//
// Names and types are those of Apache Kafka 4.3.1 wherever Kafka has the setting, and so are defaults, but where bounded memory
// (queued.max.request.bytes) or clusters that grow (default.replication.factor, offsets.topic.replication.factor) ask for others; Effect says so
// where troupe accepts one without doing anything about it. Kafka's settings that make no sense here, such as ZooKeeper's and the JVM's, are known
// by name: they cost a warning, not a failed start.
//
// The package does no I/O: a file comes as bytes, the environment as strings. It imports nothing of troupe. Packages
// above get plain structs: Topic is what a topic's settings come to, Settings what a node's do.
package config
