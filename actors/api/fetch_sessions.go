package api

import (
	"container/list"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// The epochs of fetch sessions that have a meaning of their own (KIP-227).
const (
	initialEpoch = 0  // asks for a new session
	finalEpoch   = -1 // wants none, and ends the one that it names
)

// sessionPartitionsMax is how many partitions the fetch sessions of a node keep together. Beyond it a client has to name its partitions each time.
const sessionPartitionsMax = 500_000

// evictAfter is how long a fetch session must have been unused, or have existed, before another may take its place.
const evictAfter = 2 * time.Minute

// A fetchKey names a partition in a fetch: by name or, from version 13 on, by id.
type fetchKey struct {
	topic     string
	id        kafka.TopicID
	partition int32
}

// A fetchPartition is what a client wants of a partition, and, in a session, what it was told last.
type fetchPartition struct {
	key          fetchKey
	offset       kafka.Offset
	bytesMax     int32
	currentEpoch kafka.LeaderEpoch
	lastEpoch    kafka.LeaderEpoch

	told                    bool
	highWatermark, logStart kafka.Offset
}

// A fetchSession is the partitions that a client fetches again and again, so that it has to name only what changes.
type fetchSession struct {
	id      int32
	epoch   int32
	byID    bool
	created time.Time
	used    time.Time
	order   list.List // of *fetchPartition, as they are served
	at      map[fetchKey]*list.Element
}

// partitions returns the partitions in the order in which they are served.
func (s *fetchSession) partitions() []*fetchPartition {
	out := make([]*fetchPartition, 0, len(s.at))
	for e := s.order.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*fetchPartition))
	}
	return out
}

// set takes a partition in, or what a client says anew of one.
func (s *fetchSession) set(p *fetchPartition) {
	e := s.at[p.key]
	if e == nil {
		s.at[p.key] = s.order.PushBack(p)
		return
	}
	old := e.Value.(*fetchPartition)
	p.told, p.highWatermark, p.logStart = old.told, old.highWatermark, old.logStart
	e.Value = p
}

func (s *fetchSession) forget(key fetchKey) {
	if e := s.at[key]; e != nil {
		s.order.Remove(e)
		delete(s.at, key)
	}
}

// toEnd puts a partition that had records behind the others, so that each has its turn to be first.
func (s *fetchSession) toEnd(p *fetchPartition) {
	if e := s.at[p.key]; e != nil && e.Value == p {
		s.order.MoveToBack(e)
	}
}

// A fetchCache keeps the sessions of a node. It is safe for use by many goroutines; a session is used by the
// one request that has its next epoch.
type fetchCache struct {
	slots int
	rand  func(int64) int64

	mu         sync.Mutex
	sessions   map[int32]*fetchSession
	partitions int // of all sessions
}

// end ends a session, where there is one of that id.
func (c *fetchCache) end(id int32) {
	if s := c.sessions[id]; s != nil {
		c.partitions -= len(s.at)
		delete(c.sessions, id)
	}
}

// A fetchContext is what one request fetches.
type fetchContext struct {
	partitions []*fetchPartition
	byID       bool
	err        error

	cache       *fetchCache
	session     *fetchSession // nil where there is none
	create      bool
	incremental bool
}

// context finds the session of a request, brings it up to date, and says what has to be fetched. The rules and their order are those of
// Kafka's FetchManager.
func (c *fetchCache) context(q *kmsg.FetchRequest, now time.Time) fetchContext {
	byID := q.Version >= 13
	if q.Version < 7 {
		return fetchContext{partitions: named(q, byID), byID: byID}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.SessionEpoch == initialEpoch || q.SessionEpoch == finalEpoch {
		c.end(q.SessionID)
		partitions := named(q, byID)
		return fetchContext{partitions: partitions, byID: byID, cache: c, create: q.SessionEpoch == initialEpoch && len(partitions) > 0}
	}
	s := c.sessions[q.SessionID]
	switch {
	case s == nil:
		return fetchContext{err: kerr.FetchSessionIDNotFound}
	case s.epoch != q.SessionEpoch:
		return fetchContext{err: kerr.InvalidFetchSessionEpoch}
	case s.byID != byID:
		return fetchContext{err: kerr.FetchSessionTopicIDError}
	}
	before := len(s.at)
	s.update(q)
	c.partitions += len(s.at) - before
	s.used = now
	switch {
	case len(s.at) == 0:
		c.end(s.id)
		return fetchContext{byID: byID}
	case c.partitions > sessionPartitionsMax && len(s.at) > before:
		c.end(s.id)
		return fetchContext{err: kerr.FetchSessionIDNotFound}
	}
	if s.epoch++; s.epoch <= 0 {
		s.epoch = 1
	}
	return fetchContext{partitions: s.partitions(), byID: byID, cache: c, session: s, incremental: true}
}

// named are the partitions that a request names.
func named(q *kmsg.FetchRequest, byID bool) (out []*fetchPartition) {
	for i := range q.Topics {
		t := &q.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			out = append(out, &fetchPartition{
				key: keyOf(t.Topic, t.TopicID, p.Partition, byID), offset: kafka.Offset(p.FetchOffset), bytesMax: p.PartitionMaxBytes,
				currentEpoch: kafka.LeaderEpoch(p.CurrentLeaderEpoch), lastEpoch: kafka.LeaderEpoch(p.LastFetchedEpoch),
			})
		}
	}
	return out
}

