// Package coordinator is the actor that owns the records of an internal partition: the cluster's metadata, or the groups of one
// partition of __consumer_offsets. Each key has a partition.Machine that decides, in an actor of its own below the coordinator,
// so that a panic in one group is nothing to its neighbours.
//
//	session ── Coordinate ──► coordinator ──► key ── Machine.Handle ─┐
//	   ▲                          │  ◄──────── outcome: records, answers ┘
//	   │                          ├── Produce ──► replica ── Applied, Reply ──► coordinator
//	   └───────── Reply ──────────┘  (when everything that the machine had proposed before is applied)
//
// The coordinator keeps the committed rows of every key, on followers too: it reads the snapshot and the log behind it once, and from then on gets
// batches as they are applied. Actors of keys are made when there is something to do and go when they are idle, so ten thousand groups are rows: who
// lists them, or asks about one that does not exist, is answered by a machine that is made for the question. While the replica leads, what a machine
// wants recorded is proposed in the order in which it comes here, one batch for each outcome. An answer, an error too, is parked until the last
// record that its machine had proposed when it was given is applied: it may tell of what that record says. Where an append fails, the machine knows
// things that never happened: it is dropped and made again from the rows.
//
// The coordinator knows who waits for an answer, whichever actor of the key is to give it: nobody is forgotten when that ends. A key whose actor has panicked
// too often is out of service for as long as this replica leads, and its siblings go on.
//
// It imports partition, actors and actors/messages.
package coordinator
