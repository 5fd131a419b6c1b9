// Package consensus replicates one log. It is raft (go.etcd.io/raft) with what troupe needs around it, as a state
// machine: messages, ticks and proposals go in, a Ready with writes, messages and committed entries comes out. It has no
// clock, no goroutine and does no I/O of its own but the read function that its owner gives it.
//
//	r.Propose(data) / r.Reconfigure(change) / r.Step(message) / r.Tick() / r.Stored(write)
//	for _, w := range r.Ready().Writes { hand w to the store; when it is durable call r.Stored(w) }
//	for _, m := range r.Ready().Messages { send m to the replica m.To, which calls Step }
//
// Raft's own copy of an entry carries no record bytes on the replica that proposed it: raft clones what is proposed,
// and would copy every batch. It is given an 8-byte token instead; the bytes wait beside it, find their index when
// raft hands the entry out for storing, and from then on live in the tail: the newest entries of the log in memory, from the
// first one that is not applied, or earlier where the owner keeps them for its readers. So everything of a real entry is longer than
// a token; Propose holds its caller to that.
//
// Non-obvious:
//
//   - With asynchronous storage writes raft reads committed entries back through its Storage. They come from the
//     tail, where an entry stands from the moment its write is handed out.
//
//   - A commit index alone is not worth a write, unless it changes the configuration: the next write with entries carries it. The responses that come with it still wait for
//     all earlier writes.
//
//   - MsgStorageAppend's responses are stepped in their order, MsgAppResp first, so that raft finds the entry's term
//     while it is still unstable.
//
//   - The terms of all entries are kept as a short list of where each term begins; raft's Storage.Term never reads.
//
//   - Entries that are on this replica's disk are given to raft with their data, which it does not copy, so that it counts what it sends. Of younger ones it
//     knows tokens: their messages are filled when they leave, and cut where they are too large. Who proposes bounds the bytes that are not stored.
//
//   - What another replica sends is looked at before raft sees it: an entry of 8 bytes would be taken for a token.
//
//   - Where a majority is lost for ever, one replica goes on alone (Alone), many terms later. A message from so many terms ago is from who was given up: it is dropped, and
//     not answered, since the answer would lead it into the terms of now.
//
//   - The configuration belongs to the owner's state, which Changed computes as raft does; New begins with that of the applied index.
//
//   - A replica that needs entries before the log is sent a snapshot of the owner's, which may have a newer configuration than its index: entries up to that of
//     the configuration do not change raft's any more. Once raft has accepted one the log begins after it; nothing leaves this replica before it is durable.
//
//   - A turn reads about 1 MiB from the store for followers that are far behind. To the next read raft finds nothing, and asks again when such a follower answers.
//
// It imports nothing of troupe.
package consensus
