package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

// A target is where reset-offsets moves a group.
type target struct {
	earliest, latest bool
	offset, shift    string
	datetime         string
}

// datetimes are how --to-datetime may be written: as RFC 3339 has it, and as Kafka's tools do, where no zone means UTC.
var datetimes = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05"}

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
	b := withBroker(c, cmd, "group, executed, and the partitions with topic, partition, from and to")
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

// A choice is some partitions of a topic, or all of them.
type choice struct {
	all        bool
	partitions []int32
}

func (c choice) has(partition int32) bool { return c.all || slices.Contains(c.partitions, partition) }

// choose reads TOPIC:PARTITION,…; a topic without partitions stands for all of them.
func choose(topics []string) (map[string]choice, error) {
	out := map[string]choice{}
	for _, t := range topics {
		name, list, ok := strings.Cut(t, ":")
		c := out[name]
		if !ok {
			c.all = true
			out[name] = c
			continue
		}
		for p := range strings.SplitSeq(list, ",") {
			n, err := strconv.ParseInt(p, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("--topic %s: %q is not a partition", t, p)
			}
			c.partitions = append(c.partitions, int32(n))
		}
		out[name] = c
	}
	return out, nil
}

// places are what is known of a partition when its new offset is chosen; committed is -1 where there is none.
type places struct{ committed, start, end, atTime int64 }

// A placing is how a new offset follows from what is known. The time is in milliseconds since 1970, -1 where none is asked for.
type placing struct {
	millis int64
	shifts bool // from what is committed
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
		at, err := parseTime(t.datetime)
		if err != nil {
			return p, err
		}
		if at.UnixMilli() < 0 { // in the protocol these numbers mean other things
			p.offset = func(x places) int64 { return x.start }
			break
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
		p.shifts = true
		p.offset = func(x places) int64 { return x.committed + n }
	}
	return p, nil
}

func parseTime(s string) (time.Time, error) {
	for _, form := range datetimes {
		if at, err := time.Parse(form, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--to-datetime %s: it must be like 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.000", s)
}

// isIdle tells whether a group has no members, so that nobody commits other offsets meanwhile.
func isIdle(ctx context.Context, a *kadm.Client, name string) error {
	groups, err := a.ListGroups(ctx)
	if err != nil {
		return err
	}
	if g, ok := groups[name]; ok && g.State != "Empty" && g.State != "Dead" {
		return fmt.Errorf("group %s has members (it is %s); its offsets can only be moved while it has none", name, g.State)
	}
	return nil
}

// areThere tells whether the chosen topics and partitions exist.
func areThere(ctx context.Context, a *kadm.Client, chosen map[string]choice) error {
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		t, err := lookUp(ctx, a, name)
		if err != nil {
			return err
		}
		for _, p := range chosen[name].partitions {
			if _, ok := t.Partitions[p]; !ok {
				return fmt.Errorf("topic %s has no partition %d", name, p)
			}
		}
	}
	return nil
}

func (b *broker) reset(ctx context.Context, a *kadm.Client, group string, chosen map[string]choice, place placing, execute bool) error {
	if err := errors.Join(isIdle(ctx, a, group), areThere(ctx, a, chosen)); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(chosen))
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
		if !chosen[start.Topic].has(start.Partition) {
			continue
		}
		end, _ := ends.Lookup(start.Topic, start.Partition)
		at, _ := times.Lookup(start.Topic, start.Partition)
		x := places{committed: -1, start: start.At, end: end.Offset, atTime: at.Offset}
		if was, ok := committed.Lookup(start.Topic, start.Partition); ok {
			x.committed = was.At
		}
		if place.shifts && x.committed < 0 {
			return fmt.Errorf("group %s has no offset in partition %d of topic %s to shift", group, start.Partition, start.Topic)
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
