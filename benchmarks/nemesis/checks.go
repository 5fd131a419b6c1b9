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

// checkRecords holds what a fresh reader finds in a partition, from its start to its end, when nobody writes any more, against what the clients were told: each producer's
// records are there once, in their order, without a hole, and each acknowledged one at its offset. What was deleted is missed at the beginning only.
func checkRecords(h *History, partition int32, reads []Read) {
	at := map[int64]ID{}
	start := h.checkStart(partition, reads)
	var next [producers]int
	for i := range next {
		if start > 0 {
			next[i] = firstNumber(i, reads)
		}
	}
	for _, r := range reads {
		at[r.Offset] = r.ID
		switch want := next[r.Producer]; {
		case r.Number < want:
			h.violate(noDuplicates, "%v is at offset %d, and was before", r.ID, r.Offset)
		case r.Number > want:
			h.violate(orderKept, "%v is at offset %d, before number %d", r.ID, r.Offset, want)
			next[r.Producer] = r.Number + 1
		default:
			next[r.Producer]++
		}
		h.consume(r.ID, r.Offset)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.acks[partition] {
		if a.Offset < start {
			continue
		}
		if got, ok := at[a.Offset]; !ok {
			h.violated(nothingLost, "%v was acknowledged at offset %d, where there is nothing", a.ID, a.Offset)
		} else if got != a.ID {
			h.violated(nothingLost, "%v was acknowledged at offset %d, where there is %v", a.ID, a.Offset, got)
		}
	}
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

// firstNumber is that of a producer's first record that is there.
func firstNumber(producer int, reads []Read) int {
	for _, r := range reads {
		if r.Producer == producer {
			return r.Number
		}
	}
	return 0
}
