package replica

import (
	"cmp"
	"maps"
	"slices"

	"troupe/actors/messages"
	"troupe/partition"
)

// tickets are who waits for an answer.
type tickets struct {
	last    partition.Ticket
	open    map[partition.Ticket]ticket
	waiting map[waitKey]partition.Ticket // fetches that may get a second answer
}

type ticket struct {
	to   messages.ReplyTo
	wait bool
}

// A waitKey is a ReplyTo that can be compared.
type waitKey struct {
	address, id string
	slot        uint64
}

func keyOf(to messages.ReplyTo) waitKey { return waitKey{to.PID.Address, to.PID.Id, to.Slot} }

func (t *tickets) issue(to messages.ReplyTo, wait bool) partition.Ticket {
	if t.open == nil {
		t.open, t.waiting = map[partition.Ticket]ticket{}, map[waitKey]partition.Ticket{}
	}
	t.last++
	t.open[t.last] = ticket{to, wait}
	if wait {
		t.waiting[keyOf(to)] = t.last
	}
	return t.last
}

// redeem returns who waits for the answer. A first answer that promises a second leaves the ticket open.
func (t *tickets) redeem(r partition.Reply) (to messages.ReplyTo, ok bool) {
	held, ok := t.open[r.Ticket]
	if !ok {
		return to, false
	}
	if f, isFetch := r.Response.(*partition.Fetched); held.wait && isFetch && r.Err == nil && f.Empty() {
		return held.to, true
	}
	t.close(r.Ticket, held)
	return held.to, true
}

func (t *tickets) close(number partition.Ticket, held ticket) {
	delete(t.open, number)
	if held.wait {
		delete(t.waiting, keyOf(held.to))
	}
}

// withdraw closes the ticket of a fetch that waits; ok is false where it has had its answer.
func (t *tickets) withdraw(to messages.ReplyTo) (number partition.Ticket, ok bool) {
	number, ok = t.waiting[keyOf(to)]
	if ok {
		t.close(number, t.open[number])
	}
	return number, ok
}

// withdrawOf closes the tickets of the fetches of a node that wait, and returns them in the order in which they came.
func (t *tickets) withdrawOf(address string) (numbers []partition.Ticket) {
	for key, number := range t.waiting {
		if key.address == address {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		t.close(number, t.open[number])
	}
	return numbers
}

// all closes every ticket and returns who held them, in the order in which they came.
func (t *tickets) all() []messages.ReplyTo {
	var out []messages.ReplyTo
	for _, number := range slices.SortedFunc(maps.Keys(t.open), cmp.Compare) {
		out = append(out, t.open[number].to)
	}
	*t = tickets{last: t.last}
	return out
}
