package group

import (
	"cmp"
	"maps"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// An offset is how far a group has come in a partition.
type offset struct {
	topic       kafka.TopicID // of the topic that had the name then; zero where that was not known
	offset      kafka.Offset
	leaderEpoch kafka.LeaderEpoch
	metadata    string
	committed   time.Time
	expires     time.Time // where the client said so, with versions before 5 of OffsetCommit
}

// FetchOffsets asks for committed offsets of the group. Answer: *kmsg.OffsetFetchResponseGroup.
type FetchOffsets struct {
	// Topics are those that are asked about, by name and, where it is not zero, the id that the name stands for: what was committed in an earlier topic of that name is none.
	// With All they are all that the group has an offset in, each with the id that was committed.
	Topics []kmsg.OffsetFetchRequestGroupTopic
	All    bool
}

// TopicsDeleted says that there are no such topics any more: their offsets go. Answer: nil.
type TopicsDeleted struct{ Topics []DeletedTopic }

// A DeletedTopic is one as its offsets tell of it. There may be another topic of that name.
type DeletedTopic struct {
	Name string
	ID   kafka.TopicID // zero for the offsets that don't tell
}

// commit serves OffsetCommit.
func (g *Group) commit(q *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	response := kmsg.NewPtrOffsetCommitResponse()
	response.Version = q.Version
	refusal := g.checkCommit(q)
	if refusal == nil {
		if m := g.members[q.MemberID]; m != nil { // a commit is a sign of life
			g.heard(m)
		}
	}
	for i := range q.Topics {
		t := &q.Topics[i]
		a := kmsg.NewOffsetCommitResponseTopic()
		a.Topic, a.TopicID = t.Topic, t.TopicID
		for j := range t.Partitions {
			p := &t.Partitions[j]
			err := refusal
			if err == nil && p.Metadata != nil && characters(*p.Metadata) > g.o.OffsetMetadataMaxBytes {
				err = kerr.OffsetMetadataTooLarge
			}
			if err == nil {
				g.set(q, t, p)
			}
			b := kmsg.NewOffsetCommitResponseTopicPartition()
			b.Partition, b.ErrorCode = p.Partition, kafka.Code(err)
			a.Partitions = append(a.Partitions, b)
		}
		response.Topics = append(response.Topics, a)
	}
	return response
}

// characters is how long a string is for Kafka, which counts those of Java for offset.metadata.max.bytes: units of UTF-16.
func characters(s string) (n int) {
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

func (g *Group) set(q *kmsg.OffsetCommitRequest, t *kmsg.OffsetCommitRequestTopic, p *kmsg.OffsetCommitRequestTopicPartition) {
	tp := kafka.TopicPartition{Topic: t.Topic, Partition: p.Partition}
	o := offset{topic: t.TopicID, offset: kafka.Offset(p.Offset), leaderEpoch: kafka.NoEpoch, committed: g.now}
	if q.Version >= 6 {
		o.leaderEpoch = kafka.LeaderEpoch(p.LeaderEpoch)
	}
	if p.Metadata != nil {
		o.metadata = *p.Metadata
	}
	if q.Version <= 4 && q.RetentionTimeMillis >= 0 {
		o.expires = g.now.Add(time.Duration(q.RetentionTimeMillis) * time.Millisecond)
	}
	g.offsets[tp] = o
	g.write(offsetRecord(g.id, tp, o))
}

// checkCommit tells who may commit: the members of the generation, and anybody while the group is empty.
func (g *Group) checkCommit(q *kmsg.OffsetCommitRequest) error {
	switch {
	case !g.exists() && q.Generation >= 0:
		if q.Version >= 9 { // KIP-848
			return kerr.GroupIDNotFound
		}
		return kerr.IllegalGeneration
	case q.Generation < 0 && g.state == empty:
		return nil
	case q.Generation < 0 && q.MemberID == "" && q.InstanceID == nil:
		return kerr.UnknownMemberID
	}
	if err := g.validate(q.MemberID, q.InstanceID); err != nil {
		return err
	}
	switch {
	case kafka.GenerationID(q.Generation) != g.generation:
		return kerr.IllegalGeneration
	case g.state == completingRebalance: // its member has not got its assignment of this generation yet
		return kerr.RebalanceInProgress
	}
	return nil
}

// fetch answers with committed offsets; -1 stands for none.
func (g *Group) fetch(q *FetchOffsets) *kmsg.OffsetFetchResponseGroup {
	response := kmsg.NewOffsetFetchResponseGroup()
	response.Group = g.id
	topics := q.Topics
	if q.All {
		topics = nil
		for _, tp := range g.committed() {
			id := g.offsets[tp].topic
			if n := len(topics); n == 0 || topics[n-1].Topic != tp.Topic || topics[n-1].TopicID != id {
				topics = append(topics, kmsg.OffsetFetchRequestGroupTopic{Topic: tp.Topic, TopicID: id})
			}
			t := &topics[len(topics)-1]
			t.Partitions = append(t.Partitions, tp.Partition)
		}
	}
	for _, t := range topics {
		a := kmsg.NewOffsetFetchResponseGroupTopic()
		a.Topic, a.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			b := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			b.Partition, b.Offset, b.LeaderEpoch, b.Metadata = p, -1, -1, new(string)
			if o, ok := g.offsets[kafka.TopicPartition{Topic: t.Topic, Partition: p}]; ok && o.isIn(t.TopicID) {
				b.Offset, b.LeaderEpoch, b.Metadata = int64(o.offset), int32(o.leaderEpoch), &o.metadata
			}
			a.Partitions = append(a.Partitions, b)
		}
		response.Topics = append(response.Topics, a)
	}
	return &response
}

// isIn tells whether an offset may be one of the topic with this id.
func (o offset) isIn(id kafka.TopicID) bool {
	return o.topic == id || o.topic == kafka.TopicID{} || id == kafka.TopicID{}
}

// committed returns the partitions that the group has an offset in, in order.
func (g *Group) committed() []kafka.TopicPartition {
	return slices.SortedFunc(maps.Keys(g.offsets), func(a, b kafka.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

func (g *Group) drop(tp kafka.TopicPartition) {
	if _, ok := g.offsets[tp]; ok {
		delete(g.offsets, tp)
		g.write(offsetTombstone(g.id, tp))
	}
}

// deleteOffsets serves OffsetDelete (KIP-496): offsets in topics that the group does not read any more.
func (g *Group) deleteOffsets(q *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	response := kmsg.NewPtrOffsetDeleteResponse()
	subscribed, known := g.topics()
	switch {
	case !g.exists():
		response.ErrorCode = kerr.GroupIDNotFound.Code
		return response
	case g.state != empty && g.protocolType != "consumer":
		response.ErrorCode = kerr.NonEmptyGroup.Code
		return response
	}
	for _, t := range q.Topics {
		a := kmsg.NewOffsetDeleteResponseTopic()
		a.Topic = t.Topic
		for _, p := range t.Partitions {
			b := kmsg.NewOffsetDeleteResponseTopicPartition()
			b.Partition = p.Partition
			if g.state != empty && (subscribed[t.Topic] || !known) { // who does not say what it reads may read everything
				b.ErrorCode = kerr.GroupSubscribedToTopic.Code
			} else {
				g.drop(kafka.TopicPartition{Topic: t.Topic, Partition: p.Partition})
			}
			a.Partitions = append(a.Partitions, b)
		}
		response.Topics = append(response.Topics, a)
	}
	return response
}

func (g *Group) dropTopics(topics []DeletedTopic) {
	for _, tp := range g.committed() {
		if slices.Contains(topics, DeletedTopic{tp.Topic, g.offsets[tp].topic}) {
			g.drop(tp)
		}
	}
}

// expireOffsets removes offsets that nobody has used for long, and the group with the last of them (KIP-211): of a group without members, counted from
// when it lost the last one; of topics that no member of a stable group reads; of a group that never had members, from their commit on.
func (g *Group) expireOffsets() {
	g.offsetsAt = g.now.Add(g.o.OffsetsCheckInterval)
	var since func(offset) time.Time
	var subscribed map[string]bool
	switch {
	case g.state == empty && g.protocolType != "" && !g.since.IsZero():
		since = func(offset) time.Time { return g.since }
	case g.state == empty:
		since = func(o offset) time.Time { return o.committed }
	case g.state == stable:
		var known bool
		if subscribed, known = g.topics(); !known {
			return
		}
		since = func(o offset) time.Time { return o.committed }
	default:
		return
	}
	for _, tp := range g.committed() {
		o := g.offsets[tp]
		at := o.expires
		if at.IsZero() {
			at = since(o).Add(g.o.OffsetsRetention)
		}
		if !at.After(g.now) && !subscribed[tp.Topic] {
			g.drop(tp)
			g.recorded = g.recorded || len(g.offsets) == 0 // Kafka ends a group that had only offsets in the same way
		}
	}
	if g.Idle() && g.recorded && len(g.offsets) == 0 {
		g.recorded = false
		g.write(groupTombstone(g.id))
	}
}
