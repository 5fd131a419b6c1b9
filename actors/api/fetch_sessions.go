package api

import (
	"slices"
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
	id         int32
	epoch      int32
	byID       bool
	created    time.Time
	used       time.Time
	partitions []*fetchPartition // in the order in which they are served
}

// A fetchCache keeps the sessions of a node. It is safe for use by many goroutines; a session is used by the
// one request that has its next epoch.
type fetchCache struct {
	slots int
	rand  func(int64) int64

	mu       sync.Mutex
	sessions map[int32]*fetchSession
}

// A fetchContext is what one request fetches.
type fetchContext struct {
	partitions []*fetchPartition
	byID       bool
	err        error
	errID      int32

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
		delete(c.sessions, q.SessionID)
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
		return fetchContext{err: kerr.FetchSessionTopicIDError, errID: s.id}
	}
	s.update(q)
	s.used = now
	if len(s.partitions) == 0 {
		delete(c.sessions, s.id)
		return fetchContext{byID: byID}
	}
	if s.epoch++; s.epoch <= 0 {
		s.epoch = 1
	}
	return fetchContext{partitions: slices.Clone(s.partitions), byID: byID, cache: c, session: s, incremental: true}
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
		i := slices.IndexFunc(s.partitions, func(old *fetchPartition) bool { return old.key == p.key })
		if i < 0 {
			s.partitions = append(s.partitions, p)
			continue
		}
		p.told, p.highWatermark, p.logStart = s.partitions[i].told, s.partitions[i].highWatermark, s.partitions[i].logStart
		s.partitions[i] = p
	}
	for i := range q.ForgottenTopics {
		t := &q.ForgottenTopics[i]
		s.partitions = slices.DeleteFunc(s.partitions, func(p *fetchPartition) bool {
			return p.key == keyOf(t.Topic, t.TopicID, p.key.partition, s.byID) && slices.Contains(t.Partitions, p.key.partition)
		})
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
	s := &fetchSession{epoch: 1, byID: byID, created: now, used: now, partitions: slices.Clone(partitions)}
	for s.id == 0 || c.sessions[s.id] != nil {
		s.id = int32(1 + c.rand(1<<31-1))
	}
	c.sessions[s.id] = s
	return s
}

// room makes room for a session: it ends one that was not used for long or, if there is none, a smaller one that has existed for long.
func (c *fetchCache) room(size int, now time.Time) bool {
	if len(c.sessions) < c.slots {
		return true
	}
	var oldest, smallest *fetchSession
	for _, s := range c.sessions {
		if oldest == nil || s.used.Before(oldest.used) || s.used.Equal(oldest.used) && s.id < oldest.id {
			oldest = s
		}
		if now.Sub(s.created) > evictAfter && (smallest == nil || len(s.partitions) < len(smallest.partitions) || len(s.partitions) == len(smallest.partitions) && s.id < smallest.id) {
			smallest = s
		}
	}
	switch {
	case oldest == nil:
		return false
	case now.Sub(oldest.used) > evictAfter:
		delete(c.sessions, oldest.id)
	case smallest != nil && len(smallest.partitions) < size:
		delete(c.sessions, smallest.id)
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
	news := !p.told || a.code != 0 || len(a.batches) > 0 || a.divergingEpoch != kafka.NoEpoch || a.highWatermark != p.highWatermark || a.logStart != p.logStart
	p.told = a.code == 0 // an error is told again, and what follows it
	p.highWatermark, p.logStart = a.highWatermark, a.logStart
	if len(a.batches) > 0 {
		x.session.toEnd(p)
	}
	return news || !x.incremental
}

// toEnd puts a partition that had records behind the others, so that each has its turn to be first.
func (s *fetchSession) toEnd(p *fetchPartition) {
	if i := slices.Index(s.partitions, p); i >= 0 {
		s.partitions = append(slices.Delete(s.partitions, i, i+1), p)
	}
}
