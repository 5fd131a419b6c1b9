package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/config"
	"troupe/partition/metadata"
)

const (
	drainLook = 500 * time.Millisecond
	// stuckFor is how long nothing must be able to go on before a drain is given up: leaders come and go while partitions move.
	stuckFor = 5 * time.Second
	// silentFor is how long the cluster may not answer.
	silentFor = time.Minute
)

func newClusterDrain(c *console) *cobra.Command {
	var timeout time.Duration
	var cancel bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move everything away from a node, before it goes for good",
		Long: `Move everything away from a node: what it leads, its replicas, a few at a time, and its vote on the metadata; it gets nothing new. Clients go on working. A
node that is dead can be drained too: its replicas are built from those on other nodes.

The drain is in the cluster, not in this command, which only shows how far it is: it goes on when the command ends, and another drain of the same node
goes on watching. --cancel ends it; what has moved by then stays where it is.

The exit code is 0 once the node holds nothing but a copy of the metadata, so that it can be stopped and unregistered, and 1 where something can't be
moved, which is named with what to do, or the time is over.`,
		Example: "  troupe cluster drain 3\n  troupe cluster drain 3 --timeout 10m\n  troupe cluster drain 3 --cancel",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd, "node, leaders, replicas, voter, drained, stuck, leaderless and blocked, at the end")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait; 0 for as long as it takes")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "end the drain")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		node, err := nodeID(args[0])
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		client, err := b.connect(ctx)
		if err != nil {
			return err
		}
		defer client.Close()
		a, err := askCluster(ctx, client)
		if err == nil {
			err = a.knows(node)
		}
		if err == nil {
			err = setDraining(ctx, client, a, node, !cancel)
		}
		switch {
		case err != nil:
			return failed(err)
		case cancel:
			b.say("node %d is not drained any more", node)
			return nil
		}
		return failed(b.watchDrain(ctx, client, node, timeout))
	}
	return cmd
}

func nodeID(s string) (int32, error) {
	id, err := strconv.ParseInt(s, 10, 32)
	if err != nil || id < 0 {
		return 0, fmt.Errorf("%q is not the id of a node", s)
	}
	return int32(id), nil
}

// knows tells whether there is such a node, and the brokers tell about nodes.
func (a *clusterAnswers) knows(node int32) error {
	known := make([]int32, len(a.cluster.Brokers))
	for i, b := range a.cluster.Brokers {
		if b.NodeID == node {
			return nil
		}
		known[i] = b.NodeID
	}
	if len(known) == 1 && known[0] == 0 {
		return errors.New("the cluster shows one address (advertise.single) and no nodes; start one of them without --advertise-single for as long as this takes, and ask it")
	}
	return fmt.Errorf("there is no node %d; there are %s", node, ids(known))
}

// anyBroker is one that is there. What only the controller can do any of them passes on, where clients would go to the node that it is about.
func (a *clusterAnswers) anyBroker(client *kgo.Client) *kgo.Broker {
	for _, b := range a.cluster.Brokers {
		if !b.IsFenced {
			return client.Broker(int(b.NodeID))
		}
	}
	return client.SeedBrokers()[0]
}

// setDraining begins or ends the drain of a node.
func setDraining(ctx context.Context, client *kgo.Client, a clusterAnswers, node int32, draining bool) error {
	q := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, fmt.Sprint(node)
	set := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	set.Name, set.Op = metadata.DrainingConfig, kmsg.IncrementalAlterConfigOp(config.Delete)
	if draining {
		set.Op, set.Value = kmsg.IncrementalAlterConfigOp(config.Set), kmsg.StringPtr("true")
	}
	r.Configs = append(r.Configs, set)
	q.Resources = append(q.Resources, r)
	answer, err := a.anyBroker(client).RetriableRequest(ctx, q)
	if err != nil {
		return fmt.Errorf("drain node %d: %w", node, err)
	}
	one := answer.(*kmsg.IncrementalAlterConfigsResponse).Resources[0]
	return refusedByCode(fmt.Sprintf("drain node %d", node), one.ErrorCode, one.ErrorMessage)
}

// watchDrain shows how far a drain is until it is done, or can't go on.
func (b *broker) watchDrain(ctx context.Context, client *kgo.Client, node int32, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	end := func(s *drainStatus, err error) error {
		if s != nil && b.json {
			err = errors.Join(b.line(s), err)
		}
		return err
	}
	var last *drainStatus
	heard, went := time.Now(), time.Now()
	for {
		a, err := askCluster(ctx, client)
		if err == nil {
			s := a.drainOf(node)
			if last == nil || s.line() != last.line() {
				b.say("%s", s.line())
			}
			heard, last = time.Now(), s
			if s.goes {
				went = heard
			}
		}
		switch {
		case last != nil && last.Drained:
			b.say("%s", last.done())
			return end(last, nil)
		case err == nil && time.Since(went) > stuckFor:
			return end(last, fmt.Errorf("node %d can't be drained yet: %s", node, last.left()))
		case err != nil && ctx.Err() == nil && time.Since(heard) > silentFor:
			return end(last, err)
		}
		select {
		case <-ctx.Done():
			return end(last, fmt.Errorf("node %d is not drained yet; the cluster goes on with it. To watch it again: troupe cluster drain %d; to end it: troupe cluster drain %d --cancel", node, node, node))
		case <-time.After(drainLook):
		}
	}
}
