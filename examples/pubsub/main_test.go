package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"troupe/supervisor/troupetest"
)

func TestEveryReaderGetsEveryRecordInOrder(t *testing.T) {
	n := troupetest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for round := range 2 { // the second run finds the topic, with records in it
		var mu sync.Mutex
		got := map[int][]string{}
		err := run(ctx, n.KafkaAddr(), "example", 4, 100, func(reader int, value string) {
			mu.Lock()
			defer mu.Unlock()
			got[reader] = append(got[reader], value)
		})
		if err != nil {
			t.Fatal(err)
		}
		for reader := range 4 {
			if len(got[reader]) != 100 {
				t.Fatalf("round %d: reader %d got %d records", round, reader, len(got[reader]))
			}
			for i, value := range got[reader] {
				if want := fmt.Sprint("record ", i); value != want {
					t.Fatalf("round %d: reader %d got %q, want %q", round, reader, value, want)
				}
			}
		}
	}
}
