package nemesis

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// An ID is a record's identity: producers number what they write to each partition, from 0.
type ID struct {
	Producer  int
	Partition int32
	Number    int
}

// An Ack is a record that a producer was told is stored.
type Ack struct {
	ID
	Offset      int64
	Sent, Acked time.Time
}

// A ledEpoch is a leader epoch of a partition.
type ledEpoch struct {
	topic     string
	partition int32
	epoch     int32
}

// A History is what the clients of a run did and saw. It may be used by many goroutines.
type History struct {
	mu         sync.Mutex
	sent       map[ID]time.Time // of records without an answer yet
	acks       [][]Ack          // by partition, in the order of the answers
	beats      *beats           // when they came
	consumed   []map[int64]ID   // by partition and offset
	leaders    map[ledEpoch]int32
	high       []int64 // by partition
	trims      []trim  // by partition
	topics     map[string]topicState
	violations []string
	counts     map[string]int // of violations
}

// NewHistory returns an empty History of a topic's partitions.
func NewHistory(partitions int) *History {
	h := &History{
		sent: map[ID]time.Time{}, acks: make([][]Ack, partitions), beats: newBeats(partitions), leaders: map[ledEpoch]int32{}, topics: map[string]topicState{}, high: make([]int64, partitions), trims: make([]trim, partitions), counts: map[string]int{},
	}
	for range partitions {
		h.consumed = append(h.consumed, map[int64]ID{})
	}
	return h
}

// violationsShown is how many violations of a kind are kept word for word.
const violationsShown = 5

// violate notes that the cluster has broken a promise.
func (h *History) violate(promise, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violated(promise, format, args...)
}

func (h *History) violated(promise, format string, args ...any) {
	if h.counts[promise]++; h.counts[promise] <= violationsShown {
		h.violations = append(h.violations, fmt.Sprintf("%s %s: ", time.Now().UTC().Format("15:04:05.000"), promise)+fmt.Sprintf(format, args...))
	}
}

// Violations are the broken promises, in words.
func (h *History) Violations() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(h.violations)
	for promise, n := range h.counts {
		if n > violationsShown {
			out = append(out, fmt.Sprintf("%s: %d more", promise, n-violationsShown))
		}
	}
	return out
}

func (h *History) send(id ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[id] = time.Now()
}

func (h *History) acknowledge(id ID, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks[id.Partition] = append(h.acks[id.Partition], Ack{id, offset, h.sent[id], time.Now()})
	delete(h.sent, id)
	h.beats.note(id.Partition)
}

// consume notes what a consumer of the group has read.
func (h *History) consume(id ID, offset int64) {
	h.agree(id, offset)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.consumed[id.Partition][offset] = id
}

// agree holds what a reader has read against what the group has. All readers must see the same record at an offset.
func (h *History) agree(id ID, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before, ok := h.consumed[id.Partition][offset]; ok && before != id {
		h.violated(sameRecords, "partition %d has %v at offset %d, and had %v before", id.Partition, id, offset, before)
	}
}

// lead notes whom a node takes for the leader of an epoch.
func (h *History) lead(topic string, partition, epoch, leader, said int32) {
	if leader < 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := ledEpoch{topic, partition, epoch}
	if before, ok := h.leaders[key]; ok && before != leader {
		h.violated(oneLeader, "%s/%d has the leaders %d and %d in epoch %d, says node %d", topic, partition, before, leader, epoch, said)
		return
	}
	h.leaders[key] = leader
}

// A topicState is what is known of a topic that was made by the run.
type topicState int

const (
	topicThere     topicState = iota + 1 // its making was answered
	topicUncertain                       // its deletion was asked for
	topicGone                            // its deletion was answered
)

func (h *History) keep(topic string, state topicState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.topics[topic] = state
}

// checkTopics holds the topics that a node names against those that were made and deleted.
func (h *History) checkTopics(node int32, named map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for topic, state := range h.topics {
		if there := named[topic]; state == topicThere && !there || state == topicGone && there {
			h.violated(topicsStay, "node %d, of topic %s: it is there: %v", node, topic, there)
		}
	}
}

// reach notes a high watermark, which was asked for after all that were noted before had been answered.
func (h *History) reach(partition int32, high int64, leader int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before := h.high[partition]; high < before {
		h.violated(highStays, "partition %d: %d after %d, says node %d", partition, high, before, leader)
		return
	}
	h.high[partition] = high
}

// Acks returns how many records were acknowledged and how many wait for an answer.
func (h *History) Acks() (acknowledged, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.acks {
		acknowledged += len(p)
	}
	return acknowledged, len(h.sent)
}

// hasBegun tells whether every producer and every consumer has got through to every partition.
func (h *History) hasBegun() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p, acks := range h.acks {
		begun := map[int]bool{}
		for _, a := range acks {
			begun[a.Producer] = true
		}
		if len(begun) < producers || len(h.consumed[p]) == 0 {
			return false
		}
	}
	return true
}
