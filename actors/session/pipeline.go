package session

import "troupe/actors/api"

// A pipeline keeps the requests of a connection in the order in which they came, which is the order of the answers.
type pipeline struct {
	queue []*pending
	head  int
}

// A pending request was not answered yet, or waits for those before it.
type pending struct {
	request *api.Request
	pieces  [][]byte
	reason  string // to close the connection
	done    bool
}

func (p *pipeline) add(r *api.Request) *pending {
	a := &pending{request: r}
	p.queue = append(p.queue, a)
	return a
}

// next takes out the first request, where it is answered.
func (p *pipeline) next() *pending {
	if p.empty() || !p.queue[p.head].done {
		return nil
	}
	a := p.queue[p.head]
	p.queue[p.head] = nil
	if p.head++; p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	return a
}

func (p *pipeline) empty() bool { return p.head == len(p.queue) }
