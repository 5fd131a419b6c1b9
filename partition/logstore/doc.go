// Package logstore keeps partitions on disk. It implements partition.Store on Pebble, and once more in memory for the simulator; the
// suite in logstoretest holds both to the same contract, crashes included.
//
// A data folder holds two databases. "log" has what must not be lost: entries, hard states, snapshots. Its
// write-ahead log is synced before anything is reported. "state" has what can be computed again from the log: index rows and
// checkpoints. It is never synced, and thrown away where it does not belong to the log beside it. keys.go has the key space as a table.
//
// Writes of all partitions go through one goroutine (append.go) that takes everything that waits, makes one batch of it and hands that to
// Pebble without waiting for the disk; a second goroutine waits for the syncs in their order and reports. At most four
// batches are on their way, so that the next group forms while the disk works. Where nothing waits, the first one does both.
//
// Record batches are values in Pebble's blob files: compactions move keys and leave the bytes where they are, so that a byte is
// written about twice, to the write-ahead log and to a blob file. Space below a snapshot comes back by Reclaim: a range
// deletion and a compaction over what it covers, on a timer.
//
// # Non-obvious
//
//   - SyncWait returns the error of a failed fsync, where a plain commit would end the process. The first error is the last: the store is
//     dead, and says so to everybody, because what the disk holds after a failed fsync is unknown.
//   - A read that the disk fails ends the store as a write does. Damaged data does not: it is an error with its place, for whoever reads it, each time.
//   - A write that finds no space is never given back to Pebble, which repeats some for ever and ends the process at others: it gets the space of the ballast file
//     or, where that is gone, the store dies and says why. Before it comes to that the store says that it is full (WatchFull), while Pebble has room for its flushes and
//     compactions. It goes on with whatever it is handed: who hands it records stops, who deletes some need not.
//   - On a disk below 2 GiB memtables and tables are smaller, so that what Pebble has to write whenever it likes fits in the reserve.
//   - Pebble shows a batch to readers before it is synced. Load therefore waits until everything that was handed in before is.
//   - Truncated entries are overwritten or deleted one by one; a range deletion there would make every later read slower.
//   - Writes without Sync and without content take their place in the order of reports and cost nothing.
//
// It imports partition, partition/consensus, partition/kafka and partition/record. Unlike the packages below it, it has goroutines,
// does I/O and reads the clock.
package logstore
