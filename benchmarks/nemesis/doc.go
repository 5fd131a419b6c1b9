// Package nemesis runs a cluster of real processes under load while things go wrong, and tells whether the cluster kept what it promises.
//
//	Run ─► cluster.Start
//	    ─► workload: producers, a group of consumers, a watcher, a follower, clients of minorities, and who deletes the oldest records of some partitions
//	       ─► History: everything that they did and saw, with times
//	    ─► Turn after Turn: a Fault strikes, holds, ends; the cluster must become whole again by itself
//	    ─► checks of the History, of what a fresh reader finds, and of the nodes' data folders
//	    ─► Report: violations, and the longest gaps in acknowledged produces
//
// The same run measures failovers beside Apache Kafka, in package load: then probes (probes.go) are there as well, and what only troupe's nodes log and store is not looked at.
//
// The faults are those that the machine can have. A root has network namespaces, where what is cut off loses packets (elsewhere relays hold it back), and disks that fill up and lose power.
//
// What is checked stands in checks.go, a line each, and it is checked
//
//   - at once, wherever a client is told something: the high watermark, who leads, what minorities answer, what the group and the follower read, and their order;
//   - after each turn: that the cluster is whole, the metadata's replicas too, and that everything that was acknowledged by then is there, at its offset, once, as the follower reads it;
//   - in the end: that the group has read everything, what a fresh reader finds from the start to the end, which topics there are, what the nodes have logged, and, with the nodes
//     killed, that the replicas' logs are the same byte for byte. What nodes have stored can't be looked at while they run.
//
// A run whose checks had nothing to look at fails. The nodes' program is built without the race detector, for which a minute and a half is too short.
//
// The seed decides which faults strike whom, and when; it does not decide what the processes make of it.
//
// # How to add
//
//   - A fault: a row in Faults (faults.go), with what strikes and what ends it. It names its victims, whose partitions are reported apart from
//     all others, and the nodes that can't reach a majority, which must not acknowledge anything. Everything that it does must be undone at its end, but for what the
//     cluster has to mend by itself. What may happen while other things are wrong is a row in gusts (storm.go), too.
//   - A workload: a method of workload that is started in workload.start, ends with the context, and writes into the History what it did before it knows what became of it.
//   - A check: what can be told at once is told where it is seen, by History.violate; what needs the whole History is a row in checks (checks.go).
//   - A bug that it has found gets its test at the lowest level that shows it, which is rarely this one.
package nemesis
