package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type consuming struct {
	topic                                string
	fromBeginning, keys, headers, places bool
	group, offset                        string
	partitions                           []int32
	count                                int
	timeout                              time.Duration
}

// numbered is where to begin as a number; -1 where it is none.
func (q *consuming) numbered() int64 {
	if n, err := strconv.ParseInt(q.offset, 10, 64); err == nil {
		return n
	}
	return -1
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
	b := withBroker(c, cmd, "a line for each record, with topic, partition, offset, timestamp, key, value and headers; bytes that are not UTF-8 come in base64, as value_base64 and the like")
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
	cmd.MarkFlagsMutuallyExclusive("from-beginning", "offset")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q.topic = args[0]
		o, err := q.options()
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		if err := b.admin(ctx, func(a *kadm.Client) error { return q.isThere(ctx, a) }); err != nil {
			return err
		}
		client, err := b.connect(ctx, o...)
		if err != nil {
			return err
		}
		defer client.Close()
		return failed(b.consume(ctx, client, q))
	}
	return cmd
}

// isThere tells whether what is asked for exists. A consumer by itself would wait for it without a word.
func (q *consuming) isThere(ctx context.Context, a *kadm.Client) error {
	t, err := lookUp(ctx, a, q.topic)
	if err != nil {
		return err
	}
	for _, p := range q.partitions {
		if _, ok := t.Partitions[p]; !ok {
			return fmt.Errorf("topic %s has no partition %d", q.topic, p)
		}
	}
	at := q.numbered()
	if at < 0 {
		return nil
	}
	starts, err := a.ListStartOffsets(ctx, q.topic)
	if err != nil {
		return err
	}
	ends, err := a.ListEndOffsets(ctx, q.topic)
	if err = errors.Join(err, starts.Error(), ends.Error()); err != nil {
		return err
	}
	for _, start := range starts.Offsets().Sorted() {
		if len(q.partitions) > 0 && !slices.Contains(q.partitions, start.Partition) {
			continue
		}
		if end, _ := ends.Lookup(q.topic, start.Partition); at < start.At || at > end.Offset {
			return fmt.Errorf("--offset %d: partition %d of topic %s holds offsets from %d up to %d", at, start.Partition, q.topic, start.At, end.Offset)
		}
	}
	return nil
}

func (q *consuming) options() ([]kgo.Opt, error) {
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
		if q.numbered() < 0 {
			return nil, fmt.Errorf("--offset %s: it must be a number, earliest or latest", q.offset)
		}
		start = kgo.NewOffset().At(q.numbered())
	}
	reset := kgo.ConsumeResetOffset(start)
	if q.numbered() >= 0 {
		reset = kgo.ConsumeResetOffset(kgo.NoResetOffset()) // an offset that is gone is not another one
	}
	switch {
	case q.count < 0:
		return nil, fmt.Errorf("--max-messages %d: it must be a number of records, or 0 for no end", q.count)
	case q.timeout < 0:
		return nil, fmt.Errorf("--timeout %s: it must be a time, or 0 for no end", q.timeout)
	case q.group != "" && (len(q.partitions) > 0 || q.offset != ""):
		return nil, errors.New("a group decides by itself what is read from where: --group goes without --partition and --offset")
	case q.group != "":
		return []kgo.Opt{kgo.ConsumeTopics(q.topic), kgo.ConsumerGroup(q.group), kgo.ConsumeResetOffset(start), kgo.DisableAutoCommit()}, nil
	case len(q.partitions) > 0:
		at := map[int32]kgo.Offset{}
		for _, p := range q.partitions {
			at[p] = start
		}
		return []kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{q.topic: at}), reset}, nil
	}
	return []kgo.Opt{kgo.ConsumeTopics(q.topic), kgo.ConsumeStartOffset(start), reset}, nil
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
		if err := w.Flush(); err != nil {
			return err
		}
		return b.line(recordView(r))
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

// recordView is a record as JSON. Headers are a list, since a name may come more than once.
func recordView(r *kgo.Record) map[string]any {
	headers := []map[string]any{}
	for _, h := range r.Headers {
		view := map[string]any{"key": h.Key}
		putBytes(view, "value", h.Value)
		headers = append(headers, view)
	}
	view := map[string]any{"topic": r.Topic, "partition": r.Partition, "offset": r.Offset, "timestamp": r.Timestamp.UnixMilli(), "headers": headers}
	putBytes(view, "key", r.Key)
	putBytes(view, "value", r.Value)
	return view
}

// putBytes adds bytes under a name; JSON has text only, so what is none comes in base64 under another name.
func putBytes(view map[string]any, name string, b []byte) {
	switch {
	case b == nil:
		view[name] = nil
	case utf8.Valid(b):
		view[name] = string(b)
	default:
		view[name+"_base64"] = b // encoding/json's form of bytes
	}
}
