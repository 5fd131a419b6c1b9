package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"troupe/actors/link"
	"troupe/partition/kafka"
)

// A verdict is what a node with an empty folder is to do, by what it knows of the seeds.
type verdict struct {
	found bool
	join  string   // a cluster's id
	wait  string   // for what, in words
	err   error    // it can't become a member
	seeds []string // that have not answered, each with the reason
}

// judge decides whether a node with an empty folder founds a cluster, joins one, or waits. A cluster is founded only if every seed has
// answered that its folder is empty too, by the node with the lowest id among them: a seed that does not answer may be one that knows of a cluster.
func judge(self link.Hello, seeds []string, met map[string]*link.Met) verdict {
	clusters := map[string]string{} // by id: who says so
	nodes := map[kafka.BrokerID]link.Hello{}
	var v verdict
	var refused []error
	for _, seed := range seeds {
		m := met[seed]
		switch {
		case m == nil:
			v.seeds = append(v.seeds, seed+" (no answer yet)")
			continue
		case m.Err != nil && m.Hello.Node == 0:
			v.seeds = append(v.seeds, fmt.Sprintf("%s (%v)", seed, m.Err))
			continue
		case m.Err != nil:
			refused = append(refused, fmt.Errorf("%s: %w", seed, m.Err))
			continue
		case m.Hello.Cluster != "":
			clusters[m.Hello.Cluster] = seed
		}
		if other, ok := nodes[m.Hello.Node]; ok && other.Store != m.Hello.Store {
			v.err = fmt.Errorf("two of the seeds are node %d; give every node a --node-id of its own", m.Hello.Node)
			return v
		}
		nodes[m.Hello.Node] = m.Hello
	}
	if other, ok := nodes[self.Node]; ok && other.Store != self.Store {
		v.err = fmt.Errorf("node id %d is taken by the node at %s; give every node a --node-id of its own", self.Node, other.Address)
		return v
	}
	switch {
	case len(refused) > 0:
		v.err = errors.Join(refused...)
	case len(clusters) > 1:
		v.err = fmt.Errorf("the seeds belong to different clusters: %s", describe(clusters))
	case len(clusters) == 1:
		v.join = slices.Collect(maps.Keys(clusters))[0]
	case len(v.seeds) > 0:
		v.wait = "seeds that have not answered"
	default:
		lowest := slices.MinFunc(slices.Collect(maps.Values(nodes)), func(a, b link.Hello) int { return cmp.Compare(a.Node, b.Node) })
		if v.found = lowest.Store == self.Store; !v.found {
			v.wait = fmt.Sprintf("node %d, which founds the cluster", lowest.Node)
		}
	}
	return v
}

func describe(clusters map[string]string) string {
	var words []string
	for _, id := range slices.Sorted(maps.Keys(clusters)) {
		words = append(words, fmt.Sprintf("%s (%s)", id, clusters[id]))
	}
	return strings.Join(words, ", ")
}
