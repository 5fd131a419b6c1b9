package metadata

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// errDuplicateTopic refuses a topic that a request names more than once, in the words of Kafka's ControllerApis.
var errDuplicateTopic = kafka.Errorf(kerr.InvalidRequest, "Duplicate topic name.")

// distinct yields the place of each item's first appearance, and whether it appears again: a request that says two things of one topic is refused
// for it with one row.
func distinct[T any, K comparable](items []T, key func(*T) K) iter.Seq2[int, bool] {
	count := counts(items, key)
	return func(yield func(int, bool) bool) {
		seen := make(map[K]bool, len(items))
		for i := range items {
			k := key(&items[i])
			if seen[k] {
				continue
			}
			seen[k] = true
			if !yield(i, count[k] > 1) {
				return
			}
		}
	}
}

func counts[T any, K comparable](items []T, key func(*T) K) map[K]int {
	count := make(map[K]int, len(items))
	for i := range items {
		count[key(&items[i])]++
	}
	return count
}
