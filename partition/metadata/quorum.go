package metadata

import (
	"cmp"
	"slices"
	"time"

	"troupe/partition/kafka"
)

// VoterSilentMax is how long a voter's node may be silent before another one takes its place.
const VoterSilentMax = 5 * time.Minute

// A Candidate is a replica of the metadata partition that may vote on it: that of a registered broker.
type Candidate struct {
	RaftID uint64
	Broker kafka.BrokerID
	Live   bool          // its node answers
	Silent time.Duration // for how long it has not; zero where it is live
	// Draining says that the broker is about to go for good: it should not vote, even if fewer do then.
	Draining bool
}

// Quorum returns the raft ids that should be the voters of the metadata partition, in ascending order, where current are the voters now. They are
// one, three or five, as soon as so many nodes are live, and don't become fewer because nodes are down. A voter that is no candidate, because its
// broker is gone or has another store, is replaced by the live candidate of the lowest broker id, and so is one that has been silent for silentMax.
// Where nobody is there to take its place it stays, so that the wish is the same until somebody is. One that is being drained goes at once, and where nobody
// takes its place the others are enough, as long as one of them is live.
func Quorum(current []uint64, candidates []Candidate, silentMax time.Duration) (want []uint64) {
	known, live := map[uint64]Candidate{}, 0
	var spare []Candidate
	for _, c := range candidates {
		known[c.RaftID] = c
		if !c.Live || c.Draining {
			continue
		}
		live++
		if !slices.Contains(current, c.RaftID) {
			spare = append(spare, c)
		}
	}
	slices.SortFunc(spare, func(a, b Candidate) int { return cmp.Compare(a.Broker, b.Broker) })
	take := func() uint64 {
		c := spare[0]
		spare = spare[1:]
		return c.RaftID
	}
	want = byWorth(current, known)
	for i := len(want) - 1; i >= 0 && len(spare) > 0 && lost(want[i], known, silentMax); i-- {
		want[i] = take()
	}
	if rest := slices.DeleteFunc(slices.Clone(want), func(id uint64) bool { return known[id].Draining }); slices.ContainsFunc(rest, func(id uint64) bool { return known[id].Live }) {
		want = rest
	}
	for len(want) > 0 && len(want) < quorumSize(len(current), live) && len(spare) > 0 {
		want = append(want, take())
	}
	if n := len(want); n > 0 && n%2 == 0 {
		want = byWorth(want, known)[:n-1]
	}
	slices.Sort(want)
	return want
}

// quorumSize is how many voters there should be, where there are some now and so many nodes are live.
func quorumSize(now, live int) int {
	switch {
	case live >= 5:
		return max(now, 5)
	case live >= 3:
		return max(now, 3)
	}
	return now
}

// lost tells whether a voter's place should be another's.
func lost(id uint64, known map[uint64]Candidate, silentMax time.Duration) bool {
	c, ok := known[id]
	return !ok || c.Draining || !c.Live && c.Silent >= silentMax
}

// byWorth returns voters in the order in which to keep them: the live ones, then the silent ones, the longest last, then those that are being drained, then those
// that are no candidates any more; by broker id where nothing else tells.
func byWorth(ids []uint64, known map[uint64]Candidate) []uint64 {
	group := func(id uint64) int {
		c, ok := known[id]
		switch {
		case !ok:
			return 3
		case c.Draining:
			return 2
		case !c.Live:
			return 1
		}
		return 0
	}
	out := slices.Clone(ids)
	slices.SortFunc(out, func(a, b uint64) int {
		x, y := known[a], known[b]
		return cmp.Or(cmp.Compare(group(a), group(b)), cmp.Compare(x.Silent, y.Silent), cmp.Compare(x.Broker, y.Broker), cmp.Compare(a, b))
	})
	return out
}
