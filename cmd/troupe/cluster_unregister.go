package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newClusterUnregister(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unregister NODE",
		Short: "Have the cluster forget a node that is drained and stopped",
		Long: `Have the cluster forget a node that is drained and stopped, as kafka-cluster.sh unregister does. It is refused where the node still has replicas or may be at work: one
that has died counts as stopped ten seconds later. The node's id is free then; its data folder is of no more use.`,
		Example: "  troupe cluster unregister 3",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd, "the node")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		node, err := nodeID(args[0])
		if err != nil {
			return err
		}
		client, err := b.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer client.Close()
		q := kmsg.NewPtrUnregisterBrokerRequest()
		q.BrokerID = node
		a, err := q.RequestWith(cmd.Context(), client)
		if err != nil {
			return failed(err)
		}
		if err := refusedByCode(fmt.Sprintf("unregister node %d", node), a.ErrorCode, a.ErrorMessage); err != nil {
			return failed(err)
		}
		if b.json {
			return b.line(map[string]any{"node": node, "unregistered": true})
		}
		b.say("node %d is unregistered", node)
		return nil
	}
	return cmd
}
