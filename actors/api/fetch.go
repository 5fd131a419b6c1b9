package api

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

// Fetch, versions 4-18. v4 isolation level. v5 log start offset. v7 fetch sessions (KIP-227). v9 leader epoch (KIP-320). v11 rack (KIP-392). v12
// flexible, epoch of the last record (KIP-595). v13 topic ids (KIP-516). v15 and v17 are for replicas. v16 the current leader in the answer
// (KIP-951). v18 high watermark of replicas (KIP-1166).
//
// A fetch has two phases. First all partitions are asked what may be read; they answer with batches from memory, or with the stretch of the log that
// has to be read from the store. Where that is less than min.bytes, they are waited for. Then, in the order of the partitions and within the
// limits, what goes into the answer is picked, and only that is read from the store.
func fetch(r *Request) {
	q := r.Body.(*kmsg.FetchRequest)
	f := &fetching{r: r, q: q, context: r.env.fetches.context(q, r.env.System.Now())}
	if f.context.err != nil {
		respondFetch(r, &fetchAnswer{code: r.errCode(f.context.err)})
		return
	}
	r.hurry = func() {
		q.MaxWaitMillis = 0
		f.look()
	}
	f.bytesMax = min(int(q.MaxBytes), r.env.FetchBytesMax)
	f.resolve()
	f.ask()
}

// fetching is a fetch request that is being served.
type fetching struct {
	r        *Request
	q        *kmsg.FetchRequest
	context  fetchContext
	bytesMax int
	parts    []*fetchPart
	unheard  int // partitions that have not answered once
	picked   bool
	enough   bool // there is no need to wait for min.bytes
	reading  int
}

// A fetchPart is one partition of a fetch.
type fetchPart struct {
	*fetchPartition
	topic   *metadata.Topic
	leader  messages.Leader
	err     error
	unknown bool // there is no such partition
	heard   bool
	waits   bool // for a second answer
	// anyReplica: its replica here serves it, though another leads. preferred: the node that the client is sent to instead of being served, kafka.NoBroker for none.
	anyReplica bool
	preferred  kafka.BrokerID
	reply      messages.ReplyTo
	answer     *messages.Fetched // the newest; its batches are all that came
	batches    []record.Batch    // what goes into the response
}

func (f *fetching) resolve() {
	for _, p := range f.context.partitions {
		part := &fetchPart{fetchPartition: p, preferred: kafka.NoBroker}
		part.topic, part.err = f.r.topicBy(p.key.topic, p.key.id, f.context.byID)
		if part.err == nil {
			if !part.near(f.r, f.q) {
				part.leader, part.err = f.r.served(part.topic, p.key.partition)
			}
			part.preferred = f.r.nearer(part.leader, f.q.Rack, p.key.partition)
		}
		part.unknown = errors.Is(part.err, kerr.UnknownTopicOrPartition) || errors.Is(part.err, kerr.UnknownTopicID)
		f.parts = append(f.parts, part)
	}
}

// ask begins the first phase.
func (f *fetching) ask() {
	wait := f.q.MaxWaitMillis > 0 && f.q.MinBytes > 0
	deadline := f.r.Received.Add(time.Duration(max(0, f.q.MaxWaitMillis)) * time.Millisecond)
	if wait {
		f.r.by(deadline, f.expired)
	} else {
		f.r.by(f.r.Received.Add(patience), f.expired)
	}
	f.unheard = 1
	for _, p := range f.parts {
		if p.err == nil {
			f.unheard++
		} else if !p.unknown {
			wait = false
		}
	}
	for _, p := range f.parts {
		if p.err == nil {
			f.query(p, p.offset, wait)
		}
	}
	f.unheard--
	f.look()
}

// query asks one partition from an offset on.
func (f *fetching) query(p *fetchPart, from kafka.Offset, wait bool) {
	p.waits = wait
	p.reply = f.r.subscribe(p.leader.Replica, func(to messages.ReplyTo) any {
		return &messages.Fetch{
			Offset: from, MaxBytes: min(int(p.bytesMax), max(f.bytesMax, 1)), LeaderEpoch: p.currentEpoch, LastFetchedEpoch: p.lastEpoch,
			Isolation: kafka.IsolationLevel(f.q.IsolationLevel), Wait: wait, AnyReplica: p.anyReplica, Reply: to,
		}
	}, func(value any, err error) {
		answer, _ := value.(*messages.Fetched)
		f.heard(p, answer, err)
	})
}

// heard takes a partition's answer.
func (f *fetching) heard(p *fetchPart, answer *messages.Fetched, err error) {
	if !p.heard {
		p.heard = true
		f.unheard--
	}
	p.err = err
	if err != nil || !p.waits || !answer.Empty() {
		f.r.drop(p.reply)
		p.waits = false
	}
	if answer != nil {
		if p.preferred != kafka.NoBroker {
			elsewhere := *answer
			elsewhere.Batches, elsewhere.Cold = nil, nil
			answer = &elsewhere
		}
		if p.answer != nil {
			merged := *answer
			if merged.Cold != nil && len(p.answer.Batches) > 0 { // what comes next has left the memory meanwhile: the next fetch gets it
				merged.Cold, f.enough = nil, true
			}
			merged.Batches = append(p.answer.Batches[:len(p.answer.Batches):len(p.answer.Batches)], answer.Batches...)
			answer = &merged
		}
		p.answer = answer
	}
	f.look()
}

