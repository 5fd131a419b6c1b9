package nemesis

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Each promise that is broken is noticed, and no other.
func TestChecks(t *testing.T) {
	x := func(producer, n int) ID { return ID{producer, 0, n} }
	read := func(ids ...ID) (out []Read) {
		for i, id := range ids {
			out = append(out, Read{id, int64(i)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		happen func(h *History)
		broken []string
	}{
		{"all is well", func(h *History) {
			h.acknowledge(x(0, 0), 0)
			h.acknowledge(x(1, 0), 1)
			h.acknowledge(x(0, 1), 2)
			h.consume(x(0, 0), 0)
			h.consume(x(0, 0), 0)
			h.lead(topic, 0, 1, 1, 1)
			h.lead(topic, 0, 1, 1, 2)
			h.lead(topic, 0, 2, 2, 1)
			h.lead(topic, 0, 2, -1, 1)
			h.reach(0, 2, 1)
			h.reach(0, 2, 2)
			h.reach(0, 3, 2)
			checkRecords(h, 0, read(x(0, 0), x(1, 0), x(0, 1)))
		}, nil},
		{"the end is lost", func(h *History) {
			h.acknowledge(x(0, 0), 0)
			h.acknowledge(x(0, 1), 1)
			checkRecords(h, 0, read(x(0, 0)))
		}, []string{nothingLost}},
		{"a record is lost, and another one is in its place", func(h *History) {
			h.acknowledge(x(0, 0), 0)
			h.acknowledge(x(1, 0), 1)
			checkRecords(h, 0, read(x(0, 0), x(0, 1)))
		}, []string{nothingLost}},
		{"a retry is appended twice", func(h *History) { checkRecords(h, 0, read(x(0, 0), x(0, 1), x(0, 0))) }, []string{noDuplicates}},
		{"a record overtakes", func(h *History) { checkRecords(h, 0, read(x(0, 0), x(0, 2))) }, []string{orderKept}},
		{"what was consumed is not there later", func(h *History) {
			h.consume(x(1, 0), 1)
			checkRecords(h, 0, read(x(0, 0), x(0, 1)))
		}, []string{sameRecords}},
		{"two leaders", func(h *History) {
			h.lead(topic, 0, 7, 1, 1)
			h.lead(topic, 0, 7, 2, 2)
		}, []string{oneLeader}},
		{"the high watermark goes back", func(h *History) {
			h.reach(0, 5, 1)
			h.reach(0, 4, 2)
		}, []string{highStays}},
		{"what was deleted is not missed", func(h *History) {
			h.high[0] = trimmedKeep + 2
			h.askTrim(0)
			h.answerTrim(0, 2, 2)
			h.high[0] = trimmedKeep + 4
			h.askTrim(0)
			for i, id := range read(x(0, 0), x(0, 1), x(0, 2), x(1, 0), x(0, 3)) {
				h.acknowledge(id.ID, int64(i))
			}
			checkRecords(h, 0, read(x(0, 0), x(0, 1), x(0, 2), x(1, 0), x(0, 3))[3:])
			h.consume(x(0, 3), 4)
			if missing := h.unconsumed(); missing != "" {
				t.Errorf("%s was deleted", missing)
			}
		}, nil},
		{"a record above what was deleted is lost", func(h *History) {
			h.trims[0] = trim{1, 1}
			h.acknowledge(x(1, 0), 2)
			checkRecords(h, 0, read(x(0, 0), x(0, 1), x(1, 0), x(0, 2))[1:2])
		}, []string{nothingLost}},
		{"records are deleted that nobody wanted to be", func(h *History) {
			h.trims[0] = trim{1, 0}
			h.acknowledge(x(0, 1), 1)
			checkRecords(h, 0, read(x(0, 0), x(0, 1), x(0, 2))[2:])
		}, []string{nothingLost, startAsAsked}},
		{"what was deleted is there again", func(h *History) {
			h.trims[0] = trim{2, 2}
			checkRecords(h, 0, read(x(0, 0), x(0, 1), x(0, 2))[1:])
		}, []string{startAsAsked}},
		{"more is deleted than was asked for", func(h *History) { h.answerTrim(0, 2, 3) }, []string{startAsAsked}},
		{"a replica's log begins after what was deleted", func(h *History) {
			h.trims[0] = trim{2, 2}
			l := replicaOf(t, 1, 5, 1, 1, 1, 1)
			for i := range 3 {
				delete(l.batches, kafka.Offset(i))
			}
			l.first = 3
			compareLogs(h, 1, []*replicaLog{l, replicaOf(t, 2, 5, 1, 1, 1, 1)})
		}, []string{startAsAsked}},
		{"topics are as they were made", func(h *History) {
			h.keep("a", topicThere)
			h.keep("b", topicUncertain)
			h.keep("c", topicGone)
			h.checkTopics(1, map[string]bool{"a": true, "b": true})
			h.checkTopics(1, map[string]bool{"a": true})
		}, nil},
		{"a topic has gone", func(h *History) {
			h.keep("a", topicThere)
			h.checkTopics(1, nil)
		}, []string{topicsStay}},
		{"a topic has come back", func(h *History) {
			h.keep("a", topicGone)
			h.checkTopics(1, map[string]bool{"a": true})
		}, []string{topicsStay}},
		{"a replica lacks the end", func(h *History) {
			compareLogs(h, 1, []*replicaLog{replicaOf(t, 1, 5, 1, 1, 1), replicaOf(t, 2, 5, 1, 1, 1), replicaOf(t, 3, 2, 1, 1)})
		}, []string{sameLogs}},
		{"a replica has another entry", func(h *History) {
			compareLogs(h, 1, []*replicaLog{replicaOf(t, 1, 5, 1, 2, 2), replicaOf(t, 2, 5, 1, 1, 2)})
		}, []string{sameLogs}},
		{"what is not committed may differ", func(h *History) {
			compareLogs(h, 1, []*replicaLog{replicaOf(t, 1, 2, 1, 1, 1), replicaOf(t, 2, 2, 1, 1, 2), replicaOf(t, 3, 2, 1, 1)})
		}, nil},
		{"what is not committed on any disk was acknowledged, and a replica lacks it", func(h *History) {
			h.acknowledge(x(0, 2), 2)
			compareLogs(h, 1, []*replicaLog{replicaOf(t, 1, 2, 1, 1, 1), replicaOf(t, 2, 2, 1, 1, 1), replicaOf(t, 3, 2, 1, 1)})
		}, []string{sameLogs}},
		{"all replicas lack what was acknowledged", func(h *History) {
			h.acknowledge(x(0, 2), 2)
			compareLogs(h, 1, []*replicaLog{replicaOf(t, 1, 2, 1, 1), replicaOf(t, 2, 2, 1, 1), replicaOf(t, 3, 2, 1, 1)})
		}, []string{nothingLost}},
		{"a node lacks a partition", func(h *History) {
			compareAll(h, 3, map[kafka.PartitionNumber][]*replicaLog{1: {replicaOf(t, 1, 2, 1, 1), replicaOf(t, 2, 2, 1, 1)}})
		}, []string{sameLogs}},
		{"all nodes lack a partition", func(h *History) {
			h.acknowledge(x(0, 0), 0)
			compareAll(h, 3, nil)
		}, []string{nothingLost}},
		{"what is acknowledged is read back as it comes, but for what was deleted first", func(h *History) {
			f := newFollower()
			h.acknowledge(x(0, 0), 0)
			f.find(h, Read{x(0, 0), 0})
			readBack(t, f, h, "")
			h.acknowledge(x(0, 1), 1)
			h.acknowledge(x(0, 2), 2)
			h.acknowledge(x(1, 0), 3)
			readBack(t, f, h, "partition 0 is read up to 1 only, and ends at 4")
			h.trims[0] = trim{asked: 2}
			f.find(h, Read{x(0, 2), 2})
			f.find(h, Read{x(1, 0), 3})
			readBack(t, f, h, "")
		}, nil},
		{"what was acknowledged is not read back", func(h *History) {
			f := newFollower()
			h.acknowledge(x(0, 0), 0)
			h.acknowledge(x(1, 0), 1)
			f.find(h, Read{x(1, 0), 1})
			readBack(t, f, h, "")
		}, []string{nothingLost}},
		{"a reader is sent back to something else", func(h *History) {
			f := newFollower()
			f.find(h, Read{x(0, 0), 0})
			f.find(h, Read{x(1, 0), 1})
			f.find(h, Read{x(0, 0), 0})
			f.find(h, Read{x(1, 1), 1})
		}, []string{sameRecords}},
	} {
		h := NewHistory(1)
		c.happen(h)
		var broken []string
		for promise := range h.counts {
			broken = append(broken, promise)
		}
		if slices.Sort(broken); !slices.Equal(broken, c.broken) {
			t.Errorf("%s: broken are %q, want %q; %s", c.name, broken, c.broken, strings.Join(h.Violations(), "; "))
		}
	}
}

// readBack has a follower compare all there is now, of a History of one partition; behind is where it lacks records to do so.
func readBack(t *testing.T, f *follower, h *History, behind string) {
	t.Helper()
	ends, _ := h.told()
	if got := f.behind(ends); got != behind {
		t.Errorf("behind: %q, want %q", got, behind)
	}
	if behind != "" {
		return
	}
	if err := f.readBack(t.Context(), h); err != nil {
		t.Error(err)
	}
}

// replicaOf is a replica with an entry of each of the terms, from index 1 on, each with one record.
func replicaOf(t *testing.T, node int32, commit consensus.Index, terms ...consensus.Term) *replicaLog {
	t.Helper()
	l := &replicaLog{node: node, commit: commit, batches: map[kafka.Offset]consensus.Entry{}}
	for i, term := range terms {
		var b record.Builder
		b.Add(record.Record{Value: value(ID{0, 0, i})})
		batch, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint64(batch, uint64(i))
		l.batches[kafka.Offset(i)] = consensus.Entry{Index: consensus.Index(i + 1), Term: term, Kind: consensus.Batch, Data: batch}
	}
	return l
}

// Who is followed, and who could not, is read from the nodes' logs.
func TestFollows(t *testing.T) {
	if line := `level=info ts=2026-11-26T00:42:06.147529259Z msg="began anew with the leader's snapshot, because the leader's log does not reach back" partition=nemesis-1 offset=5`; !beganAnew.MatchString(line) {
		t.Errorf("%q is not known", line)
	}
	line := `level=debug ts=2026-11-26T00:42:06.147529259Z msg=follows partition=__consumer_offsets-2 leader=3 epoch=5`
	if m := follows.FindStringSubmatch(line); m == nil || !slices.Equal(m[1:], []string{"__consumer_offsets", "2", "3", "5"}) {
		t.Errorf("%q", m)
	}
}
