package consensus

import "sort"

// A TermStart says at which index a term's entries begin.
type TermStart struct {
	Term  Term
	Start Index
}

// Terms tells the term of every entry of a log: where each term begins, in ascending order. The first element stands for
// the snapshot before the log, if nothing else.
type Terms []TermStart

// Of returns the term of entry i, which must not lie before the first element's start.
func (t Terms) Of(i Index) Term {
	n := sort.Search(len(t), func(k int) bool { return t[k].Start > i })
	if n == 0 {
		return 0
	}
	return t[n-1].Term
}

// append notes an entry after the last one.
func (t Terms) append(term Term, i Index) Terms {
	if len(t) > 0 && t[len(t)-1].Term == term {
		return t
	}
	return append(t, TermStart{term, i})
}

// truncate forgets everything from index i on.
func (t Terms) truncate(i Index) Terms {
	for len(t) > 0 && t[len(t)-1].Start >= i {
		t = t[:len(t)-1]
	}
	return t
}

// from drops what only entries before i need.
func (t Terms) from(i Index) Terms {
	n := 0
	for n+1 < len(t) && t[n+1].Start <= i {
		n++
	}
	return t[n:]
}

// after returns a copy that begins with the term of the snapshot before a log.
func (t Terms) after(term Term, i Index) Terms {
	t = t.from(i + 1)
	if len(t) > 0 && t[0].Start <= i {
		return append(Terms(nil), t...)
	}
	return append(Terms{{term, i}}, t...)
}

// Upto returns a copy of the elements that begin at or before i.
func (t Terms) Upto(i Index) Terms {
	n := sort.Search(len(t), func(k int) bool { return t[k].Start > i })
	return append(Terms(nil), t[:n]...)
}
