package nemesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	keepEvery  = 300 * time.Millisecond
	keepWithin = 5 * time.Second
	keptTopics = 6 // beyond them the oldest is deleted
)

// keepTopics makes topics and deletes them again. What was answered it notes: in the end there are the topics that were made, and none that was deleted.
func (w *workload) keepTopics(ctx context.Context) {
	c, err := kgo.NewClient(append(clientOptions(w.cluster), kgo.RetryTimeout(keepWithin))...)
	if err != nil {
		w.history.violate(topicsStay, "no client: %v", err)
		return
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	var kept []string
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprint("kept-", n)
		if answered(ctx, func(ctx context.Context) error {
			_, err := admin.CreateTopic(ctx, 2, 3, nil, name)
			return err
		}, kerr.TopicAlreadyExists) {
			kept = append(kept, name)
			w.history.keep(name, topicThere)
		}
		if len(kept) > keptTopics {
			w.history.keep(kept[0], topicUncertain)
			if answered(ctx, func(ctx context.Context) error {
				_, err := admin.DeleteTopic(ctx, kept[0])
				return err
			}, kerr.UnknownTopicOrPartition) {
				w.history.keep(kept[0], topicGone)
			}
			kept = kept[1:]
		}
		select {
		case <-ctx.Done():
		case <-time.After(keepEvery):
		}
	}
}

// answered asks until there is an answer that says that it is done, now or by an earlier attempt; false where the context ends before.
func answered(ctx context.Context, ask func(ctx context.Context) error, already error) bool {
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, keepWithin)
		err := ask(within)
		cancel()
		if err == nil || errors.Is(err, already) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchEvery):
		}
	}
	return false
}
