package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An API is a row of the table of what is served.
type API struct {
	Key kmsg.Key
	// Min and Max are the versions that are served, and Declared the lowest one that ApiVersions names. It is lower than Min
	// for Produce alone: librdkafka takes a broker that does not know version 0 for one that it can't talk to.
	Declared, Min, Max int16
	// Resource and Operation are what a client must be allowed to do.
	Resource  kmsg.ACLResourceType
	Operation kmsg.ACLOperation

	serve func(*Request)
}

// Name is the API's name, as the protocol guide has it.
func (a *API) Name() string { return a.Key.Name() }

const (
	topic   = kmsg.ACLResourceTypeTopic
	group   = kmsg.ACLResourceTypeGroup
	cluster = kmsg.ACLResourceTypeCluster
	nothing = kmsg.ACLResourceTypeUnknown
)

// APIs returns the table, by key. The versions are those of Apache Kafka 4.3.1.
func APIs() []API {
	return []API{
		{kmsg.Produce, 0, 3, 13, topic, kmsg.ACLOperationWrite, produce},
		{kmsg.Fetch, 4, 4, 18, topic, kmsg.ACLOperationRead, fetch},
		{kmsg.ListOffsets, 1, 1, 11, topic, kmsg.ACLOperationDescribe, listOffsets},
		{kmsg.Metadata, 0, 0, 13, topic, kmsg.ACLOperationDescribe, metadataOf},
		{kmsg.FindCoordinator, 0, 0, 6, group, kmsg.ACLOperationDescribe, findCoordinator},
		{kmsg.ApiVersions, 0, 0, 4, nothing, kmsg.ACLOperationUnknown, apiVersions},
		{kmsg.CreateTopics, 2, 2, 7, topic, kmsg.ACLOperationCreate, createTopics},
		{kmsg.DeleteTopics, 1, 1, 6, topic, kmsg.ACLOperationDelete, deleteTopics},
		{kmsg.DeleteRecords, 0, 0, 2, topic, kmsg.ACLOperationDelete, deleteRecords},
		{kmsg.InitProducerID, 0, 0, 5, cluster, kmsg.ACLOperationIdempotentWrite, initProducerID},
		{kmsg.OffsetForLeaderEpoch, 2, 2, 4, topic, kmsg.ACLOperationDescribe, offsetForLeaderEpoch},
		{kmsg.DescribeConfigs, 1, 1, 4, topic, kmsg.ACLOperationDescribeConfigs, describeConfigs},
		{kmsg.AlterConfigs, 0, 0, 2, topic, kmsg.ACLOperationAlterConfigs, alterConfigs},
		{kmsg.CreatePartitions, 0, 0, 3, topic, kmsg.ACLOperationAlter, createPartitions},
		{kmsg.IncrementalAlterConfigs, 0, 0, 1, topic, kmsg.ACLOperationAlterConfigs, incrementalAlterConfigs},
		{kmsg.DescribeCluster, 0, 0, 2, cluster, kmsg.ACLOperationDescribe, describeCluster},
		{kmsg.ListConfigResources, 0, 0, 1, cluster, kmsg.ACLOperationDescribeConfigs, listConfigResources},
		{kmsg.DescribeTopicPartitions, 0, 0, 0, topic, kmsg.ACLOperationDescribe, describeTopicPartitions},
	}
}
