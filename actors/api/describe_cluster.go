package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// What a DescribeCluster can be sent to (KIP-919).
const (
	brokerEndpoint     = 1
	controllerEndpoint = 2
)

// DescribeCluster, versions 0-2. v1 type of endpoint (KIP-919). v2 fenced brokers, where they are asked for (KIP-1073).
func describeCluster(r *Request) {
	q := r.Body.(*kmsg.DescribeClusterRequest)
	response := kmsg.NewPtrDescribeClusterResponse()
	response.EndpointType, response.ControllerID, response.ClusterAuthorizedOperations = brokerEndpoint, int32(kafka.NoBroker), notAsked
	if r.Version >= 1 && q.EndpointType != brokerEndpoint {
		err := kafka.Errorf(kerr.UnsupportedEndpointType, "unsupported endpoint type %d", q.EndpointType)
		if q.EndpointType == controllerEndpoint {
			err = kafka.Errorf(kerr.MismatchedEndpointType, "The request was sent to an endpoint of the wrong type: brokers are asked here, there is no listener for controllers")
		}
		response.ErrorCode, response.ErrorMessage = r.errCode(err), kafka.Message(err)
		r.respond(response)
		return
	}
	response.ClusterAuthorizedOperations = operations(clusterOperations, q.IncludeClusterAuthorizedOperations)
	response.ClusterID = r.image().ClusterID()
	response.ControllerID = int32(r.controller())
	brokers := r.brokers()
	if q.IncludeFencedBrokers && r.env.Single == nil {
		brokers = r.image().Brokers()
	}
	for _, b := range brokers {
		m := kmsg.NewDescribeClusterResponseBroker()
		m.NodeID, m.Host, m.Port, m.IsFenced = int32(b.ID), b.Host, b.Port, b.Fenced || r.env.Single == nil && !r.isLive(b.ID)
		if b.Rack != "" {
			m.Rack = &b.Rack
		}
		response.Brokers = append(response.Brokers, m)
	}
	r.respond(response)
}
