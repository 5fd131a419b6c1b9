package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

func newTopic(c *console) *cobra.Command {
	cmd := &cobra.Command{Use: "topic", Short: "Create, list, describe, alter and delete topics", Example: "  troupe topic create orders --partitions 6\n  troupe topic describe orders", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
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
	b := withBroker(c, cmd, "a line for each topic, with name, id, partitions, replication_factor and whether it was created")
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
				view := map[string]any{"name": t.Topic, "id": kafka.TopicID(t.ID).String(), "partitions": t.NumPartitions, "replication_factor": t.ReplicationFactor, "created": true}
				switch {
				case t.Err == nil:
					b.say("created topic %s", t.Topic)
				case ifNotExists && errors.Is(t.Err, kerr.TopicAlreadyExists):
					if view, err = existing(cmd.Context(), a, t.Topic); err != nil {
						errs = append(errs, err)
						continue
					}
				default:
					errs = append(errs, refusal("topic "+t.Topic, t.Err, t.ErrMessage))
					continue
				}
				if b.json {
					errs = append(errs, b.line(view))
				}
			}
			return errors.Join(errs...)
		})
	}
	return cmd
}

// existing is what create prints of a topic that is there already.
func existing(ctx context.Context, a *kadm.Client, name string) (map[string]any, error) {
	t, err := lookUp(ctx, a, name)
	if err != nil {
		return nil, err
	}
	return map[string]any{"name": name, "id": kafka.TopicID(t.ID).String(), "partitions": len(t.Partitions), "replication_factor": t.Partitions.NumReplicas(), "created": false}, nil
}

// lookUp returns a topic. It is not made where it does not exist.
func lookUp(ctx context.Context, a *kadm.Client, name string) (kadm.TopicDetail, error) {
	topics, err := a.ListTopics(ctx, name)
	if err != nil {
		return kadm.TopicDetail{}, err
	}
	return topics[name], refusal("topic "+name, topics[name].Err, "")
}

func newTopicList(c *console) *cobra.Command {
	var internal bool
	cmd := &cobra.Command{Use: "list", Short: "List topics", Example: "  troupe topic list --json", Args: cobra.NoArgs}
	b := withBroker(c, cmd, "the names as a list")
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
	b := withBroker(c, cmd, "a list of topics with name, id, internal, configs and partitions")
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
		v := topicView{Name: t.Topic, ID: kafka.TopicID(t.ID).String(), Internal: t.IsInternal, Configs: map[string]string{}}
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

func newTopicDelete(c *console) *cobra.Command {
	var ifExists bool
	cmd := &cobra.Command{Use: "delete TOPIC...", Short: "Delete topics with all their records", Example: "  troupe topic delete orders", Args: cobra.MinimumNArgs(1)}
	b := withBroker(c, cmd, "a line for each topic, with name and whether it was deleted")
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