// look ends the first phase where there is enough to answer, or nothing to wait for. An error of a partition is told at once. One that
// there is not holds up nobody who waits for others, as in Kafka: a client that asks for it again and again would never wait.
func (f *fetching) look() {
	if f.picked || f.unheard > 0 {
		return
	}
	bytes, waiting, known := 0, 0, 0
	for _, p := range f.parts {
		if p.unknown {
			continue
		}
		known++
		if p.err != nil || p.answer.DivergingEpoch != kafka.NoEpoch || p.answer.Cold != nil || p.preferred != kafka.NoBroker {
			f.pick()
			return
		}
		bytes += p.answer.Bytes()
		if p.waits {
			waiting++
		}
	}
	switch {
	case f.enough || bytes >= int(f.q.MinBytes) || f.q.MaxWaitMillis <= 0 || known == 0:
		f.pick()
	case waiting < known:
		for _, p := range f.parts {
			if p.unknown {
				continue
			}
			if n := len(p.answer.Batches); !p.waits && n > 0 && p.answer.Bytes() < int(p.bytesMax) {
				f.query(p, p.answer.Batches[n-1].NextOffset(), true)
				waiting++
			}
		}
		if waiting == 0 {
			f.pick() // every partition has as much as it may give
		}
	}
}

// expired answers with what there is by now. A partition that has said nothing at all is in trouble, or its node is; it is to be looked for again (Kafka's consumers
// end where they read REQUEST_TIMED_OUT in a Fetch).
func (f *fetching) expired() {
	if f.picked {
		f.r.calls.timeOut(f.r)
		return
	}
	for _, p := range f.parts {
		if !p.heard && p.err == nil {
			p.err = kerr.NotLeaderForPartition
		}
	}
	f.pick()
}

// pick begins the second phase.
func (f *fetching) pick() {
	f.picked = true
	for _, p := range f.parts {
		if p.waits {
			f.r.env.System.Root().Send(p.leader.Replica, &messages.FetchEnd{Reply: p.reply})
			p.waits = false
		}
		f.r.drop(p.reply)
	}
	f.r.by(f.r.env.System.Now().Add(patience), f.expired)
	left, first := f.bytesMax, true
	f.reading = 1
	for _, p := range f.parts {
		if p.err != nil || p.answer == nil || left <= 0 && !first {
			continue
		}
		limit := min(int(p.bytesMax), left)
		if cold := p.answer.Cold; cold != nil {
			f.read(p, *cold, limit, first)
			left, first = left-min(limit, cold.MaxBytes), false
			continue
		}
		for _, b := range p.answer.Batches {
			if len(b) > limit && !first {
				break
			}
			p.batches = append(p.batches, b)
			left, limit, first = left-len(b), limit-len(b), false
		}
	}
	f.reading--
	f.finish()
}

// read gets a stretch from the store.
func (f *fetching) read(p *fetchPart, cold messages.ColdRead, limit int, first bool) {
	f.reading++
	cold.MaxBytes = min(cold.MaxBytes, max(limit, 0))
	f.r.ask(p.leader.Replica, func(to messages.ReplyTo) any { return &messages.ReadCold{Read: cold, Reply: to} }, func(value any, err error) {
		f.reading--
		p.err = err
		if got, ok := value.(*messages.Fetched); ok && (first || got.Bytes() <= limit) { // the store gives one batch, however large
			p.batches = got.Batches
		}
		f.finish()
	})
}

func (f *fetching) finish() {
	if f.reading > 0 || f.r.over {
		return
	}
	answer := &fetchAnswer{sessionID: f.context.begin(f.r.env.System.Now())}
	for _, p := range f.parts {
		a := p.respond(f.r)
		if f.context.include(p.fetchPartition, a) {
			answer.add(p, a)
		}
	}
	respondFetch(f.r, answer)
}

// respond makes the partition's part of the response. A replica that has gone while it was waited for says only that it does not lead.
func (p *fetchPart) respond(r *Request) *fetchedPartition {
	if errors.Is(p.err, kerr.NotLeaderForPartition) && p.topic != nil && r.env.Router.View().Image.TopicByID(p.topic.ID) == nil {
		p.err = kerr.UnknownTopicOrPartition
	}
	a := &fetchedPartition{partition: p.key.partition, code: r.errCode(p.err), highWatermark: -1, lastStable: -1, logStart: -1, divergingEpoch: kafka.NoEpoch, leader: kafka.NoBroker, leaderEpoch: kafka.NoEpoch, preferred: kafka.NoBroker}
	if p.answer != nil && p.err == nil {
		a.highWatermark, a.lastStable, a.logStart = p.answer.HighWatermark, p.answer.LastStableOffset, p.answer.LogStartOffset
		a.divergingEpoch, a.divergingEnd = p.answer.DivergingEpoch, p.answer.DivergingEnd
		a.aborted, a.committed = p.answer.Aborted, kafka.IsolationLevel(r.Body.(*kmsg.FetchRequest).IsolationLevel) == kafka.ReadCommitted
		a.batches, a.preferred = p.batches, p.preferred
	}
	if p.topic != nil && (a.code == kerr.NotLeaderForPartition.Code || a.code == kerr.FencedLeaderEpoch.Code) {
		l, b := r.leaderNow(p.topic, p.key.partition)
		a.leader, a.leaderEpoch, a.node = l.Broker, l.Epoch, b
	}
	return a
}
