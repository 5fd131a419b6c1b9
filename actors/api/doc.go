// Package api serves the requests of Kafka's protocol: one table of what is served (apis.go), and one file per request, which
// opens with its versions and what each of them added.
//
//	frame ──► Decoder (in the connection's reader) ──► Calls.Serve ──► handler ──► messages to partitions and coordinators
//	                                                                      │ ◄────── messages.Reply
//	          response, encoded ◄── Request.Respond ◄─────────────────────┘
//
// Decode parses a frame and checks the record batches of a produce request: work that needs nothing but the bytes and is done
// outside of any actor. Everything else happens in the session's actor: Calls finds the row, calls its handler, keeps
// what the handler has asked of other actors and calls it back with each answer. A handler never waits. It looks at one View of the
// cluster from its start to its end, except where it says otherwise.
//
// Every question has an end: a request that is not answered by its deadline gets an answer all the same, because an actor that
// restarts may lose what was sent to it. Only members of a group wait for each other without one.
//
// The package imports actors/messages and what lies below it. It has no goroutine, opens no socket, and what it shares between
// sessions is the Env: the router, and the cache of fetch sessions.
package api
