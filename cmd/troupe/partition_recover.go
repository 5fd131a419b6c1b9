package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"troupe/supervisor"
)

func newPartition(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use: "partition", Short: "Recover partitions that have lost their majority", Example: "  troupe partition recover --all", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPartitionRecover(c))
	return cmd
}

// recoverWithin is how long a node may take for it.
const recoverWithin = 2 * time.Minute

func newPartitionRecover(c *console) *cobra.Command {
	var admin string
	var all, accept, asJSON bool
	cmd := &cobra.Command{
		Use:   "recover [TOPIC-PARTITION...]",
		Short: "Go on without replicas that are lost for ever",
		Long: `Recover partitions whose majority of replicas is lost for ever: the replica on the node whose admin listener is asked goes on alone, and all others are given
up and made anew from it. Records that only they had are gone, acknowledged ones among them. Where the nodes can come back with their data, start them
instead: nothing is lost then.

Without --accept-data-loss nothing is changed: what is lost is listed, with what would be given up. Where the cluster's metadata (__cluster_metadata-0) has lost its
majority too, it is recovered first, and the nodes that are given up with it are taken again only with empty data folders.`,
		Example: "  troupe partition recover\n  troupe partition recover --all --accept-data-loss\n  troupe partition recover orders-3 --accept-data-loss --admin 10.0.0.7:9644",
	}
	cmd.Flags().StringVar(&admin, "admin", defaultAdmin, "HOST:PORT of the admin listener of the node whose replicas go on")
	cmd.Flags().BoolVar(&all, "all", false, "all partitions that are lost and have a replica on the node")
	cmd.Flags().BoolVar(&accept, "accept-data-loss", false, "do it: records that only the lost replicas had are gone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs: print what is lost or, when it is done, recovered, failed and lost_nodes")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		switch {
		case all && len(names) > 0:
			return errors.New("--all goes without names of partitions")
		case accept && !all && len(names) == 0:
			return errors.New("say which partitions, or --all")
		case !accept:
			return listLost(cmd.Context(), c, admin, names, asJSON)
		}
		r, err := recoverLost(cmd.Context(), admin, names, all)
		if err != nil {
			return failed(err)
		}
		if asJSON {
			err = json.NewEncoder(c.out).Encode(r)
		} else {
			printRecovery(c, r)
		}
		if err == nil && len(r.Failed) > 0 {
			err = fmt.Errorf("%d of %d partitions were not recovered", len(r.Failed), len(r.Failed)+len(r.Recovered))
		}
		return failed(err)
	}
	return cmd
}

// listLost shows what a recovery would do. Whoever means it has to say so: the exit code is that of a call that lacks a flag.
func listLost(ctx context.Context, c *console, admin string, names []string, asJSON bool) error {
	body, err := result(ctx, http.MethodGet, admin, "/partitions/lost", getWithin)
	var lost []supervisor.LostPartition
	if err == nil {
		err = json.Unmarshal(body, &lost)
	}
	if err != nil {
		return failed(err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(lost, func(l supervisor.LostPartition) bool { return l.Partition == name }) {
			return failed(fmt.Errorf("%s is not lost, or has no replica on this node", name))
		}
	}
	if len(names) > 0 {
		lost = slices.DeleteFunc(lost, func(l supervisor.LostPartition) bool { return !slices.Contains(names, l.Partition) })
	}
	if asJSON {
		err = json.NewEncoder(c.out).Encode(lost)
	} else if len(lost) == 0 {
		fmt.Fprintln(c.out, "no partition with a replica on this node has lost its majority")
	}
	if err != nil || len(lost) == 0 {
		return failed(err)
	}
	if !asJSON {
		for _, l := range lost {
			fmt.Fprintf(c.out, "%s has lost its majority: %s\n", l.Partition, describeGone(l.Gone))
			fmt.Fprintf(c.out, "  kept: %s; %d of them are known to be committed\n", recordsOf(l.LogStart, l.LogEnd), l.HighWatermark-l.LogStart)
			if l.AheadOn != nil {
				fmt.Fprintf(c.out, "  node %d has more of it, or as much and goes first: recover it there\n", *l.AheadOn)
			}
		}
		fmt.Fprintln(c.out, "given up: the replicas above, for ever; records that only they have are gone")
	}
	return &failure{errors.New("nothing was changed: repeat it with --accept-data-loss to go on without them"), exitUsage}
}

// recoverLost has it done.
func recoverLost(ctx context.Context, admin string, names []string, all bool) (*supervisor.Recovery, error) {
	query := url.Values{"partition": names}
	if all {
		query.Set("all", "true")
	}
	body, err := result(ctx, http.MethodPost, admin, "/partitions/recover?"+query.Encode(), recoverWithin)
	if err != nil {
		return nil, err
	}
	var r supervisor.Recovery
	return &r, json.Unmarshal(body, &r)
}

func printRecovery(c *console, r *supervisor.Recovery) {
	for _, p := range r.Recovered {
		fmt.Fprintf(c.out, "recovered %s: kept %s\n  given up: %s; records that only they had are gone\n", p.Partition, recordsOf(p.LogStart, p.LogEnd), describeGone(p.GivenUp))
	}
	if len(r.LostNodes) > 0 {
		fmt.Fprintf(c.out, "nodes %s are given up: to start one again, empty its data folder first\n", ids(r.LostNodes))
	}
	if len(r.Recovered)+len(r.Failed) == 0 {
		fmt.Fprintln(c.out, "no partition with a replica on this node has lost its majority")
	}
	for _, f := range r.Failed {
		fmt.Fprintf(c.err, "not recovered %s: %s\n", f.Partition, f.Reason)
	}
}

func recordsOf(start, end int64) string {
	if start == end {
		return fmt.Sprintf("no records, the log ends at offset %d", end)
	}
	return fmt.Sprintf("records from offset %d up to %d", start, end-1)
}

// describeGone names replicas by their nodes.
func describeGone(gone []supervisor.GoneReplica) string {
	var words []string
	for _, g := range gone {
		word := "a replica of a store that is gone"
		if g.Node != nil {
			word = fmt.Sprintf("the replica on node %d", *g.Node)
		}
		var more []string
		if !g.Votes {
			more = append(more, "without a vote")
		}
		switch {
		case g.SinceMillis != nil:
			more = append(more, "gone since "+time.UnixMilli(*g.SinceMillis).Format(time.RFC3339))
		case g.Node != nil:
			more = append(more, "its node is there with another data folder, or without it")
		}
		if len(more) > 0 {
			word += " (" + strings.Join(more, ", ") + ")"
		}
		words = append(words, word)
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}
