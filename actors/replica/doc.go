// Package replica is the actor around one replica of a partition. The decisions are partition.Partition's; here they are carried
// out: writes go to the store, answers to sessions, committed records to the coordinator, leadership to the directory.
//
//	session, coordinator ── messages.Produce, Fetch, … ──► replica ── partition.Write ──► store
//	                     ◄── messages.Reply ───────────────        ◄── stored ─────────── (one per write, after its sync)
//
// The actor is batching: it hands its whole backlog to the partition, takes one set of effects, and carries them out in an order
// that matters: index rows, writes, committed records, leadership, answers. It never blocks. Loading, reading the store
// and searching it for a timestamp are done by workers; a read's result goes from the worker to who asked.
//
// A replica that panics is made again from its log. Who waited is told to try again, which is true: whether their write
// survived is known only after the log is read. Store.Load waits for everything that was handed in before, and what the store
// reports to the old incarnation is not for the new one.
//
// Where most voters of a partition are lost for ever, an operator has a replica go on alone: an heir takes over within the same actor.
//
// It imports partition, actors and actors/messages. Who may read what, and from when on, is never decided here.
package replica
