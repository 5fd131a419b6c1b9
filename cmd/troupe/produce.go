package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lineBytesMax is how long a line of input may be.
const lineBytesMax = 64 << 20

func newProduce(c *console) *cobra.Command {
	var separator, compression, acks string
	var headers []string
	var partition int32
	cmd := &cobra.Command{
		Use:   "produce TOPIC",
		Short: "Publish the lines of stdin",
		Long: `Publish the lines of stdin, each as a record, until its end or Ctrl+C. The exit code is 0 once all of them are acknowledged.

With --json a line is printed for each record that is acknowledged.`,
		Example: "  seq 10 | troupe produce orders\n  echo 'key:value' | troupe produce orders -k : --header source=shell --compression zstd",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd)
	f := cmd.Flags()
	f.StringVarP(&separator, "key-separator", "k", "", "what stands between a record's key and its value; without it records have no key")
	f.StringArrayVar(&headers, "header", nil, "a header of every record, as NAME=VALUE; may be repeated")
	f.StringVar(&compression, "compression", "none", "none, gzip, snappy, lz4 or zstd")
	f.StringVar(&acks, "acks", "all", "all, 1 or 0")
	f.Int32Var(&partition, "partition", -1, "the partition of every record; -1 to choose by key")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := producerOptions(compression, acks, partition)
		if err != nil {
			return err
		}
		var with []kgo.RecordHeader
		for _, h := range headers {
			name, value, ok := strings.Cut(h, "=")
			if !ok {
				return fmt.Errorf("--header %q is not NAME=VALUE", h)
			}
			with = append(with, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
		client, err := b.connect(cmd.Context(), append(o, kgo.DefaultProduceTopic(args[0]), kgo.AllowAutoTopicCreation())...)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return explain(b.produce(ctx, client, func(line string) (*kgo.Record, error) {
			r := &kgo.Record{Headers: slices.Clone(with), Partition: max(partition, 0)}
			if separator == "" {
				r.Value = []byte(line)
				return r, nil
			}
			key, value, ok := strings.Cut(line, separator)
			if !ok {
				return nil, fmt.Errorf("the line %q has no %q between key and value", line, separator)
			}
			r.Key, r.Value = []byte(key), []byte(value)
			return r, nil
		}))
	}
	return cmd
}

func producerOptions(compression, acks string, partition int32) (o []kgo.Opt, err error) {
	codec, ok := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[compression]
	if !ok {
		return nil, fmt.Errorf("--compression %s: it must be none, gzip, snappy, lz4 or zstd", compression)
	}
	o = append(o, kgo.ProducerBatchCompression(codec))
	switch acks {
	case "all", "-1":
	case "1":
		o = append(o, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case "0":
		o = append(o, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	default:
		return nil, fmt.Errorf("--acks %s: it must be all, 1 or 0", acks)
	}
	if partition >= 0 {
		o = append(o, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	return o, nil
}

// produce publishes lines until there are no more, or the context ends; what was read by then is published.
func (b *broker) produce(ctx context.Context, client *kgo.Client, record func(line string) (*kgo.Record, error)) error {
	lines := make(chan string, 1000)
	broken := make(chan error, 1)
	go func() {
		defer close(lines)
		in := bufio.NewReaderSize(b.c.in, 64<<10)
		for {
			line, err := readLine(in)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					broken <- err
				}
				return
			}
			lines <- line
		}
	}()
	var mu sync.Mutex
	var errs []error
	done := func(r *kgo.Record, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, refusal("a record was not published", err, ""))
			return
		}
		if b.json {
			errs = append(errs, b.line(map[string]any{"topic": r.Topic, "partition": r.Partition, "offset": r.Offset}))
		}
	}
	background := context.WithoutCancel(ctx)
	var err error
	for open := true; open && err == nil; {
		var line string
		select {
		case line, open = <-lines:
			if open {
				var r *kgo.Record
				if r, err = record(line); err == nil {
					client.Produce(background, r, done)
				}
			}
		case <-ctx.Done():
			open = false
		}
	}
	if flush := client.Flush(background); flush != nil {
		return flush
	}
	select {
	case err = <-broken:
	default:
	}
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(append(errs, err)...)
}

// readLine returns the next line without its end; the last one need not have one.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) <= lineBytesMax:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return "", fmt.Errorf("a line is longer than %d bytes", lineBytesMax)
		case err != nil && len(line) == 0:
			return "", err
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
	}
}
