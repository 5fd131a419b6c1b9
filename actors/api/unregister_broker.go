package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// UnregisterBroker, version 0 (KIP-631).
func unregisterBroker(r *Request) {
	q := r.Body.(*kmsg.UnregisterBrokerRequest)
	r.askController(q, func(value any, err error) {
		response, ok := value.(*kmsg.UnregisterBrokerResponse)
		if !ok {
			response = kmsg.NewPtrUnregisterBrokerResponse()
			response.ErrorCode, response.ErrorMessage = r.errCode(err), kafka.Message(err)
			r.respond(response)
			return
		}
		r.noteCode(response.ErrorCode)
		r.shown(func() { r.respond(response) })
	})
}
