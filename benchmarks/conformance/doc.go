// Package conformance runs clients of other people against a broker, unmodified: Kafka's own command-line tools, franz-go, sarama, librdkafka
// (confluent-kafka for Python, and kcat) and KafkaJS. It is a module of its own, so that nobody who uses troupe inherits them.
//
//	go test ./...                                 against a troupe built from this tree
//	NODES=3 go test ./...                         against so many nodes of it; with SINGLE=1 clients know one address only
//	BOOTSTRAP=localhost:9092 go test ./...        against a broker that runs there, such as Apache Kafka
//
// With MOVING=1 every partition, those of the offsets topic too, gets another leader again and again meanwhile.
//
// A suite that Kafka fails is a wrong suite. A tool that is missing is installed from its registry into the user's cache folder; where that can't be done,
// its test is skipped, or fails with TEST_TOOLS=required. kcat comes from the system's packages.
package conformance
