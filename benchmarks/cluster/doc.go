// Package cluster starts brokers as processes, troupe and Apache Kafka alike, and tells what they cost: CPU time, memory, bytes that
// reached the disk. Benchmarks measure both with it in one run, on one machine.
//
// A Cluster is one node or several of a System on one machine, to which things can happen: they are killed, frozen, wiped, cut off from each other, and their disks
// fill up or lose power. It ends and freezes only processes that it has started.
//
//	Start ─► Node: the process of a System, its folder or Disk, its wire
//	client ─────────────────────► node 1 ─ link ─► wire of node 2 ─► node 2
//
// Each node has a loopback address of its own, 127.X.Y.ID, as each machine of a network has one, so that no two clusters want the same port. Where Options
// ask for it other nodes reach its link through a wire, a relay that knows who talks and lets nothing pass from one node to another while that way is cut: connections stay open and
// new ones are made, but nothing comes through, and what was sent arrives when the way is mended. Clients reach the nodes without wires. A wire listens
// only while its node does, since a refused connection is how nodes learn at once that another one is dead.
//
// A fault that the machine can't have, without root mostly, is an *Unavailable error, which says why.
//
// It imports nothing of troupe: it sees the brokers as their users do, and of the link's protocol it knows the greeting.
package cluster
