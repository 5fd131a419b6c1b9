package nemesis

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"troupe/benchmarks/cluster"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// A replicaLog is what a node's folder holds of a partition.
type replicaLog struct {
	node   int32
	commit consensus.Index
	first  kafka.Offset // of the first batch
	// batches are those with records, by their base offsets.
	batches map[kafka.Offset]consensus.Entry
}

const logBytesMax = 16 << 20 // that are read at once

// checkFolders opens the folders of the nodes, which must not run any more, and compares what they hold: every node has every partition, and the record batches of all replicas of a
// partition are the same byte for byte, from the first one that all of them have up to the high watermark, and up to what was acknowledged at least, which no replica lacks.
func checkFolders(h *History, nodes []*cluster.Node) (compared int, err error) {
	logs := map[kafka.PartitionNumber][]*replicaLog{}
	for _, n := range nodes {
		if err := readFolder(n, logs); err != nil {
			return 0, fmt.Errorf("node %d: %w", n.ID, err)
		}
	}
	return compareAll(h, len(nodes), logs), nil
}

// compareAll compares the replicas of all partitions on so many nodes, and returns how many batches all of them have.
func compareAll(h *History, nodes int, logs map[kafka.PartitionNumber][]*replicaLog) (compared int) {
	there := map[int32]bool{}
	for _, number := range slices.Sorted(maps.Keys(logs)) {
		replicas := logs[number]
		if len(replicas) < nodes {
			var on []int32
			for _, l := range replicas {
				on = append(on, l.node)
			}
			h.violate(sameLogs, "partition number %d is there on the nodes %v only", number, on)
		}
		if p, ok := workloadPartition(replicas); ok {
			there[p] = true
		}
		compared += compareLogs(h, number, replicas)
	}
	for p := range int32(len(h.acks)) {
		if h.acknowledged(p) >= 0 && !there[p] {
			h.violate(nothingLost, "no node has anything of partition %d of the topic, of which records were acknowledged", p)
		}
	}
	return compared
}

// workloadPartition tells which partition of the workload's topic some replicas are of, from the first record; false where they are of another topic.
func workloadPartition(replicas []*replicaLog) (partition int32, ok bool) {
	for _, l := range replicas {
		if l.first < 0 {
			continue
		}
		for r, err := range record.Batch(l.batches[l.first].Data).Records(logBytesMax) {
			id, ok := identity(r.Value)
			return id.Partition, err == nil && ok
		}
	}
	return 0, false
}

// acknowledged is the last offset at which a record was; -1 where there is none.
func (h *History) acknowledged(partition int32) (last int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last = -1
	for _, a := range h.acks[partition] {
		last = max(last, a.Offset)
	}
	return last
}

func readFolder(n *cluster.Node, into map[kafka.PartitionNumber][]*replicaLog) error {
	s, err := logstore.Open(logstore.Options{Dir: n.Data(), ReclaimEvery: -1})
	if err != nil {
		return err
	}
	defer s.Close() // nothing was written
	numbers, err := s.Partitions()
	if err != nil {
		return err
	}
	for _, number := range numbers {
		l, err := readReplica(s, number)
		if err != nil {
			return fmt.Errorf("partition number %d: %w", number, err)
		}
		l.node = n.ID
		into[number] = append(into[number], l)
	}
	return nil
}

func readReplica(s *logstore.Store, number kafka.PartitionNumber) (*replicaLog, error) {
	stored, err := s.Load(number)
	if err != nil {
		return nil, err
	}
	l := &replicaLog{commit: max(stored.Hard.Commit, stored.Snapshot.Index), first: -1, batches: map[kafka.Offset]consensus.Entry{}}
	for next := stored.Snapshot.Index + 1; next <= stored.Last; {
		entries, err := s.Entries(number, next, stored.Last+1, logBytesMax)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Kind == consensus.Batch {
				o := record.Batch(e.Data).BaseOffset()
				if l.first < 0 {
					l.first = o
				}
				l.batches[o] = e
			}
		}
		next = entries[len(entries)-1].Index + 1
	}
	return l, nil
}

// compareLogs compares the replicas of one partition, and returns how many batches all of them have.
func compareLogs(h *History, number kafka.PartitionNumber, replicas []*replicaLog) (compared int) {
	first, committed := kafka.Offset(0), consensus.Index(0)
	for _, l := range replicas {
		h.checkBeginning(number, l)
		first, committed = max(first, l.first), max(committed, l.commit)
	}
	acknowledged, end := int64(-1), int64(0)
	p, ours := workloadPartition(replicas)
	if ours {
		acknowledged = h.acknowledged(p)
	}
	union := map[kafka.Offset]consensus.Entry{}
	for _, l := range replicas {
		for o, e := range l.batches {
			if o >= first && (e.Index <= committed || int64(o) <= acknowledged) { // what was acknowledged is committed, whether or not a node has written down that it is
				union[o] = e
				end = max(end, int64(record.Batch(e.Data).NextOffset()))
			}
		}
	}
	if acknowledged >= end {
		h.violate(nothingLost, "partition number %d (%d of the topic): the replicas' logs end at %d, and a record was acknowledged at %d", number, p, end, acknowledged)
	}
	for _, o := range slices.Sorted(maps.Keys(union)) {
		want := union[o]
		same := 0
		for _, l := range replicas {
			switch e, ok := l.batches[o]; {
			case !ok:
				h.violate(sameLogs, "partition number %d (%s): node %d lacks the batch at offset %d, entry %d, which others have committed", number, sample(want), l.node, o, want.Index)
			case e.Index != want.Index || e.Term != want.Term || !bytes.Equal(e.Data, want.Data):
				h.violate(sameLogs, "partition number %d (%s): at offset %d node %d has entry %d of term %d, and another node entry %d of term %d, with %d and %d bytes",
					number, sample(want), o, l.node, e.Index, e.Term, want.Index, want.Term, len(e.Data), len(want.Data))
			default:
				same++
			}
		}
		if same == len(replicas) {
			compared++
		}
	}
	return compared
}

// sample shows the beginning of a batch's first record, which tells a reader which partition it is.
func sample(e consensus.Entry) string {
	for r, err := range record.Batch(e.Data).Records(logBytesMax) {
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%.12q", r.Value)
	}
	return "no records"
}

// checkBeginning: what a replica of the workload's partitions lacks at the beginning was deleted.
func (h *History) checkBeginning(number kafka.PartitionNumber, l *replicaLog) {
	p, ok := workloadPartition([]*replicaLog{l})
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if asked := h.trims[p].asked; int64(l.first) > asked {
		h.violated(startAsAsked, "partition number %d (%d of the topic): what node %d has begins at %d, and deletion was asked for up to %d", number, p, l.node, l.first, asked)
	}
}
