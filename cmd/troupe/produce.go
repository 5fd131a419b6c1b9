package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lineBytesMax is how long a line of input may be.
const lineBytesMax = 64 << 20

func newProduce(c *console) *cobra.Command {
	var separator, compression, acks string
	var headers []string
	var partition int32
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "produce TOPIC",
		Short: "Publish the lines of stdin",
		Long: `Publish the lines of stdin, each as a record, until its end, Ctrl+C, or the first record that fails. The exit code is 0 once all that were read are
acknowledged. After Ctrl+C they are waited for, for ten seconds at most; a second one ends the command at once.`,
		Example: "  seq 10 | troupe produce orders\n  echo 'key:value' | troupe produce orders -k : --header source=shell --compression zstd",
		Args:    cobra.ExactArgs(1),
	}
	b := withBroker(c, cmd, "a line for each record that is acknowledged, with topic, partition and, unless --acks is 0, offset")
	f := cmd.Flags()
	f.StringVarP(&separator, "key-separator", "k", "", "what stands between a record's key and its value; without it records have no key")
	f.StringArrayVar(&headers, "header", nil, "a header of every record, as NAME=VALUE; may be repeated")
	f.StringVar(&compression, "compression", "none", "none, gzip, snappy, lz4 or zstd")
	f.StringVar(&acks, "acks", "all", "all, 1 or 0")
	f.Int32Var(&partition, "partition", -1, "the partition of every record; -1 to choose by key")
	f.DurationVar(&timeout, "timeout", time.Minute, "how long a record may take to be acknowledged")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := producerOptions(compression, acks, partition, timeout)
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
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		p := &producing{b: b, client: client, patience: min(timeout, flushWithin), offsets: acks != "0"}
		return failed(p.run(ctx, func(line string) (*kgo.Record, error) {
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

func producerOptions(compression, acks string, partition int32, timeout time.Duration) (o []kgo.Opt, err error) {
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
	switch {
	case partition < -1:
		return nil, fmt.Errorf("--partition %d: it must be a partition, or -1 to choose by key", partition)
	case partition >= 0:
		o = append(o, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	if timeout < time.Second {
		return nil, fmt.Errorf("--timeout %s: it must be at least 1s", timeout)
	}
	// A record that may be in the log without our knowledge counts as failed, since a broker that is gone would be waited for for ever. It is
	// not published again.
	return append(o, kgo.RecordDeliveryTimeout(timeout), kgo.AllowIdempotentProduceCancellation()), nil
}

// flushWithin is how long acknowledgements are waited for after Ctrl+C or a record that failed.
const flushWithin = 10 * time.Second

// producing is a produce command at work.
type producing struct {
	b        *broker
	client   *kgo.Client
	patience time.Duration
	offsets  bool // acknowledgements tell them

	mu           sync.Mutex
	sent         int
	acknowledged int
	first        error // of many
	stop         func()
}

// run publishes lines until there are no more, the context ends or something fails; what was read by then is published.
func (p *producing) run(ctx context.Context, record func(line string) (*kgo.Record, error)) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	p.stop = stop
	publishing, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	defer context.AfterFunc(reading, func() { time.AfterFunc(p.patience, giveUp) })()
	lines, broken := p.read()
	var bad error
	for open := true; open && bad == nil; {
		var line string
		select {
		case line, open = <-lines:
			if !open {
				break
			}
			var r *kgo.Record
			if r, bad = record(line); bad == nil {
				p.mu.Lock()
				p.sent++
				p.mu.Unlock()
				p.client.Produce(publishing, r, p.done)
			}
		case <-reading.Done():
			open = false
		}
	}
	flushed := p.client.Flush(publishing)
	select {
	case bad = <-broken:
	default:
	}
	return errors.Join(bad, p.outcome(flushed))
}

// read reads lines until there are no more; why it can't, where that is not the end, comes before the lines end.
func (p *producing) read() (<-chan string, <-chan error) {
	lines, broken := make(chan string, 1000), make(chan error, 1)
	go func() {
		defer close(lines)
		in := bufio.NewReaderSize(p.b.c.in, 64<<10)
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
	return lines, broken
}

// done hears what became of a record.
func (p *producing) done(r *kgo.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.acknowledged++
		if !p.b.json {
			return
		}
		view := map[string]any{"topic": r.Topic, "partition": r.Partition}
		if p.offsets {
			view["offset"] = r.Offset
		}
		err = p.b.line(view)
	}
	if err != nil && p.first == nil {
		p.first = err
		p.stop()
	}
}

// outcome is nil where every record was acknowledged; of what is wrong with many it says how many, and the first reason.
func (p *producing) outcome(flushed error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.sent - p.acknowledged
	reason := p.first
	if flushed != nil && (reason == nil || errors.Is(reason, context.Canceled)) {
		reason = fmt.Errorf("no answer within %s", p.patience)
	}
	switch {
	case left == 0:
		return reason
	case left == 1:
		return refusal("1 record was not acknowledged", reason, "")
	}
	return refusal(fmt.Sprintf("%d records were not acknowledged", left), reason, "")
}

// readLine returns the next line without its end; the last one need not have one. What comes before an error is not all of a line.
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
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return "", err
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
	}
}
