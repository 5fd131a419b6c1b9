package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

func newTopicAlter(c *console) *cobra.Command {
	var partitions int
	var set, unset []string
	cmd := &cobra.Command{
		Use:     "alter TOPIC",
		Short:   "Add partitions to a topic, or change its settings",
		Example: "  troupe topic alter orders --partitions 12 --config retention.ms=86400000 --delete-config max.message.bytes",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd, "name and altered")
	cmd.Flags().IntVarP(&partitions, "partitions", "p", 0, "how many partitions the topic shall have")
	cmd.Flags().StringArrayVar(&set, "config", nil, "a setting, as NAME=VALUE; may be repeated")
	cmd.Flags().StringArrayVar(&unset, "delete-config", nil, "a setting that goes back to its default; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		values, err := pairs(set)
		if err != nil {
			return err
		}
		if !cmd.Flags().Changed("partitions") && len(values) == 0 && len(unset) == 0 {
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
			// Settings are validated before the topic grows, since it can't shrink again.
			if len(changes) > 0 {
				if err := alterConfigs(cmd.Context(), a.ValidateAlterTopicConfigs, changes, names[0]); err != nil {
					return err
				}
				if err := areKnown(cmd.Context(), a, names[0], unset); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("partitions") {
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
				if err := alterConfigs(cmd.Context(), a.AlterTopicConfigs, changes, names[0]); err != nil {
					return err
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

func alterConfigs(ctx context.Context, alter func(context.Context, []kadm.AlterConfig, ...string) (kadm.AlterConfigsResponses, error), changes []kadm.AlterConfig, topic string) error {
	changed, err := alter(ctx, changes, topic)
	if err != nil {
		return err
	}
	for _, t := range changed {
		if err := refusal("topic "+t.Name, t.Err, t.ErrMessage); err != nil {
			return err
		}
	}
	return nil
}

// areKnown tells whether a topic has these settings. A broker takes it for granted that one that is to be deleted is not there.
func areKnown(ctx context.Context, a *kadm.Client, topic string, names []string) error {
	described, err := a.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return err
	}
	t, err := described.On(topic, nil)
	if err == nil {
		err = t.Err
	}
	if err != nil {
		return refusal("topic "+topic, err, t.ErrMessage)
	}
	for _, name := range names {
		if !slices.ContainsFunc(t.Configs, func(c kadm.Config) bool { return c.Key == name }) {
			return fmt.Errorf("topic %s: there is no setting %s", topic, name)
		}
	}
	return nil
}
