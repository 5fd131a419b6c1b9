package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newTopic(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "topic", Short: "Create, list, describe, alter and delete topics", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newTopicCreate(c), newTopicList(c), newTopicDescribe(c), newTopicAlter(c), newTopicDelete(c))
	return cmd
}

// A topicView is a topic as commands print it.
type topicView struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Internal   bool              `json:"internal"`
	Configs    map[string]string `json:"configs,omitempty"` // those that were set
	Partitions []partitionView   `json:"partitions"`
}

type partitionView struct {
	Partition int32   `json:"partition"`
	Leader    int32   `json:"leader"`
	Epoch     int32   `json:"leader_epoch"`
	Replicas  []int32 `json:"replicas"`
	InSync    []int32 `json:"in_sync"`
}

func newTopicCreate(c *console) *cobra.Command {
	var partitions int32
	var factor int16
	var configs []string
	var ifNotExists bool
	cmd := &cobra.Command{
		Use:     "create TOPIC...",
		Short:   "Create topics",
		Example: "  troupe topic create orders --partitions 6 --config retention.ms=3600000",
		Args:    cobra.MinimumNArgs(1),
	}
	b := withBroker(c, cmd)
	cmd.Flags().Int32VarP(&partitions, "partitions", "p", -1, "partitions of each; -1 for the cluster's default")
	cmd.Flags().Int16VarP(&factor, "replication-factor", "r", -1, "replicas of each partition; -1 for the cluster's default")
	cmd.Flags().StringArrayVar(&configs, "config", nil, "a setting, as NAME=VALUE; may be repeated")
	cmd.Flags().BoolVar(&ifNotExists, "if-not-exists", false, "a topic that exists is no error")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		values, err := pairs(configs)
		if err != nil {
			return err
		}
		set := map[string]*string{}
		for name, value := range values {
			set[name] = &value
		}
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			made, err := a.CreateTopics(cmd.Context(), partitions, factor, set, names...)
			if err != nil {
				return err
			}
			var errs []error
			for _, t := range made.Sorted() {
				if t.Err != nil && !(ifNotExists && errors.Is(t.Err, kerr.TopicAlreadyExists)) {
					errs = append(errs, refusal("topic "+t.Topic, t.Err, t.ErrMessage))
					continue
				}
				if b.json {
					errs = append(errs, b.line(map[string]any{"name": t.Topic, "id": t.ID.String(), "partitions": t.NumPartitions, "replication_factor": t.ReplicationFactor, "created": t.Err == nil}))
				} else if t.Err == nil {
					b.say("created topic %s", t.Topic)
				}
			}
			return errors.Join(errs...)
		})
	}
	return cmd
}

func newTopicList(c *console) *cobra.Command {
	var internal bool
	cmd := &cobra.Command{Use: "list", Short: "List topics", Example: "  troupe topic list --json", Args: cobra.NoArgs}
	b := withBroker(c, cmd)
	cmd.Flags().BoolVar(&internal, "internal", false, "with the cluster's own topics")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			list := a.ListTopics
			if internal {
				list = a.ListTopicsWithInternal
			}
			topics, err := list(cmd.Context())
			if err != nil {
				return err
			}
			names := []string{}
			for _, t := range topics.Sorted() {
				names = append(names, t.Topic)
			}
			if b.json {
				return b.line(names)
			}
			for _, name := range names {
				fmt.Fprintln(c.out, name)
			}
			return nil
		})
	}
	return cmd
}

