package api

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a client may do with a resource, as bits numbered like kmsg.ACLOperation (KIP-430). While nobody is denied anything it is what can be done with
// resources of the kind at all, as Kafka without an authorizer answers it (org.apache.kafka.security.authorizer.AclEntry).
var (
	topicOperations = bits(kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate, kmsg.ACLOperationDelete, kmsg.ACLOperationAlter,
		kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs)
	groupOperations = bits(kmsg.ACLOperationRead, kmsg.ACLOperationDelete, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs,
		kmsg.ACLOperationAlterConfigs)
	clusterOperations = bits(kmsg.ACLOperationCreate, kmsg.ACLOperationAlter, kmsg.ACLOperationDescribe, kmsg.ACLOperationClusterAction,
		kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs, kmsg.ACLOperationIdempotentWrite)
)

// notAsked stands where a client did not ask for what it may do.
const notAsked = math.MinInt32

func bits(operations ...kmsg.ACLOperation) (set int32) {
	for _, o := range operations {
		set |= 1 << o
	}
	return set
}

// operations returns the set where the client asked for it.
func operations(set int32, asked bool) int32 {
	if asked {
		return set
	}
	return notAsked
}
