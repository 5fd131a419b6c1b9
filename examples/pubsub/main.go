// Command pubsub shows publish and subscribe with franz-go: one writer, and several readers of a topic who each get every record, in publishing order.
//
//	go run ./cmd/troupe server &
//	go run ./examples/pubsub
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	bootstrap := flag.String("b", "localhost:9092", "HOST:PORT of a broker")
	readers := flag.Int("readers", 3, "readers")
	records := flag.Int("records", 10, "records")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, *bootstrap, "pubsub-example", *readers, *records, func(reader int, value string) { fmt.Printf("reader %d: %s\n", reader, value) }); err != nil {
		fmt.Fprintln(os.Stderr, "pubsub:", err)
		os.Exit(1)
	}
}

// run publishes numbered records to a topic and has each reader read them. Show is called for each record that a reader gets, by several goroutines
// at once, in the order of the records for each reader.
func run(ctx context.Context, bootstrap, topic string, readers, records int, show func(reader int, value string)) error {
	writer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return err
	}
	defer writer.Close()
	// One partition: within it the order is that of publishing.
	if _, err := kadm.NewClient(writer).CreateTopic(ctx, 1, 1, nil, topic); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create the topic: %w", err)
	}
	starts, err := kadm.NewClient(writer).ListEndOffsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("find the end of the topic: %w", err)
	}
	start, _ := starts.Lookup(topic, 0)

	var wg sync.WaitGroup
	errs := make([]error, readers+1)
	for r := range readers {
		wg.Go(func() {
			errs[r] = read(ctx, bootstrap, topic, start.Offset, records, func(value string) { show(r, value) })
		})
	}
	for i := range records {
		writer.Produce(ctx, kgo.StringRecord(fmt.Sprint("record ", i)), func(_ *kgo.Record, err error) {
			if err != nil {
				errs[readers] = err
			}
		})
	}
	if err := writer.Flush(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	wg.Wait()
	return errors.Join(errs...)
}

// read gets so many records from an offset on.
func read(ctx context.Context, bootstrap, topic string, from int64, records int, show func(value string)) error {
	reader, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(from)}}))
	if err != nil {
		return err
	}
	defer reader.Close()
	for n := 0; n < records; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		for _, r := range fetches.Records() {
			show(string(r.Value))
			n++
		}
	}
	return nil
}
