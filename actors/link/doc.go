// Package link is what carries messages between the nodes of a cluster: a PID of another node leads here, whatever the message.
//
//	ctx.Send(pid) ─► remote: Codec.Encode ─► outbox of its lane ─► outbound: writev ─► socket
//	root.Send(pid) ◄─ Codec.Decode ◄─ receive: frame ◄─────────────────────────────── socket
//
// A node dials each of its peers once for each lane, and is the only one that talks on the connections that it has dialed; peers dial it for what they send. A lane keeps its
// order, and never waits for another one. Each connection has goroutines, because sockets block; all that is decided is decided by actors:
// "links" is the parent of all peers, "peer-N" dials the node N and decides whether it is up.
//
// A message to a node is sent at most once. One that can't be sent is answered for as one to an actor that is not there (actors.Undeliverable): the node is no peer or down,
// too much waits for it in that lane, or the Codec does not know it. An answer, whose sender has nobody to tell, goes Shortened where it is too much. Nothing blocks. Who sends must live
// with losses where a connection ends: a Lost tells both sides of one that was replaced, a Down of the end of all. What was not handed to the socket whole before a connection was replaced is sent on the new one.
//
// A peer is up while all lanes are connected, it is heard (heartbeats on the control lane), and says that it hears this node and can answer: links work both ways or not at all. When a connection ends it is
// made again at once. Is that refused, the peer's process is dead, and Down comes within a millisecond. A peer that is frozen or cut off is down after SilentMax. If this
// node was frozen itself, it gives the others that time anew, once until it hears of them.
//
// Nodes greet each other with a Hello; who does not fit is told why, and so is the log of both nodes, once a minute. Whoever does not greet gets no
// byte, with TLS nothing beyond a handshake in which it must prove that it belongs to the cluster.
//
// # Why not gRPC
//
// Its streams, one on a connection of its own for each lane, with a codec that passes bytes through and windows of 8 MiB, are no reason against it: two processes in turns on a busy machine,
// medians of seven, this package beside them: 64 KiB 1,378 and 1,083 MB/s, 1 MiB 1,402 and 1,391, a request of 100 B 26 and 66 µs (both swing between 17 and 70), behind bulk 19 and 19 with
// a p99 of 3.7 and 5.3 ms; CPU of both processes 1.0 and 1.35 s per GB. What decided is what is ours to bound here: what waits is in one place with its
// credits, goes on over a new connection, and comes back to its sender; and the end of a process is seen at once.
//
// # Non-obvious
//
//   - PIDs remember what they lead to, so a node's remote is never replaced, whatever becomes of its peer.
//   - A reader remembers PIDs by id. A PID that is an alias must lead to an actor's own process, or look its target up each time: protoactor looks again only where
//     an actor has ended.
//   - A new connection of a lane is not read before the old one's reader has ended: nothing overtakes.
//   - TLS can't go on after a write that has timed out, so patience is below it (patient), and a socket is closed without TLS's farewell, which can block.
//   - The lanes are open to messages as soon as they are connected, which is a little before Up: answers to a peer that has seen Up first must not be lost.
package link
