package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/metadata"
)

func newClusterCommands(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Look at the cluster, and take nodes out of it", Example: "  troupe cluster status\n  troupe cluster drain 3", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newClusterStatus(c), newClusterDrain(c), newClusterUnregister(c))
	return cmd
}

func newClusterStatus(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show nodes, the metadata's voters, and partitions that lack something",
		Long: `Show the nodes of the cluster, which of them vote on its metadata and how far they are, and the partitions that lack a leader or replicas, or that are being
reassigned. A node is live, draining, or fenced: it takes no clients, or is not there. Its lag is how many rows of the metadata it does not have yet.

The exit code is 0 where the metadata and every partition has a leader, so that everything can be written and read, and 1 where one has none, or no node
answers. Partitions that lack replicas do not change it.`,
		Example: "  troupe cluster status\n  troupe cluster status --json | jq .partitions.under_replicated",
		Args:    cobra.NoArgs,
	}
	b := withBroker(c, cmd, "cluster_id, controller, nodes, metadata, partitions and reassignments")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := b.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer client.Close()
		a, err := askCluster(cmd.Context(), client)
		if err != nil {
			return failed(err)
		}
		s := a.status()
		if b.json {
			err = b.line(s)
		} else {
			err = b.printStatus(s)
		}
		return errors.Join(err, failed(s.lacksLeaders()))
	}
	return cmd
}

// What the brokers say of their cluster.
type clusterAnswers struct {
	cluster       *kmsg.DescribeClusterResponse
	metadata      *kmsg.MetadataResponse
	quorum        *kmsg.DescribeQuorumResponse             // nil where the metadata has no leader
	reassignments *kmsg.ListPartitionReassignmentsResponse // nil where the controller does not answer
	draining      map[int32]bool                           // of the nodes that answer
}

// askCluster asks for all of it. What only the controller knows is left out where there is none.
func askCluster(ctx context.Context, client *kgo.Client) (a clusterAnswers, err error) {
	c := kmsg.NewPtrDescribeClusterRequest()
	c.EndpointType, c.IncludeFencedBrokers = 1, true
	if a.cluster, err = c.RequestWith(ctx, client); err == nil {
		err = kerr.ErrorForCode(a.cluster.ErrorCode)
	}
	if err != nil {
		return a, fmt.Errorf("describe the cluster: %w", err)
	}
	m := kmsg.NewPtrMetadataRequest()
	m.Topics = nil
	if a.metadata, err = m.RequestWith(ctx, client); err != nil {
		return a, fmt.Errorf("ask for topics: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	a.draining = askDraining(within, client, a.cluster.Brokers)
	if a.cluster.ControllerID < 0 {
		return a, nil
	}
	q := kmsg.NewPtrDescribeQuorumRequest()
	t, p := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	t.Topic, t.Partitions = "__cluster_metadata", append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
	if a.quorum, err = q.RequestWith(within, client); err != nil || len(a.quorum.Topics) != 1 || len(a.quorum.Topics[0].Partitions) != 1 || a.quorum.Topics[0].Partitions[0].ErrorCode != 0 {
		a.quorum = nil
	}
	l := kmsg.NewPtrListPartitionReassignmentsRequest()
	l.Topics = nil
	if a.reassignments, err = l.RequestWith(within, client); err != nil || a.reassignments.ErrorCode != 0 {
		a.reassignments = nil
	}
	return a, nil
}

// askDraining asks the nodes that are there which of them are being drained.
func askDraining(ctx context.Context, client *kgo.Client, brokers []kmsg.DescribeClusterResponseBroker) map[int32]bool {
	q := kmsg.NewPtrDescribeConfigsRequest()
	for _, b := range brokers {
		if !b.IsFenced {
			r := kmsg.NewDescribeConfigsRequestResource()
			r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeBroker, fmt.Sprint(b.NodeID), []string{metadata.DrainingConfig}
			q.Resources = append(q.Resources, r)
		}
	}
	draining := map[int32]bool{}
	for _, shard := range client.RequestSharded(ctx, q) {
		a, ok := shard.Resp.(*kmsg.DescribeConfigsResponse)
		if shard.Err != nil || !ok {
			continue
		}
		for _, r := range a.Resources {
			if id, err := nodeID(r.ResourceName); err == nil && len(r.Configs) == 1 && r.Configs[0].Value != nil {
				draining[id] = strings.EqualFold(*r.Configs[0].Value, "true")
			}
		}
	}
	return draining
}
