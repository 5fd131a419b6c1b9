// Package supervisor puts a node together: the store, the tree of actors, the listeners, the metrics.
//
//	links               a service: the parent of the links with other nodes; none in a cluster of one
//	└── peer-2          a link with another node
//	node                what must be done in an order: find the cluster, register, wait for leaders, open the listener
//	├── membership      a service: finds the cluster or founds it, and says which other nodes are there
//	├── directory       a service: the view of the cluster, from rows of the metadata log, and who leads what
//	├── partitions      a service: a replica for each partition that the view says is here
//	│   ├── substitute  answers for replicas that can't begin yet
//	│   ├── __cluster_metadata-0:1 ── coordinator ── controller
//	│   ├── orders-0:54
//	│   └── __consumer_offsets-7:11 ── coordinator ── group:billing
//	├── balance         a service, at work where the metadata is led: reassignments, who should lead, silent brokers; elsewhere it takes over from leaders whose brokers are cut off, or do not come to serve
//	└── sessions        a service: a session for each connection
//
// Who spawns whom is that tree. Who sends what (the messages are those of actors/messages, where no package is named):
//
//	session ──► replica        Produce, Fetch, FetchEnd, ReadCold, ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeReplica, Transfer
//	session ──► coordinator    Coordinate, CoordinateAll
//	session ──► directory      AwaitLeaders, once the controller has answered; AwaitLedBy, once leaders were told to hand over
//	coordinator ──► key        Coordinate, its rows, and that what it proposed was not appended
//	key ──► coordinator        what its machine wants recorded, and what it answers
//	coordinator ──► replica    Attach, Produce, Shrink, Snapshot
//	replica ──► replica        Step: raft's messages to the other replicas of the partition, on their nodes; Rest and Wake: whether its leader sleeps; SnapshotPart, SnapshotAck
//	replica ──► coordinator    Attached, Applied, Leading, SnapshotDue
//	coordinator ──► directory  coordinator.Committed: rows of the metadata log, as they are applied
//	replica ──► directory      Led
//	directory ──► directory    Leaders, TellLeaders: what each node leads, which replicas are out of service, and whether its disk is full, told to all others
//	links ──► membership       link.Up, Down, Lost, Met; ──► directory, partitions: NodeUp, NodeDown, NodeLost, NodesUp; ──► sessions: NodeDown, NodeLost
//	membership ──► node        which cluster the node is of
//	replica ──► partitions     Restarted: it has lost what it was told; GivenUp: it is to go
//	partitions ──► replica     NodeUp, NodeDown, NodeLost, NodesUp, Members, HandOver, FullDisks, OutOfService, RecoverReplica
//	question ──► replica       SurveyReplica, here and on other nodes, or its substitute while it waits to begin; ──► controller: metadata.RecoverPartitions
//	directory ──► partitions   that the image has changed, and Announce after a restart, which goes on to replicas and coordinators
//	directory ──► partitions, balance   that the view has changed
//	balance ──► controller     metadata.ReassignmentsDone, MoveReplicas, FenceBroker; ──► replica: Transfer
//	partitions ──► replica     Configure
//	node ──► directory         that it waits for the view to be as it needs it; ──► controller: RegisterBroker
//	store ──► directory        DiskFull; it reaches the replicas by way of the view and their parent
//	store ──► replica          each write once it is durable; a worker ──► whoever asked: what it has read or loaded
//	connection ──► session     session.Arrived, session.Closed; sessions ──► session: that the node drains
//	all of them ──► who asked  Reply
//
// An actor on another node is sent to like one here: its PID has the node's id as the address, and a link encodes the message (messages.Codec). What reaches
// nobody, because the node is not there or too much waits for it, is answered as if the actor had ended; raft repeats what it loses.
//
// Nobody waits for an answer that nobody will give: an actor that panics answers whom it holds, and who is sent to an actor that has ended
// is told so (actors.Undeliverable).
//
// # Becoming a member
//
// A node with an empty folder asks its seeds who they are (formation.go). It registers at the controller fenced, with the incarnation of its process, until its view of the metadata
// has that row: then it has everything that was committed before it came, wherever the controller is, and may drop what is no more. When its partitions are led it opens
// its listener and registers as one that serves. A node that ends has others lead first (drain.go).
//
// Start builds the tree and returns when the node serves; Drain ends it in order. Settings are read by LoadSettings and turned into
// the plain options of the packages below here and nowhere else.
//
// Where most replicas of a partition are lost for ever nothing goes on by itself. An operator says so at the admin listener of a node whose replica is left (recover.go): that one goes on
// alone, and the others are given up. It asks by questions, actors that live for one round of messages.
//
// What fails is restarted by the policy of its kind (kinds.go), alone. These end the node: a store whose disk fails, an actor past its budget without
// which the node is of no use, the end of the tree's top, a cluster that refuses the node for good, seeds or a cluster that are not its data folder's, and at its start a
// listener that can't be opened. Nothing is answered from then on, and Err says why.
//
// The package imports everything below it. The Go API that is promised to stay is LoadSettings, Options, Start, Node and ErrStoreDead.
package supervisor
