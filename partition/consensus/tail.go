package consensus

// tail is the newest part of a log in memory: consecutive entries up to the last one.
type tail struct {
	entries []Entry
	next    Index // the index after the last entry
}

func (t *tail) first() Index { return t.next - Index(len(t.entries)) }

// append puts entries behind, or over, what is there.
func (t *tail) append(entries []Entry) {
	at := entries[0].Index
	if at < t.next {
		if at < t.first() {
			t.entries = nil
		} else {
			// The slice may be shared with a reader up to here: what it holds is never written over.
			n := int(at - t.first())
			t.entries = t.entries[:n:n]
		}
	}
	t.entries = append(t.entries, entries...)
	t.next = entries[len(entries)-1].Index + 1
}

// slice returns the entries [lo, hi), which must lie in the tail, as long as they don't exceed maxBytes, but at least one.
func (t *tail) slice(lo, hi Index, maxBytes uint64) []Entry {
	out := t.entries[lo-t.first() : hi-t.first()]
	var size uint64
	for n := range out {
		size += uint64(len(out[n].Data))
		if n > 0 && size > maxBytes {
			return out[:n:n]
		}
	}
	return out[:len(out):len(out)]
}

// trim forgets the entries before i.
func (t *tail) trim(i Index) {
	if i <= t.first() {
		return
	}
	n := int(min(i, t.next) - t.first())
	clear(t.entries[:n]) // the array may outlive them
	t.entries = t.entries[n:]
	if len(t.entries) == 0 {
		t.entries = nil
	}
}
