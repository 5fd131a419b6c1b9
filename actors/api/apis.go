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
	topics  = kmsg.ACLResourceTypeTopic
	groups  = kmsg.ACLResourceTypeGroup
	cluster = kmsg.ACLResourceTypeCluster
	nothing = kmsg.ACLResourceTypeUnknown

	transactionalIDs = kmsg.ACLResourceTypeTransactionalId
)

// APIs returns the table, by key. The versions are those of Apache Kafka 4.3.1.
func APIs() []API {
	return []API{
		{kmsg.Produce, 0, 3, 13, topics, kmsg.ACLOperationWrite, produce},
		{kmsg.Fetch, 4, 4, 18, topics, kmsg.ACLOperationRead, fetch},
		{kmsg.ListOffsets, 1, 1, 11, topics, kmsg.ACLOperationDescribe, listOffsets},
		{kmsg.Metadata, 0, 0, 13, topics, kmsg.ACLOperationDescribe, metadataOf},
		{kmsg.OffsetCommit, 2, 2, 10, groups, kmsg.ACLOperationRead, offsetCommit},
		{kmsg.OffsetFetch, 1, 1, 10, groups, kmsg.ACLOperationDescribe, offsetFetch},
		{kmsg.FindCoordinator, 0, 0, 6, groups, kmsg.ACLOperationDescribe, findCoordinator},
		{kmsg.JoinGroup, 0, 0, 9, groups, kmsg.ACLOperationRead, joinGroup},
		{kmsg.Heartbeat, 0, 0, 4, groups, kmsg.ACLOperationRead, heartbeat},
		{kmsg.LeaveGroup, 0, 0, 5, groups, kmsg.ACLOperationRead, leaveGroup},
		{kmsg.SyncGroup, 0, 0, 5, groups, kmsg.ACLOperationRead, syncGroup},
		{kmsg.DescribeGroups, 0, 0, 6, groups, kmsg.ACLOperationDescribe, describeGroups},
		{kmsg.ListGroups, 0, 0, 5, cluster, kmsg.ACLOperationDescribe, listGroups},
		{kmsg.ApiVersions, 0, 0, 4, nothing, kmsg.ACLOperationUnknown, apiVersions},
		{kmsg.CreateTopics, 2, 2, 7, topics, kmsg.ACLOperationCreate, createTopics},
		{kmsg.DeleteTopics, 1, 1, 6, topics, kmsg.ACLOperationDelete, deleteTopics},
		{kmsg.DeleteRecords, 0, 0, 2, topics, kmsg.ACLOperationDelete, deleteRecords},
		{kmsg.InitProducerID, 0, 0, 5, cluster, kmsg.ACLOperationIdempotentWrite, initProducerID},
		{kmsg.OffsetForLeaderEpoch, 2, 2, 4, topics, kmsg.ACLOperationDescribe, offsetForLeaderEpoch},
		{kmsg.DescribeConfigs, 1, 1, 4, topics, kmsg.ACLOperationDescribeConfigs, describeConfigs},
		{kmsg.AlterConfigs, 0, 0, 2, topics, kmsg.ACLOperationAlterConfigs, alterConfigs},
		{kmsg.DescribeLogDirs, 1, 1, 5, cluster, kmsg.ACLOperationDescribe, describeLogDirs},
		{kmsg.CreatePartitions, 0, 0, 3, topics, kmsg.ACLOperationAlter, createPartitions},
		{kmsg.DeleteGroups, 0, 0, 2, groups, kmsg.ACLOperationDelete, deleteGroups},
		{kmsg.ElectLeaders, 0, 0, 2, cluster, kmsg.ACLOperationAlter, electLeaders},
		{kmsg.IncrementalAlterConfigs, 0, 0, 1, topics, kmsg.ACLOperationAlterConfigs, incrementalAlterConfigs},
		{kmsg.AlterPartitionAssignments, 0, 0, 1, cluster, kmsg.ACLOperationAlter, alterPartitionReassignments},
		{kmsg.ListPartitionReassignments, 0, 0, 0, cluster, kmsg.ACLOperationDescribe, listPartitionReassignments},
		{kmsg.OffsetDelete, 0, 0, 0, groups, kmsg.ACLOperationDelete, offsetDelete},
		{kmsg.DescribeQuorum, 0, 0, 2, cluster, kmsg.ACLOperationDescribe, describeQuorum},
		{kmsg.DescribeCluster, 0, 0, 2, cluster, kmsg.ACLOperationDescribe, describeCluster},
		{kmsg.UnregisterBroker, 0, 0, 0, cluster, kmsg.ACLOperationAlter, unregisterBroker},
		{kmsg.ListTransactions, 0, 0, 2, transactionalIDs, kmsg.ACLOperationDescribe, listTransactions},
		{kmsg.ListConfigResources, 0, 0, 1, cluster, kmsg.ACLOperationDescribeConfigs, listConfigResources},
		{kmsg.DescribeTopicPartitions, 0, 0, 0, topics, kmsg.ACLOperationDescribe, describeTopicPartitions},
	}
}
