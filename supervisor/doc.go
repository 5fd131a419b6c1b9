// Package supervisor puts a node together: the store, the tree of actors, the listeners, the metrics.
//
//	node                what must be done in an order: wait for leaders, register, open the listener
//	├── directory       a service: the view of the cluster, from rows of the metadata log, and who leads what
//	├── partitions      a service: a replica for each partition that the view says is here
//	│   ├── __cluster_metadata-0:1 ── coordinator ── controller
//	│   ├── orders-0:54
//	│   └── __consumer_offsets-7:11 ── coordinator ── group:billing
//	├── balance         a service, at work where the metadata is led: reassignments that are done, preferred leaders
//	└── sessions        a service: a session for each connection
//
// Who spawns whom is that tree. Who sends what (the messages are those of actors/messages, where no package is named):
//
//	session ──► replica        Produce, Fetch, FetchEnd, ReadCold, ListOffsets, OffsetForLeaderEpoch, DeleteRecords
//	session ──► coordinator    Coordinate, CoordinateAll
//	session ──► directory      AwaitLeaders, once the controller has answered
//	coordinator ──► key        Coordinate, its rows, and that what it proposed was not appended
//	key ──► coordinator        what its machine wants recorded, and what it answers
//	coordinator ──► replica    Attach, Produce, Shrink, Snapshot
//	replica ──► coordinator    Attached, Applied, Leading, SnapshotDue
//	coordinator ──► directory  coordinator.Committed: rows of the metadata log, as they are applied
//	replica ──► directory      Led
//	directory ──► partitions   that the image has changed, and Announce after a restart, which goes on to replicas and coordinators
//	directory ──► partitions, balance   that the view has changed
//	balance ──► controller     metadata.ReassignmentsDone; ──► replica: Transfer
//	partitions ──► replica     Configure
//	node ──► directory         that it waits for the view to be as it needs it; ──► controller: RegisterBroker
//	store ──► replica          each write once it is durable; a worker ──► whoever asked: what it has read or loaded
//	connection ──► session     session.Arrived, session.Closed; sessions ──► session: that the node drains
//	all of them ──► who asked  Reply
//
// Nobody waits for an answer that nobody will give: an actor that panics answers whom it holds, and who is sent to an actor that has ended
// is told so (actors.Undeliverable).
//
// Start builds the tree and returns when the node serves; Drain ends it in order. Settings are read by LoadSettings and turned into
// the plain options of the packages below here and nowhere else.
//
// What fails is restarted by the policy of its kind (kinds.go), alone. Two things end the node: a store that can't write, and
// an actor past its budget without which the node is of no use. Nothing is answered from then on, and Err says why.
//
// The package imports everything below it. The Go API that is promised to stay is LoadSettings, Options, Start, Node and ErrStoreDead.
package supervisor
