package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// The kinds of keys that FindCoordinator knows.
const (
	groupKey       = 0
	transactionKey = 1
	shareKey       = 2
)

// FindCoordinator, versions 0-6. v1 kinds of keys. v2 a message. v3 flexible. v4 many keys (KIP-699). v6 shares (KIP-932). The topic of groups'
// offsets is made when the first group looks for its coordinator.
func findCoordinator(r *Request) {
	q := r.Body.(*kmsg.FindCoordinatorRequest)
	keys := q.CoordinatorKeys
	if r.Version < 4 {
		keys = []string{q.CoordinatorKey}
	}
	if q.CoordinatorType != groupKey || r.image().Topic(metadata.OffsetsTopic) != nil {
		respondCoordinators(r, q, keys)
		return
	}
	create := &metadata.CreateInternalTopic{
		Topic: metadata.OffsetsTopic, Partitions: r.env.OffsetsPartitions, ReplicationFactor: r.env.OffsetsReplication,
	}
	r.askController(create, func(value any, err error) {
		if err != nil {
			respondCoordinators(r, q, keys)
			return
		}
		r.await([]kafka.TopicID{value.(kafka.TopicID)}, nil, createWithin, func(error) { respondCoordinators(r, q, keys) })
	})
}

func respondCoordinators(r *Request, q *kmsg.FindCoordinatorRequest, keys []string) {
	response := kmsg.NewPtrFindCoordinatorResponse()
	for _, key := range keys {
		c := kmsg.NewFindCoordinatorResponseCoordinator()
		c.Key, c.NodeID, c.Port = key, int32(kafka.NoBroker), -1
		b, err := coordinatorOf(r, q.CoordinatorType, key)
		if b != nil {
			c.NodeID, c.Host, c.Port = int32(b.ID), b.Host, b.Port
		}
		c.ErrorCode, c.ErrorMessage = r.errCode(err), kafka.Message(err)
		response.Coordinators = append(response.Coordinators, c)
	}
	if r.Version < 4 {
		c := response.Coordinators[0]
		response.ErrorCode, response.ErrorMessage, response.NodeID, response.Host, response.Port = c.ErrorCode, c.ErrorMessage, c.NodeID, c.Host, c.Port
		response.Coordinators = nil
	}
	r.respond(response)
}

func coordinatorOf(r *Request, kind int8, key string) (*metadata.Broker, error) {
	switch kind {
	case groupKey:
	case transactionKey:
		return nil, errNoTransactions
	case shareKey:
		return nil, kafka.Errorf(kerr.InvalidRequest, "share groups are not served yet")
	default:
		return nil, kafka.Errorf(kerr.InvalidRequest, "there are no coordinators of kind %d", kind)
	}
	_, l, ok := r.view.GroupCoordinator(key)
	b := r.told(r.image(), l.Broker)
	if !ok || b == nil {
		return nil, kerr.CoordinatorNotAvailable
	}
	return b, nil
}
