// Package session is the connections of Kafka's clients: the listener, and one supervised actor for each connection.
//
//	socket ──► reader: frame, decoded request ──► session actor ──► api.Calls
//	socket ◄── writer ◄── answers in the order of the requests ◄────────┘
//
// A connection has two goroutines, because a socket blocks: the reader cuts frames and decodes them, the writer writes what is answered. Both
// are this package's seam to the network; the actor between them sees messages and a Conn. Many requests of a connection are
// in flight; their answers leave in the order in which they came.
//
// Memory is bounded where it comes in: the reader stops reading when its connection has too many requests or bytes in flight, or the node's
// credits for requests are used up (queued.max.request.bytes). They are given back when a request is answered; what the answer takes, from when it
// is read from the store until it is written, are credits of another kind, without which nothing more is read. A frame's buffer grows as its
// bytes arrive, so that a client that announces much and sends little costs little. While anybody waits for either, the connection that holds most
// and has not got on for a while is cut: half a request that does not come, or answers that are not read, hold up nobody else for long.
//
// A frame that can't be understood ends the connection with one line in the log that says why, and so does a client that shuts down its side: what came before is
// answered first. A panic while a request is served, or read, ends that session; it is not restarted, because the client opens another one.
//
// It imports actors/api and what lies below it.
package session
