// Package metadata decides about the cluster: which topics, partitions, replicas, brokers, settings and producer ids
// there are. It is the machine (partition.Machine) of __cluster_metadata, and the image that every node keeps of the rows of
// that log.
//
// The Controller turns requests into rows; it runs where the metadata partition's leader is. An Image is what committed
// rows say. It is immutable: Apply returns another one, so that any goroutine may read an image that it holds. Rows are
// JSON under a key that names what they are about (rows.go has the table), because they are few, and a person who
// reads a log in trouble should need no tool of ours.
//
// Raft ids are given here, each once: to a broker's store for the metadata partition, and to each replica of a topic's partition. A broker that comes with
// another store gets new ones everywhere. Rows say what is wished; who votes now is in each partition's own log, and its leader works
// toward the wish. A replica that is not wished for any more stays in the row until somebody has told that the leader did without it. Quorum is the wish for the
// metadata partition, which has no row.
//
// Where a partition's majority is lost for ever, one replica goes on (RecoverPartitions); where the metadata's own is, the brokers that are given up are lost in their rows, which
// stand in the log of the replica that goes on.
//
// Moves are reassignments that nobody asks for: of brokers that are being drained, and of topics that grow to three replicas. A broker that is being drained is one
// with a setting.
//
// Who leads a partition is not metadata: raft decides it, and nodes tell each other (actors/messages, Router). Nor is who is alive: Fenced is what
// a broker, or another one for it, has said.
//
// The package imports partition and what lies below it. It knows no clock and no randomness: topic ids come from the
// request's Nonce.
package metadata
