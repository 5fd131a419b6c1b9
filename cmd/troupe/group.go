package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

func newGroup(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "group", Short: "List, describe and delete consumer groups, and move their offsets", Example: "  troupe group list\n  troupe group describe billing", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newGroupList(c), newGroupDescribe(c), newGroupDelete(c), newGroupReset(c))
	return cmd
}

func newGroupList(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List consumer groups", Example: "  troupe group list", Args: cobra.NoArgs}
	b := withBroker(c, cmd, "a list of groups with group, state and protocol_type")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			groups, err := a.ListGroups(cmd.Context())
			if err != nil {
				return err
			}
			type view struct {
				Group    string `json:"group"`
				State    string `json:"state"`
				Protocol string `json:"protocol_type"`
			}
			views, rows := []view{}, [][]any(nil)
			for _, g := range groups.Sorted() {
				views = append(views, view{g.Group, g.State, g.ProtocolType})
				rows = append(rows, []any{g.Group, g.State, g.ProtocolType})
			}
			return b.print(views, "GROUP\tSTATE\tTYPE", rows)
		})
	}
	return cmd
}

// A lagView is how far a group has come in a partition.
type lagView struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed"` // -1 for nothing
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`
	Member    string `json:"member,omitempty"`
	Host      string `json:"host,omitempty"`
}

func newGroupDescribe(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "describe GROUP...", Short: "Show how far consumer groups have come", Example: "  troupe group describe billing", Args: cobra.MinimumNArgs(1)}
	b := withBroker(c, cmd, "a line for each group, with group, state, members and partitions")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			groups, err := a.ListGroups(cmd.Context())
			if err != nil {
				return err
			}
			for _, name := range names {
				if _, ok := groups[name]; !ok {
					return fmt.Errorf("there is no group %s", name)
				}
			}
			lags, err := a.Lag(cmd.Context(), names...)
			if err != nil {
				return err
			}
			for _, g := range lags.Sorted() {
				if err := errors.Join(refusal("group "+g.Group, g.DescribeErr, ""), refusal("group "+g.Group, g.FetchErr, "")); err != nil {
					return err
				}
				views, rows := []lagView{}, [][]any(nil)
				for _, l := range g.Lag.Sorted() {
					v := lagView{Topic: l.Topic, Partition: l.Partition, Committed: l.Commit.At, End: l.End.Offset, Lag: l.Lag}
					if l.Member != nil {
						v.Member, v.Host = l.Member.MemberID, l.Member.ClientHost
					}
					views = append(views, v)
					rows = append(rows, []any{v.Topic, v.Partition, v.Committed, v.End, v.Lag, v.Member, v.Host})
				}
				if b.json {
					err = b.line(map[string]any{"group": g.Group, "state": g.State, "members": len(g.Members), "partitions": views})
				} else {
					b.say("group %s  %s  members %d", g.Group, g.State, len(g.Members))
					err = b.print(nil, "  TOPIC\tPARTITION\tCOMMITTED\tEND\tLAG\tMEMBER\tHOST", indent(rows))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func newGroupDelete(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "delete GROUP...", Short: "Delete consumer groups that have no members", Example: "  troupe group delete billing", Args: cobra.MinimumNArgs(1)}
	b := withBroker(c, cmd, "a line for each group that was deleted, with group and deleted")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			gone, err := a.DeleteGroups(cmd.Context(), names...)
			if err != nil {
				return err
			}
			var errs []error
			for _, g := range gone.Sorted() {
				if g.Err != nil {
					errs = append(errs, refusal("group "+g.Group, g.Err, g.ErrMessage))
					continue
				}
				b.say("deleted group %s", g.Group)
				if b.json {
					errs = append(errs, b.line(map[string]any{"group": g.Group, "deleted": true}))
				}
			}
			return errors.Join(errs...)
		})
	}
	return cmd
}
