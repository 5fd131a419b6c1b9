// Package cluster starts brokers as processes, troupe and Apache Kafka alike, and tells what they cost: CPU time, memory, bytes that
// reached the disk. Benchmarks measure both with it in one run, on one machine.
//
// It imports nothing of troupe: it sees the brokers as their users do.
package cluster
