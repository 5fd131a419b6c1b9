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
// A coordinator that fails for good fails its replica: a replica that leads without one would keep its groups from those who could serve them.
//
// A snapshot for another replica goes there part by part, on the lane for what may take its time: first what raft says, then the machine's rows, chunk by chunk from the store,
// two on their way at a time, and two snapshots of a node at a time. The receiver hands the whole to the partition. Whatever is lost, raft begins again.
//
// A replica whose partition sleeps has no timer but that of retention. It is woken by what happens to nodes: its leader's node is gone, or messages from there may be lost. A replica that
// leads and panics, or ends, or leads to the end of its vote, says so to the others (Wake), since nobody would miss it.
//
// Where most voters of a partition are lost for ever, an operator has a replica go on alone: an heir takes over within the same actor.
//
// It imports partition, actors and actors/messages. Who may read what, and from when on, is never decided here.
package replica
