// Package metadata decides about the cluster: which topics, partitions, replicas, brokers, settings and producer ids
// there are. It is the machine (partition.Machine) of __cluster_metadata, and the image that every node keeps of the rows of
// that log.
//
// The Controller turns requests into rows; it runs where the metadata partition's leader is. An Image is what committed
// rows say. It is immutable: Apply returns another one, so that any goroutine may read an image that it holds. Rows are
// JSON under a key that names what they are about (rows.go has the table), because they are few, and a person who
// reads a log in trouble should need no tool of ours.
//
// Who leads a partition is not metadata: raft decides it, and nodes tell each other (actors/messages, Router).
//
// The package imports partition and what lies below it. It knows no clock and no randomness: topic ids come from the
// request's Nonce.
package metadata
