// Command troupe is the broker and its tools in one binary.
//
//	troupe server     a node
//	troupe topic      create, list, describe, alter, delete
//	troupe produce    publish lines
//	troupe consume    print records
//	troupe group      list, describe, delete, reset-offsets
//	troupe cluster    status: nodes, voters, partitions that lack something; drain, unregister: take a node out of it
//	troupe partition  recover: go on without a majority that is lost
//	troupe tree       the actors of a running node
//	troupe health     whether a node is alive and serves
//	troupe manual     pages for operators
//	troupe version    what this binary is
//
// Commands end with 0 where all went well, 1 where it did not, 2 where they were not understood; server ends with 3 where its data folder can't be
// written, and with 0 after a drain, even if clients had to be cut off. What a program wants comes with --json to stdout; errors go to stderr.
package main
