// Package partition decides everything about one partition: what is appended where, who may read how far, who is answered when. It is a state
// machine: messages and the time go in, effects come out.
//
//	Append, Fetch, ListOffsets, … ──► Partition ──► Ready: Effects
//	Written, Step, Tick, Retain   ──►              writes for the store, messages for other replicas, answers, index rows
//	SetLive, Want, Transfer, …    ──►
//
// Raft's log is the partition's log: an entry is a record batch, in the bytes in which the client sent it, or a command (move the log start, forget
// producers), told apart by its kind. The leader stamps a batch with its base offset and epoch, proposes it, and only then counts it. What is
// applied decides: the high watermark is the offset after the last applied entry, and offsets, epochs, producers and segments change when an entry is
// applied, on every replica alike. What the leader has proposed and not seen applied is an overlay that it drops when it stops leading.
//
// A ticket stands for whoever asked; the caller knows the address behind it. Acks of all voters are answered when the entry is applied and min.insync.replicas
// voters have it on their disks, those of the leader alone when its own disk has it. A new leader answers nothing before it has applied an entry of its own epoch. What a leader
// that was replaced, and does not know it, could get wrong is answered after a majority has confirmed that it still leads.
//
// Which replicas vote is part of the state too. The leader works toward what Want says: new replicas follow as learners, and when they have the log one change gives
// them the vote and takes it from others. One that needs what is not in the log any more begins with a snapshot: the state at the index before the log, and the machine's rows.
// Which nodes live the caller knows, and says with SetLive. Where most voters are lost for ever nothing but Recover helps, on an operator's word: one replica goes on alone
// with what it has.
//
// The package also declares what it needs of its surroundings: Store, what keeps partitions on disk (partition/logstore), and Machine, the state machine of
// one key of an internal partition (partition/metadata, partition/group).
//
// # Non-obvious
//
//   - A batch belongs to the partition from Append on, and is read only from then on: the same bytes go to the store, to followers and to consumers.
//   - An offset is not an index: the empty entry of a new leader and commands have an index and no offset.
//   - A duplicate of a batch that is still on its way waits for the first one's answer, and shares its fate.
//   - While 64 MiB of a leader's batches are not applied, or leadership is being handed over, appends wait in their order; they are not refused.
//   - The high watermark that a client sees does not go back with the leader's answers, whoever leads. A follower that is read (KIP-392) tells its own, which may be a little less than
//     what the leader has told before, as in Kafka.
//   - On a full disk (SetFull) only records are refused or left out. Commands and votes go on, since they make room or choose who has it.
//   - Two replicas have the same state after the same entry, as long as they have the same settings: where segments begin is each replica's own decision.
//   - A snapshot on this replica's disk has a newer state than its index, because the log behind it is there. Another replica gets the state at the index (state.at).
//   - Between the moment when raft accepts a snapshot and the one when it is durable the log is the new one and the state the old one: nothing is noted meanwhile.
//   - Who has nothing to say sleeps (quiescence): the leader tells the others with Rest, and none needs ticks. That a leader is gone they have to be told then, by ForgetLeader
//     or Wake; that its followers are, the leader learns from SetLive. A heartbeat without news does not wake a follower.
//   - Retention moves the log start by a command and lets the store drop what lies below; segments are a count of bytes and of time, not files.
//   - The newest batches are kept in memory within a budget of all partitions together (Tails); what lies before them is read by a reader from the store,
//     never through the partition.
//
// It imports partition/consensus, partition/record and partition/kafka. It knows no clock, goroutine, channel, randomness or I/O.
package partition
