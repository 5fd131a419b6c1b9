package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/group"
	"troupe/partition/kafka"
)

// OffsetCommit, versions 2-10. v3 throttle time. v5 no retention time. v6 leader epoch (KIP-320). v7 static members. v8 flexible. v9 errors of new groups
// (KIP-848). v10 topic ids (KIP-848). Offsets are kept with the topic's name and id; what is committed for a topic that does not exist is refused.
func offsetCommit(r *Request) {
	q := r.Body.(*kmsg.OffsetCommitRequest)
	known := *q
	known.Topics = nil
	answers := make([]kmsg.OffsetCommitResponseTopic, len(q.Topics))
	place := []int{} // of the known topics among all
	for i := range q.Topics {
		t := q.Topics[i]
		answers[i] = kmsg.NewOffsetCommitResponseTopic()
		answers[i].Topic, answers[i].TopicID = t.Topic, t.TopicID
		found, err := r.topicBy(t.Topic, t.TopicID, r.Version >= 10)
		ask := t
		ask.Partitions = nil
		for _, p := range t.Partitions {
			refusal := err
			if found != nil && (p.Partition < 0 || int(p.Partition) >= len(found.Partitions)) {
				refusal = kerr.UnknownTopicOrPartition
			}
			if refusal == nil {
				ask.Partitions = append(ask.Partitions, p)
				continue
			}
			a := kmsg.NewOffsetCommitResponseTopicPartition()
			a.Partition, a.ErrorCode = p.Partition, r.errCode(refusal)
			answers[i].Partitions = append(answers[i].Partitions, a)
		}
		if len(ask.Partitions) > 0 {
			ask.Topic, ask.TopicID = found.Name, found.ID
			known.Topics = append(known.Topics, ask)
			place = append(place, i)
		}
	}
	response := kmsg.NewPtrOffsetCommitResponse()
	response.Topics = answers
	if len(known.Topics) == 0 {
		r.respond(response)
		return
	}
	r.askGroup(q.Group, &known, func(value any, err error) {
		committed, ok := value.(*kmsg.OffsetCommitResponse)
		for n, i := range place {
			if ok {
				answers[i].Partitions = append(answers[i].Partitions, committed.Topics[n].Partitions...)
				for _, p := range committed.Topics[n].Partitions {
					r.noteCode(p.ErrorCode)
				}
				continue
			}
			for _, p := range known.Topics[n].Partitions {
				a := kmsg.NewOffsetCommitResponseTopicPartition()
				a.Partition, a.ErrorCode = p.Partition, r.errCode(err)
				answers[i].Partitions = append(answers[i].Partitions, a)
			}
		}
		r.respond(response)
	})
}

// OffsetFetch, versions 1-10. v2 all topics; an error for the whole. v3 throttle time. v5 leader epoch. v6 flexible. v7 stable offsets (KIP-447). v8
// many groups (KIP-709). v9 members of new groups (KIP-848). v10 topic ids (KIP-848).
func offsetFetch(r *Request) {
	q := r.Body.(*kmsg.OffsetFetchRequest)
	response := kmsg.NewPtrOffsetFetchResponse()
	if r.Version >= 8 {
		response.Groups = make([]kmsg.OffsetFetchResponseGroup, len(q.Groups))
		done := after(len(q.Groups)+1, func() { r.respond(response) })
		for i := range q.Groups {
			fetchOffsetsOf(r, q.Groups[i].Group, q.Groups[i].Topics, func(a kmsg.OffsetFetchResponseGroup) {
				response.Groups[i] = a
				done()
			})
		}
		done()
		return
	}
	var topics []kmsg.OffsetFetchRequestGroupTopic
	if q.Topics != nil {
		topics = []kmsg.OffsetFetchRequestGroupTopic{}
	}
	for _, t := range q.Topics {
		topics = append(topics, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	fetchOffsetsOf(r, q.Group, topics, func(a kmsg.OffsetFetchResponseGroup) {
		response.ErrorCode = a.ErrorCode
		for _, t := range a.Topics {
			old := kmsg.NewOffsetFetchResponseTopic()
			old.Topic = t.Topic
			for _, p := range t.Partitions {
				o := kmsg.NewOffsetFetchResponseTopicPartition()
				o.Partition, o.Offset, o.LeaderEpoch, o.Metadata, o.ErrorCode = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode
				old.Partitions = append(old.Partitions, o)
			}
			response.Topics = append(response.Topics, old)
		}
		r.respond(response)
	})
}

// fetchOffsetsOf asks for one group's offsets. Nil topics stand for all.
func fetchOffsetsOf(r *Request, id string, topics []kmsg.OffsetFetchRequestGroupTopic, done func(kmsg.OffsetFetchResponseGroup)) {
	byID := r.Version >= 10
	q := &group.FetchOffsets{All: topics == nil}
	var unknown []kmsg.OffsetFetchResponseGroupTopic
	for _, t := range topics {
		if byID {
			found, err := r.topicBy("", t.TopicID, true)
			if err != nil {
				unknown = append(unknown, refusedOffsets(r, t, err))
				continue
			}
			t.Topic = found.Name
		} else if found := r.image().Topic(t.Topic); found != nil {
			t.TopicID = found.ID
		}
		q.Topics = append(q.Topics, t)
	}
	r.askGroup(id, q, func(value any, err error) {
		a, ok := value.(*kmsg.OffsetFetchResponseGroup)
		if !ok {
			refused := kmsg.NewOffsetFetchResponseGroup()
			refused.Group, refused.ErrorCode = id, r.errCode(err)
			if r.Version < 2 { // no error for the whole
				for _, t := range topics {
					refused.Topics = append(refused.Topics, refusedOffsets(r, t, err))
				}
			}
			done(refused)
			return
		}
		if q.All { // what was committed in an earlier topic of the name is not shown
			a.Topics = slices.DeleteFunc(a.Topics, func(t kmsg.OffsetFetchResponseGroupTopic) bool {
				found := r.image().Topic(t.Topic)
				return found != nil && t.TopicID != kafka.TopicID{} && t.TopicID != found.ID
			})
		}
		for i := range a.Topics {
			if found := r.image().Topic(a.Topics[i].Topic); found != nil && byID {
				a.Topics[i].TopicID = found.ID
			}
		}
		a.Topics = append(a.Topics, unknown...)
		done(*a)
	})
}

func refusedOffsets(r *Request, t kmsg.OffsetFetchRequestGroupTopic, err error) kmsg.OffsetFetchResponseGroupTopic {
	a := kmsg.NewOffsetFetchResponseGroupTopic()
	a.Topic, a.TopicID = t.Topic, t.TopicID
	for _, p := range t.Partitions {
		o := kmsg.NewOffsetFetchResponseGroupTopicPartition()
		o.Partition, o.Offset, o.Metadata, o.ErrorCode = p, -1, new(string), r.errCode(err)
		a.Partitions = append(a.Partitions, o)
	}
	return a
}

// OffsetDelete, version 0 (KIP-496).
func offsetDelete(r *Request) {
	q := r.Body.(*kmsg.OffsetDeleteRequest)
	r.askGroup(q.Group, q, func(value any, err error) {
		response, ok := value.(*kmsg.OffsetDeleteResponse)
		if !ok {
			response = kmsg.NewPtrOffsetDeleteResponse()
			response.ErrorCode = kafka.Code(err)
		}
		r.noteCode(response.ErrorCode)
		r.respond(response)
	})
}
