package actors

import "iter"

// A Batch is the backlog of a batching actor. Ranging over All takes the messages out one by one; what is still in it when
// the actor panics comes first in its next incarnation.
type Batch struct {
	messages []any
	next     int
	before   func(message any) // is told of a message before it is given out
}

// All takes the messages out in the order in which they were sent.
func (b *Batch) All() iter.Seq[any] {
	return func(yield func(any) bool) {
		for b.next < len(b.messages) {
			m := b.messages[b.next]
			b.next++
			if b.before != nil {
				b.before(m)
			}
			if !yield(m) {
				return
			}
		}
	}
}

// Len is the number of messages that have not been taken out.
func (b *Batch) Len() int { return len(b.messages) - b.next }

// current is the message that was taken out last.
func (b *Batch) current() any {
	if b.next == 0 {
		return nil
	}
	return b.messages[b.next-1]
}
