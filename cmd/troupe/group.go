package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

func newGroup(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "group", Short: "List, describe and delete consumer groups, and move their offsets", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newGroupList(c), newGroupDescribe(c), newGroupDelete(c), newGroupReset(c))
	return cmd
}

func newGroupList(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List consumer groups", Example: "  troupe group list", Args: cobra.NoArgs}
	b := withBroker(c, cmd)
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
	b := withBroker(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			lags, err := a.Lag(cmd.Context(), names...)
			if err != nil {
				return err
			}
			for _, g := range lags.Sorted() {
				if err := errors.Join(refusal("group "+g.Group, g.DescribeErr, ""), refusal("group "+g.Group, g.FetchErr, "")); err != nil {
					return err
				}
				if g.State == "Dead" {
					return fmt.Errorf("there is no group %s", g.Group)
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
	b := withBroker(c, cmd)
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

// A target is where reset-offsets moves a group.
type target struct {
	earliest, latest bool
	offset, shift    string
	datetime         string
}

func newGroupReset(c *console) *cobra.Command {
	var topics []string
	var to target
	var execute bool
	cmd := &cobra.Command{
		Use:   "reset-offsets GROUP",
		Short: "Move a consumer group that has no members",
		Long: `Move the offsets of a consumer group that has no members. Without --execute it shows what would be.

The target is one of --to-earliest, --to-latest, --to-offset, --to-datetime and --shift-by. An offset outside of a partition is moved to its nearest end.`,
		Example: "  troupe group reset-offsets billing --topic orders --to-earliest --execute\n  troupe group reset-offsets billing --topic orders:0,2 --shift-by -100",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd)
	f := cmd.Flags()
	f.StringArrayVar(&topics, "topic", nil, "TOPIC, or TOPIC:PARTITION,…; may be repeated")
	f.BoolVar(&to.earliest, "to-earliest", false, "to the oldest records")
	f.BoolVar(&to.latest, "to-latest", false, "behind the newest records")
	f.StringVar(&to.offset, "to-offset", "", "to an offset")
	f.StringVar(&to.datetime, "to-datetime", "", "to the first records of a time or later, such as 2026-01-31T12:00:00Z")
	f.StringVar(&to.shift, "shift-by", "", "by so many records from where the group is; below zero goes back")
	f.BoolVar(&execute, "execute", false, "do it")
	cmd.MarkFlagsOneRequired("to-earliest", "to-latest", "to-offset", "to-datetime", "shift-by")
	cmd.MarkFlagsMutuallyExclusive("to-earliest", "to-latest", "to-offset", "to-datetime", "shift-by")
	_ = cmd.MarkFlagRequired("topic") // the flag exists
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		chosen, err := choose(topics)
		if err != nil {
			return err
		}
		place, err := to.place()
		if err != nil {
			return err
		}
		return b.admin(cmd.Context(), func(a *kadm.Client) error { return b.reset(cmd.Context(), a, args[0], chosen, place, execute) })
	}
	return cmd
}

// choose reads TOPIC:PARTITION,…; a topic without partitions stands for all of them.
func choose(topics []string) (map[string][]int32, error) {
	out := map[string][]int32{}
	for _, t := range topics {
		name, list, ok := strings.Cut(t, ":")
		out[name] = append(out[name], []int32{}...)
		if !ok {
			continue
		}
		for p := range strings.SplitSeq(list, ",") {
			n, err := strconv.ParseInt(p, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("--topic %s: %q is not a partition", t, p)
			}
			out[name] = append(out[name], int32(n))
		}
	}
	return out, nil
}

// places are what is known of a partition when its new offset is chosen; committed is -1 where there is none.
type places struct{ committed, start, end, atTime int64 }

// A placing is how a new offset follows from what is known. The time is in milliseconds since 1970, -1 where none is asked for.
type placing struct {
	millis int64
	offset func(places) int64
}

func (t *target) place() (p placing, err error) {
	p.millis = -1
	switch {
	case t.earliest:
		p.offset = func(x places) int64 { return x.start }
	case t.latest:
		p.offset = func(x places) int64 { return x.end }
	case t.datetime != "":
		at, err := time.Parse(time.RFC3339, t.datetime)
		if err != nil {
			return p, fmt.Errorf("--to-datetime %s: it must be like 2026-01-31T12:00:00Z", t.datetime)
		}
		p.millis = at.UnixMilli()
		p.offset = func(x places) int64 { return x.atTime }
	case t.offset != "":
		n, err := strconv.ParseInt(t.offset, 10, 64)
		if err != nil {
			return p, fmt.Errorf("--to-offset %s: it must be a number", t.offset)
		}
		p.offset = func(places) int64 { return n }
	default:
		n, err := strconv.ParseInt(t.shift, 10, 64)
		if err != nil {
			return p, fmt.Errorf("--shift-by %s: it must be a number", t.shift)
		}
		p.offset = func(x places) int64 { return max(x.committed, x.start) + n }
	}
	return p, nil
}

func (b *broker) reset(ctx context.Context, a *kadm.Client, group string, chosen map[string][]int32, place placing, execute bool) error {
	var names []string
	for name := range chosen {
		names = append(names, name)
	}
	starts, err := a.ListStartOffsets(ctx, names...)
	if err != nil {
		return err
	}
	ends, err := a.ListEndOffsets(ctx, names...)
	if err != nil {
		return err
	}
	times := ends
	if place.millis >= 0 {
		if times, err = a.ListOffsetsAfterMilli(ctx, place.millis, names...); err != nil {
			return err
		}
	}
	if err := errors.Join(starts.Error(), ends.Error(), times.Error()); err != nil {
		return err
	}
	committed, err := a.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	moved := kadm.Offsets{}
	views, rows := []map[string]any{}, [][]any(nil)
	for _, start := range starts.Offsets().Sorted() {
		if only := chosen[start.Topic]; len(only) > 0 && !slices.Contains(only, start.Partition) {
			continue
		}
		end, _ := ends.Lookup(start.Topic, start.Partition)
		at, _ := times.Lookup(start.Topic, start.Partition)
		x := places{committed: -1, start: start.At, end: end.Offset, atTime: at.Offset}
		if was, ok := committed.Lookup(start.Topic, start.Partition); ok {
			x.committed = was.At
		}
		to := min(max(place.offset(x), x.start), x.end)
		moved.Add(kadm.Offset{Topic: start.Topic, Partition: start.Partition, At: to, LeaderEpoch: -1})
		views = append(views, map[string]any{"topic": start.Topic, "partition": start.Partition, "from": x.committed, "to": to})
		rows = append(rows, []any{start.Topic, start.Partition, x.committed, to})
	}
	if execute {
		done, err := a.CommitOffsets(ctx, group, moved)
		if err == nil {
			err = done.Error()
		}
		if err != nil {
			return refusal("group "+group, err, "")
		}
	}
	if err := b.print(map[string]any{"group": group, "executed": execute, "partitions": views}, "TOPIC\tPARTITION\tFROM\tTO", rows); err != nil {
		return err
	}
	if !execute {
		b.say("nothing was changed; --execute does it")
	}
	return nil
}
