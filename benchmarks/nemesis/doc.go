// Package nemesis runs a cluster of real processes under load while things go wrong, and tells whether the cluster kept what it promises.
//
//	Run ─► cluster.Start
//	    ─► workload: producers, a group of consumers, a watcher, clients of minorities, and who deletes the oldest records of some partitions
//	       ─► History: everything that they did and saw, with times
//	    ─► Turn after Turn: a Fault strikes, holds, ends; the cluster must become whole again by itself
//	    ─► checks of the History, of what a fresh reader finds, and of the nodes' data folders
//	    ─► Report: violations, and the longest gaps in acknowledged produces
//
// The same run measures failovers beside Apache Kafka, in package load: then probes (probes.go) are there as well, and what only troupe's nodes log and store is not looked at.
//
// What is checked stands in checks.go, a line each. The seed decides which faults strike whom, and when; it does not decide what the processes make of it.
//
// # How to add
//
//   - A fault: a row in Faults (faults.go), with what strikes and what ends it. It names its victims, whose partitions are reported apart from
//     all others, and the nodes that can't reach a majority, which must not acknowledge anything. Everything that it does must be undone at its end, but for what the
//     cluster has to mend by itself.
//   - A workload: a method of workload that is started in workload.start, ends with the context, and writes into the History what it did before it knows what became of it.
//   - A check: what can be told at once is told where it is seen, by History.violate; what needs the whole History is a row in checks (checks.go).
//   - A bug that it has found gets its test at the lowest level that shows it, which is rarely this one.
package nemesis