func newTopicDescribe(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "describe [TOPIC...]",
		Short:   "Show topics with their partitions and the settings that were made",
		Example: "  troupe topic describe orders",
	}
	b := withBroker(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			views, err := describeTopics(cmd, a, names)
			if err != nil {
				return err
			}
			if b.json {
				return b.line(views)
			}
			for _, v := range views {
				fmt.Fprintf(c.out, "topic %s  id %s  partitions %d", v.Name, v.ID, len(v.Partitions))
				for _, name := range slices.Sorted(maps.Keys(v.Configs)) {
					fmt.Fprintf(c.out, "  %s=%s", name, v.Configs[name])
				}
				fmt.Fprintln(c.out)
				var rows [][]any
				for _, p := range v.Partitions {
					rows = append(rows, []any{p.Partition, p.Leader, p.Epoch, ids(p.Replicas), ids(p.InSync)})
				}
				if err := b.print(nil, "  PARTITION\tLEADER\tEPOCH\tREPLICAS\tIN SYNC", indent(rows)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func indent(rows [][]any) [][]any {
	for _, row := range rows {
		row[0] = fmt.Sprint("  ", row[0])
	}
	return rows
}

func ids(list []int32) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
}

func describeTopics(cmd *cobra.Command, a *kadm.Client, names []string) ([]topicView, error) {
	topics, err := a.ListTopics(cmd.Context(), names...)
	if err != nil {
		return nil, err
	}
	views := []topicView{}
	var known []string
	for _, t := range topics.Sorted() {
		if t.Err != nil {
			return nil, refusal("topic "+t.Topic, t.Err, "")
		}
		known = append(known, t.Topic)
		v := topicView{Name: t.Topic, ID: t.ID.String(), Internal: t.IsInternal, Configs: map[string]string{}}
		for _, p := range t.Partitions.Sorted() {
			v.Partitions = append(v.Partitions, partitionView{p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR})
		}
		views = append(views, v)
	}
	if len(known) == 0 {
		return views, nil
	}
	configs, err := a.DescribeTopicConfigs(cmd.Context(), known...)
	if err != nil {
		return nil, err
	}
	for i := range views {
		for _, r := range configs {
			for _, kv := range r.Configs {
				if r.Name == views[i].Name && kv.Source == kmsg.ConfigSourceDynamicTopicConfig && kv.Value != nil {
					views[i].Configs[kv.Key] = *kv.Value
				}
			}
		}
	}
	slices.SortFunc(views, func(x, y topicView) int { return cmp.Compare(x.Name, y.Name) })
	return views, nil
}

func newTopicAlter(c *console) *cobra.Command {
	var partitions int
	var set, unset []string
	cmd := &cobra.Command{
		Use:     "alter TOPIC",
		Short:   "Add partitions to a topic, or change its settings",
		Example: "  troupe topic alter orders --partitions 12 --config retention.ms=86400000 --delete-config max.message.bytes",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd)
	cmd.Flags().IntVarP(&partitions, "partitions", "p", 0, "how many partitions the topic shall have")
	cmd.Flags().StringArrayVar(&set, "config", nil, "a setting, as NAME=VALUE; may be repeated")
	cmd.Flags().StringArrayVar(&unset, "delete-config", nil, "a setting that goes back to its default; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		values, err := pairs(set)
		if err != nil {
			return err
		}
		if partitions == 0 && len(values) == 0 && len(unset) == 0 {
			return errors.New("nothing to change: give --partitions, --config or --delete-config")
		}
		var changes []kadm.AlterConfig
		for _, name := range slices.Sorted(maps.Keys(values)) {
			value := values[name]
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
		for _, name := range unset {
			changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: name})
		}
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			if partitions != 0 {
				grown, err := a.UpdatePartitions(cmd.Context(), partitions, names...)
				if err != nil {
					return err
				}
				for _, t := range grown.Sorted() {
					if err := refusal("topic "+t.Topic, t.Err, t.ErrMessage); err != nil {
						return err
					}
				}
			}
			if len(changes) > 0 {
				changed, err := a.AlterTopicConfigs(cmd.Context(), changes, names...)
				if err != nil {
					return err
				}
				for _, t := range changed {
					if err := refusal("topic "+t.Name, t.Err, t.ErrMessage); err != nil {
						return err
					}
				}
			}
			b.say("altered topic %s", names[0])
			if b.json {
				return b.line(map[string]any{"name": names[0], "altered": true})
			}
			return nil
		})
	}
	return cmd
}

func newTopicDelete(c *console) *cobra.Command {
	var ifExists bool
	cmd := &cobra.Command{Use: "delete TOPIC...", Short: "Delete topics with all their records", Example: "  troupe topic delete orders", Args: cobra.MinimumNArgs(1)}
	b := withBroker(c, cmd)
	cmd.Flags().BoolVar(&ifExists, "if-exists", false, "a topic that does not exist is no error")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return b.admin(cmd.Context(), func(a *kadm.Client) error {
			gone, err := a.DeleteTopics(cmd.Context(), names...)
			if err != nil {
				return err
			}
			var errs []error
			for _, t := range gone.Sorted() {
				if t.Err != nil && !(ifExists && errors.Is(t.Err, kerr.UnknownTopicOrPartition)) {
					errs = append(errs, refusal("topic "+t.Topic, t.Err, t.ErrMessage))
					continue
				}
				if b.json {
					errs = append(errs, b.line(map[string]any{"name": t.Topic, "deleted": t.Err == nil}))
				} else if t.Err == nil {
					b.say("deleted topic %s", t.Topic)
				}
			}
			return errors.Join(errs...)
		})
	}
	return cmd
}
