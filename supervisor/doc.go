// Package supervisor puts a node together: the store, the tree of actors, the listeners, the metrics.
//
//	node                what must be done in an order: wait for leaders, register, open the listener
//	├── directory       the view of the cluster: rows of the metadata log, and who leads what
//	├── partitions      a replica for each partition that the view says is here
//	│   ├── __cluster_metadata-0 ── coordinator ── controller
//	│   ├── orders-0
//	│   └── __consumer_offsets-7 ── coordinator ── group:billing
//	└── sessions        one per connection
//
// Start builds the tree and returns when the node serves; Drain ends it in order. Settings are read by LoadSettings and turned into
// the plain options of the packages below here and nowhere else.
//
// What fails is restarted by the policy of its kind (kinds.go), alone. Two things end the node: a store that can't write, and
// an actor past its budget without which the node is of no use. Nothing is answered from then on, and Err says why.
//
// The package imports everything below it. The Go API that is promised to stay is Options, Start and Node.
package supervisor
