package nemesis

// The promises that a cluster makes.
const (
	nothingLost   = "an acknowledged record is lost"
	noDuplicates  = "a record is there twice"
	orderKept     = "the order of a producer's records is not kept"
	sameRecords   = "readers see different records"
	startAsAsked  = "the log does not begin where deletion was asked for"
	highStays     = "the high watermark goes back"
	oneLeader     = "an epoch has two leaders"
	noMinority    = "a minority acknowledges"
	noneGivenUp   = "a record is refused for good"
	wholeAgain    = "the cluster does not become whole by itself"
	allAnswered   = "clients are not served in the end"
	allReadable   = "the log can't be read to its end"
	topicsStay    = "a topic is not there that was made, or is there that was deleted"
	sameLogs      = "the replicas' logs differ"
	nothingPanics = "something panics"
)

// A Read is a record as a reader finds it.
type Read struct {
	ID
	Offset int64
}

// A trail is what one reader has found of a partition, from its beginning on: each producer's records are there once, in their order, without a hole, and each acknowledged one at its
// offset. Only what was deleted may be missed.
type trail struct {
	partition int32
	found     map[int64]ID // by offset
	end       int64        // after the last record
	resumed   int64        // what lies below may have been deleted before the reader came to it
	next      [producers]int
	compared  int // acknowledgements
}

// anyNumber is what may come next of a producer when records were missed that were deleted.
const anyNumber = -1

func newTrail(partition int32) *trail { return &trail{partition: partition, found: map[int64]ID{}} }

// find notes the next record. What lies below an offset may have been deleted by now.
func (t *trail) find(h *History, r Read, deleted int64) {
	h.agree(r.ID, r.Offset)
	if r.Offset < t.end { // the reader was sent back
		if before, ok := t.found[r.Offset]; !ok || before != r.ID {
			h.violate(sameRecords, "partition %d has %v at offset %d, which was read before, with %v there", t.partition, r.ID, r.Offset, before)
		}
		return
	}
	if r.Offset > t.end && deleted > t.end {
		t.resumed = min(r.Offset, deleted)
		for i := range t.next {
			t.next[i] = anyNumber
		}
	}
	t.found[r.Offset], t.end = r.ID, r.Offset+1
	switch want := t.next[r.Producer]; {
	case want != anyNumber && r.Number < want:
		h.violate(noDuplicates, "%v is at offset %d, and was before", r.ID, r.Offset)
		return
	case want != anyNumber && r.Number > want:
		h.violate(orderKept, "%v is at offset %d, before number %d", r.ID, r.Offset, want)
	}
	t.next[r.Producer] = r.Number + 1
}

// compare holds what was found against what was acknowledged, up to so many acknowledgements, whose offsets were all reached.
func (t *trail) compare(h *History, acks int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.acks[t.partition][t.compared:acks] {
		switch got, ok := t.found[a.Offset]; {
		case !ok && a.Offset >= t.resumed:
			h.violated(nothingLost, "%v was acknowledged at offset %d, where there is nothing", a.ID, a.Offset)
		case ok && got != a.ID:
			h.violated(nothingLost, "%v was acknowledged at offset %d, where there is %v", a.ID, a.Offset, got)
		}
	}
	t.compared = acks
}

// checkRecords holds what a fresh reader finds in a partition, from its start to its end, when nobody writes any more, against what the clients were told. What was deleted is missed at
// the beginning only.
func checkRecords(h *History, partition int32, reads []Read) {
	t, start := newTrail(partition), h.checkStart(partition, reads)
	for _, r := range reads {
		t.find(h, r, start)
	}
	h.mu.Lock()
	acks := len(h.acks[partition])
	h.mu.Unlock()
	t.compare(h, acks)
}

// checkStart returns where a partition's log begins, which must be where deletion was asked for. Where the last answers are not known it is one of several places. A partition of which
// nothing was deleted begins at 0.
func (h *History) checkStart(partition int32, reads []Read) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.trims[partition]
	if t.asked == 0 || len(reads) == 0 {
		return 0
	}
	start := reads[0].Offset
	if start < t.answered || start > t.asked {
		h.violated(startAsAsked, "partition %d begins at %d; deletion was answered up to %d, and asked for up to %d", partition, start, t.answered, t.asked)
		return min(start, t.asked)
	}
	return start
}
