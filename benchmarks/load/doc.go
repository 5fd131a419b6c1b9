// Command load measures troupe beside Apache Kafka: both on the loopback of one machine, in one run, in turns.
//
//	go run ./benchmarks/load                       every figure, three rounds
//	go run ./benchmarks/load --only bulk --rounds 5
//
// Some figures are of one node, others of three, with three replicas of each partition, of which two have to have a record before it is answered. In the figures of
// failovers (failover.go) nodes are killed, frozen and restarted while the clients of package nemesis write, and what is measured is for how long nothing was acknowledged to them.
// What a system has not done after minutes is a broken promise, and its value is "never".
//
// Kafka runs twice: with its defaults, with which it answers before anything is synced, and with flush.messages=1, with which it syncs before it answers, as
// troupe always does. Before each turn several GiB of memory are touched and freed. The results (a table, the values of every round
// as JSON, and a chart) go to benchmarks/results.
//
// The clients are our own and cost little (raw.go): batches are built once, requests are written as bytes, answers are looked at no further than
// needed. Each partition has a connection of its own to the node that leads it. A client library would cost more CPU than the brokers that are measured beside it. The figure perf uses Kafka's own producer-perf, and latency-3 (client.go)
// franz-go, as an application does.
package main
