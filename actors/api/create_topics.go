package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// CreateTopics, versions 2-7. v4 defaults by -1 (KIP-464). v5 flexible; settings in the answer (KIP-525). v6 quota (KIP-599). v7 topic ids. What was
// created has leaders by the time of the answer; where that takes longer than the client waits, the topic
// exists all the same and the answer is REQUEST_TIMED_OUT.
func createTopics(r *Request) {
	q := r.Body.(*kmsg.CreateTopicsRequest)
	r.askController(q, func(value any, err error) {
		if err != nil {
			value = refusedTopics(q, err)
		}
		response := value.(*kmsg.CreateTopicsResponse)
		var made []kafka.TopicID
		for _, t := range response.Topics {
			r.noteCode(t.ErrorCode)
			if t.ErrorCode == 0 && !q.ValidateOnly {
				made = append(made, t.TopicID)
			}
		}
		if len(made) == 0 {
			r.respond(response)
			return
		}
		r.await(made, nil, q.TimeoutMillis, func(err error) {
			for i := range response.Topics {
				if t := &response.Topics[i]; err != nil && t.ErrorCode == 0 {
					r.noteCode(kafka.Code(err))
					*t = refusedTopic(t.Topic, err)
				}
			}
			r.respond(response)
		})
	})
}

func refusedTopics(q *kmsg.CreateTopicsRequest, err error) *kmsg.CreateTopicsResponse {
	response := kmsg.NewPtrCreateTopicsResponse()
	for _, t := range q.Topics {
		response.Topics = append(response.Topics, refusedTopic(t.Topic, err))
	}
	return response
}

func refusedTopic(name string, err error) kmsg.CreateTopicsResponseTopic {
	a := kmsg.NewCreateTopicsResponseTopic()
	a.Topic, a.ErrorCode, a.ErrorMessage, a.Configs = name, kafka.Code(err), kafka.Message(err), []kmsg.CreateTopicsResponseTopicConfig{}
	return a
}

// DeleteTopics, versions 1-6. v2 throttle time. v4 flexible. v5 messages (KIP-599). v6 by id (KIP-516).
func deleteTopics(r *Request) {
	q := r.Body.(*kmsg.DeleteTopicsRequest)
	r.askController(q, func(value any, err error) {
		if err != nil {
			value = refusedDeletions(q, err)
		}
		response := value.(*kmsg.DeleteTopicsResponse)
		var gone []kafka.TopicID
		for _, t := range response.Topics {
			if r.noteCode(t.ErrorCode) == 0 {
				gone = append(gone, t.TopicID)
			}
		}
		if len(gone) == 0 {
			r.respond(response)
			return
		}
		r.await(nil, gone, q.TimeoutMillis, func(error) { r.respond(response) })
	})
}

func refusedDeletions(q *kmsg.DeleteTopicsRequest, err error) *kmsg.DeleteTopicsResponse {
	response := kmsg.NewPtrDeleteTopicsResponse()
	refuse := func(name *string, id kafka.TopicID) {
		a := kmsg.NewDeleteTopicsResponseTopic()
		a.Topic, a.TopicID, a.ErrorCode, a.ErrorMessage = name, id, kafka.Code(err), kafka.Message(err)
		response.Topics = append(response.Topics, a)
	}
	for i := range q.TopicNames {
		refuse(&q.TopicNames[i], kafka.TopicID{})
	}
	for _, t := range q.Topics {
		refuse(t.Topic, t.TopicID)
	}
	return response
}

// CreatePartitions, versions 0-3. v2 flexible. v3 quota (KIP-599). New partitions have leaders by the time of the answer.
func createPartitions(r *Request) {
	q := r.Body.(*kmsg.CreatePartitionsRequest)
	r.askController(q, func(value any, err error) {
		if err != nil {
			response := kmsg.NewPtrCreatePartitionsResponse()
			for _, t := range q.Topics {
				a := kmsg.NewCreatePartitionsResponseTopic()
				a.Topic, a.ErrorCode, a.ErrorMessage = t.Topic, r.errCode(err), kafka.Message(err)
				response.Topics = append(response.Topics, a)
			}
			r.respond(response)
			return
		}
		response := value.(*kmsg.CreatePartitionsResponse)
		var grown []kafka.TopicID
		for _, t := range response.Topics {
			if known := r.image().Topic(t.Topic); r.noteCode(t.ErrorCode) == 0 && known != nil && !q.ValidateOnly {
				grown = append(grown, known.ID)
			}
		}
		if len(grown) == 0 {
			r.respond(response)
			return
		}
		r.await(grown, nil, q.TimeoutMillis, func(err error) {
			for i := range response.Topics {
				if t := &response.Topics[i]; err != nil && t.ErrorCode == 0 {
					t.ErrorCode, t.ErrorMessage = r.errCode(kerr.RequestTimedOut), kafka.Message(err)
				}
			}
			r.respond(response)
		})
	})
}
