// Package cluster starts brokers as processes, troupe and Apache Kafka alike, and tells what they cost: CPU time, memory, bytes that
// reached the disk. Benchmarks measure both with it in one run, on one machine.
//
// A Cluster is one node or several of a System on one machine, to which things can happen: they are killed, frozen, wiped, cut off from each other, and their disks
// fill up or lose power. It ends and freezes only processes that it has started.
//
//	Start ─► Node: the process of a System, its folder or Disk, its wire or namespace
//	client ─────────────────────► node 1 ─ link ─► wire of node 2 ─► node 2
//
// Each node has an address of its own, as each machine of a network has one, so that no two clusters want the same port: 127.X.Y.ID on the loopback, or 198.18.X.ID where Options ask
// for network namespaces. Then each node lives in a namespace with a cable to a switch, as this machine does, where clients are. What is sent where nodes are cut off from each other is
// lost, and a cable can be pulled, so that nobody reaches the node and it reaches nobody. That needs root. The namespaces have no names: they end with the processes in them.
//
// Where Options ask for wires, which any machine can have, other nodes reach its link through a wire, a relay that knows who talks and lets nothing pass from one node to another while that
// way is cut: connections stay open and new ones are made, but nothing comes through, and what was sent arrives when the way is mended. Nothing is ever lost. Clients reach the nodes
// without wires. A wire listens only while its node does, since a refused connection is how nodes learn at once that another one is dead.
//
// A fault that the machine can't have, without root mostly, is an *Unavailable error, which says why.
//
// It imports nothing of troupe: it sees the brokers as their users do, and of the link's protocol it knows the greeting.
package cluster
