package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// errNoTransactions answers whatever carries a transactional id. It has to be an error after which clients give up: Java's producer
// and librdkafka take this one as fatal, and repeat COORDINATOR_NOT_AVAILABLE and its like for ever.
var errNoTransactions = kafka.Errorf(kerr.TransactionalIDAuthorizationFailed, "transactions are not served yet: use a producer without a transactional id")

// InitProducerId, versions 0-5. v2 flexible. v3 producer id and epoch of a producer that bumps its epoch (KIP-360). v4 PRODUCER_FENCED
// (KIP-588). v5 transactions (KIP-890).
func initProducerID(r *Request) {
	q := r.Body.(*kmsg.InitProducerIDRequest)
	response := kmsg.NewPtrInitProducerIDResponse()
	response.ProducerID, response.ProducerEpoch = -1, -1
	if q.TransactionalID != nil {
		err := errNoTransactions
		if *q.TransactionalID == "" {
			err = kerr.InvalidRequest
		}
		response.ErrorCode = r.errCode(err)
		r.respond(response)
		return
	}
	if r.Version >= 3 && (q.ProducerID == int64(kafka.NoProducer)) != (q.ProducerEpoch == -1) {
		response.ErrorCode = r.errCode(kerr.InvalidRequest) // one goes with the other (KIP-360)
		r.respond(response)
		return
	}
	r.askController(q, func(value any, err error) {
		if err == nil {
			r.respond(value.(*kmsg.InitProducerIDResponse))
			return
		}
		if kafka.Code(err) == kerr.NotController.Code {
			err = kerr.CoordinatorLoadInProgress // what clients repeat here
		}
		response.ErrorCode = r.errCode(err)
		r.respond(response)
	})
}
