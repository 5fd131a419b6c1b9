package partition

import (
	"errors"
	"time"

	"troupe/partition/kafka"
)

// A Ticket names whoever asked. It means nothing to a machine or a partition, which only hand it back; the
// actor around them knows the address behind it.
type Ticket uint64

// A KeyValue is a record of an internal partition. A nil Value deletes the key's row.
type KeyValue struct {
	Key, Value []byte
}

// A Reply is the answer to a ticket: a response, or an error that kafka.Code turns into the protocol's code.
type Reply struct {
	Ticket   Ticket
	Response any
	Err      error
}

// An Outcome is what a machine wants to happen. The records are appended as one batch, so that all of them or none
// survive. The replies, which may answer earlier tickets too, leave only after every record that the machine has
// returned so far is applied, because they may tell of what these records say.
type Outcome struct {
	Records []KeyValue
	Replies []Reply
}

// A Machine is the state machine of one key (a group, a share partition, a transactional id, the cluster's metadata) of
// an internal partition. It runs on the partition's leader, between the rows of its key in the log and the requests for it.
//
// Handle and Tick change its state at once; their records follow. Where an append fails, the machine is
// dropped, and a new one is restored from the rows that were applied. A machine knows no clock, goroutine or
// randomness: time is an argument and whatever is random, such as a member id, comes with the request's
// Nonce. It is used by one goroutine at a time.
type Machine interface {
	// Restore takes the committed rows of the key, in the order of their keys, before anything else is called.
	// Deadlines start anew at now: a new leader gives every member its whole session timeout.
	// Its outcome may hold records, such as those that end a rebalance which the old leader did not finish.
	// After an error the machine can't be used, unless that is UnreadableRows.
	Restore(now time.Time, rows []KeyValue) (Outcome, error)
	// Handle serves one request. What it can't answer yet it remembers by its ticket.
	Handle(now time.Time, r *Request) Outcome
	// Tick does what is due at now.
	Tick(now time.Time) Outcome
	// Deadline is when Tick should be called next; the zero time where nothing is due.
	Deadline() time.Time
	// Idle tells that the machine keeps nothing that Restore would not give it again, so that it may be dropped.
	Idle() bool
}

// UnreadableRows is the error of a Restore that could not read some rows and goes on without them, because the other rows of the key can
// do without. It says what was wrong with each; whoever called tells the operator.
type UnreadableRows []error

// Error describes all of them.
func (u UnreadableRows) Error() string { return errors.Join(u...).Error() }

// A Request is what a client asks of a machine.
type Request struct {
	Ticket     Ticket
	Body       any    // a kmsg request, or a type of the machine's package
	ClientID   string // as the request's header says
	ClientHost string // the address that the connection came from, as Kafka shows it: /127.0.0.1
	Nonce      [16]byte
	Broker     kafka.BrokerID // the node whose session asks
}