func keyOf(topic string, id kafka.TopicID, partition int32, byID bool) fetchKey {
	if byID {
		return fetchKey{id: id, partition: partition}
	}
	return fetchKey{topic: topic, partition: partition}
}

func (s *fetchSession) update(q *kmsg.FetchRequest) {
	for _, p := range named(q, s.byID) {
		s.set(p)
	}
	for i := range q.ForgottenTopics {
		t := &q.ForgottenTopics[i]
		for _, n := range t.Partitions {
			s.forget(keyOf(t.Topic, t.TopicID, n, s.byID))
		}
	}
}

// begin returns the session id for the response, of a session that is made now where the client asked for one and there is room.
func (x *fetchContext) begin(now time.Time) int32 {
	if x.create {
		x.session = x.cache.create(x.partitions, x.byID, now)
	}
	if x.session == nil {
		return 0
	}
	return x.session.id
}

func (c *fetchCache) create(partitions []*fetchPartition, byID bool, now time.Time) *fetchSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.room(len(partitions), now) {
		return nil
	}
	s := &fetchSession{epoch: 1, byID: byID, created: now, used: now, at: make(map[fetchKey]*list.Element, len(partitions))}
	for _, p := range partitions {
		s.set(p)
	}
	for s.id == 0 || c.sessions[s.id] != nil {
		s.id = int32(1 + c.rand(1<<31-1))
	}
	c.sessions[s.id] = s
	c.partitions += len(s.at)
	return s
}

// room makes room for a session: it ends one that was not used for long or, if there is none, a smaller one that has existed for long.
func (c *fetchCache) room(size int, now time.Time) bool {
	if c.partitions+size > sessionPartitionsMax {
		return false
	}
	if len(c.sessions) < c.slots {
		return true
	}
	var oldest, smallest *fetchSession
	for _, s := range c.sessions {
		if oldest == nil || s.used.Before(oldest.used) || s.used.Equal(oldest.used) && s.id < oldest.id {
			oldest = s
		}
		if now.Sub(s.created) > evictAfter && (smallest == nil || len(s.at) < len(smallest.at) || len(s.at) == len(smallest.at) && s.id < smallest.id) {
			smallest = s
		}
	}
	switch {
	case oldest == nil:
		return false
	case now.Sub(oldest.used) > evictAfter:
		c.end(oldest.id)
	case smallest != nil && len(smallest.at) < size:
		c.end(smallest.id)
	default:
		return false
	}
	return true
}

// include tells whether a partition has to be in the response, and notes what the client is told of it. In an incremental
// response only what is new is.
func (x *fetchContext) include(p *fetchPartition, a *fetchedPartition) bool {
	if x.session == nil {
		return true
	}
	x.cache.mu.Lock()
	defer x.cache.mu.Unlock()
	news := !p.told || a.code != 0 || len(a.batches) > 0 || a.divergingEpoch != kafka.NoEpoch || a.preferred != kafka.NoBroker ||
		a.highWatermark != p.highWatermark || a.logStart != p.logStart
	p.told = a.code == 0 // an error is told again, and what follows it
	p.highWatermark, p.logStart = a.highWatermark, a.logStart
	if len(a.batches) > 0 {
		x.session.toEnd(p)
	}
	return news || !x.incremental
}
