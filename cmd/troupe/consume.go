package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

type consuming struct {
	fromBeginning, keys, headers, places bool
	group, offset                        string
	partitions                           []int32
	count                                int
	timeout                              time.Duration
}

func newConsume(c *console) *cobra.Command {
	var q consuming
	cmd := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Print the records of a topic, as they come",
		Long: `Print the values of a topic's records, one a line, as they come, until Ctrl+C. Without --from-beginning it begins with what is published from
now on; a group begins where it stopped.`,
		Example: "  troupe consume orders --from-beginning\n  troupe consume orders --group billing -n 100 --json",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd)
	f := cmd.Flags()
	f.BoolVar(&q.fromBeginning, "from-beginning", false, "begin with the oldest record")
	f.StringVarP(&q.group, "group", "g", "", "read as a member of a consumer group, and commit how far it came")
	f.Int32SliceVar(&q.partitions, "partition", nil, "read only these partitions")
	f.StringVar(&q.offset, "offset", "", "where to begin in each partition: a number, earliest or latest")
	f.IntVarP(&q.count, "max-messages", "n", 0, "end after so many records; 0 for no end")
	f.DurationVar(&q.timeout, "timeout", 0, "end when nothing came for so long, such as 10s; 0 for no end")
	f.BoolVar(&q.keys, "print-key", false, "print the key and a tab before the value")
	f.BoolVar(&q.headers, "print-headers", false, "print the headers as NAME=VALUE,… and a tab before the value")
	f.BoolVar(&q.places, "print-offset", false, "print PARTITION:OFFSET and a tab before the value")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := q.options(args[0])
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		client, err := b.connect(ctx, o...)
		if err != nil {
			return err
		}
		defer client.Close()
		return explain(b.consume(ctx, client, q))
	}
	return cmd
}

func (q *consuming) options(topic string) ([]kgo.Opt, error) {
	start := kgo.NewOffset().AtEnd()
	if q.fromBeginning {
		start = kgo.NewOffset().AtStart()
	}
	switch q.offset {
	case "":
	case "earliest":
		start = kgo.NewOffset().AtStart()
	case "latest":
		start = kgo.NewOffset().AtEnd()
	default:
		n, err := strconv.ParseInt(q.offset, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("--offset %s: it must be a number, earliest or latest", q.offset)
		}
		start = kgo.NewOffset().At(n)
	}
	switch {
	case q.group != "" && (len(q.partitions) > 0 || q.offset != ""):
		return nil, errors.New("a group decides by itself what is read from where: --group goes without --partition and --offset")
	case q.group != "":
		return []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumerGroup(q.group), kgo.ConsumeResetOffset(start), kgo.DisableAutoCommit()}, nil
	case len(q.partitions) > 0:
		at := map[int32]kgo.Offset{}
		for _, p := range q.partitions {
			at[p] = start
		}
		return []kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at})}, nil
	}
	return []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(start)}, nil
}

// consume prints records until there are as many as were wanted, nothing comes any more, or the context ends.
func (b *broker) consume(ctx context.Context, client *kgo.Client, q consuming) error {
	out := bufio.NewWriter(b.c.out)
	for n := 0; q.count == 0 || n < q.count; {
		poll, cancel := ctx, func() {}
		if q.timeout > 0 {
			poll, cancel = context.WithTimeout(ctx, q.timeout)
		}
		most := 10_000
		if q.count > 0 {
			most = min(most, q.count-n)
		}
		fetches := client.PollRecords(poll, most)
		over := poll.Err() != nil
		cancel()
		for _, e := range fetches.Errors() {
			if !over {
				return refusal("topic "+e.Topic, e.Err, "")
			}
		}
		for _, r := range fetches.Records() {
			if err := b.printRecord(out, r, q); err != nil {
				return err
			}
			n++
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("print records: %w", err)
		}
		if q.group != "" && fetches.NumRecords() > 0 {
			if err := client.CommitUncommittedOffsets(context.WithoutCancel(ctx)); err != nil {
				return fmt.Errorf("commit the group's offsets: %w", err)
			}
		}
		if over {
			return nil
		}
	}
	return nil
}

func (b *broker) printRecord(w *bufio.Writer, r *kgo.Record, q consuming) error {
	if b.json {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		text := func(b []byte) *string {
			if b == nil {
				return nil
			}
			s := string(b)
			return &s
		}
		if err := w.Flush(); err != nil {
			return err
		}
		return b.line(map[string]any{
			"topic": r.Topic, "partition": r.Partition, "offset": r.Offset, "timestamp": r.Timestamp.UnixMilli(), "key": text(r.Key), "value": text(r.Value), "headers": headers,
		})
	}
	if q.places {
		fmt.Fprintf(w, "%d:%d\t", r.Partition, r.Offset)
	}
	if q.headers {
		for i, h := range r.Headers {
			if i > 0 {
				_ = w.WriteByte(',') // the writer keeps its first error for Flush
			}
			fmt.Fprintf(w, "%s=%s", h.Key, h.Value)
		}
		_ = w.WriteByte('\t')
	}
	if q.keys {
		fmt.Fprintf(w, "%s\t", r.Key)
	}
	_, _ = w.Write(r.Value)
	return w.WriteByte('\n')
}
