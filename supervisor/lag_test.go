package supervisor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"troupe/partition/kafka"
)

// The same ones are shown each time, in whichever order they come.
func TestFirstLags(t *testing.T) {
	for count := range 12 {
		var all []groupLag
		for i := range count {
			all = append(all, groupLag{lagKey{fmt.Sprint("group-", i/3), kafka.TopicPartition{Topic: "orders", Partition: int32(i % 3)}}, int64(i)})
		}
		want := slices.Clone(all[:min(3, count)])
		for seed := range uint64(20) {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(count, func(i, j int) { all[i], all[j] = all[j], all[i] })
			f := firstLags{most: 3}
			for _, g := range all {
				f.add(g)
			}
			if got := f.sorted(); !slices.Equal(got, want) || f.left != count-len(want) {
				t.Fatalf("of %d in the order %v: %v and %d left out", count, all, got, f.left)
			}
		}
	}
}
