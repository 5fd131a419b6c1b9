package link

import (
	"troupe/partition/kafka"
)

// Up says that a peer can be sent to, was heard from, and hears this node. It comes again for each incarnation, after a Down.
type Up struct{ Peer Hello }

// Down says that a peer that was up is not any more. What waits for it was not delivered.
type Down struct {
	Node        kafka.BrokerID
	Incarnation uint64
	Reason      string
	// Gone: nobody listens at its address any more, so its process is dead.
	Gone bool
}

// Lost says that a connection with a peer that is up was closed and made again, by either side: some of the messages that were sent to it, or that it has sent, may be
// lost.
type Lost struct{ Node kafka.BrokerID }

// Met says who answered at an address that was probed. The owner hears it, too, of each node that has come to link with this one, be it among the peers or not, and of
// each peer that refuses to, then with the error.
type Met struct {
	Address string
	Hello   Hello // as far as it was told
	Err     error // a *Refused where the nodes don't fit
}
