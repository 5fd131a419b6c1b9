package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// createWithin is how long a request waits for a topic that it has made, in milliseconds.
const createWithin = 5000

// Metadata, versions 0-13. v0: no topics mean all. v1: null topics mean all, none mean none; controller id, racks, internal topics. v2 cluster
// id. v3 throttle time. v4 automatic creation is asked for. v5 offline replicas. v7 leader epochs (KIP-320). v8-v10 authorized operations
// (KIP-430). v9 flexible. v10 topic ids (KIP-516). v12 topics by id. v13 an error for the whole (KIP-1102).
func metadataOf(r *Request) {
	q := r.Body.(*kmsg.MetadataRequest)
	if (r.Version == 10 || r.Version == 11) && slices.ContainsFunc(q.Topics, func(t kmsg.MetadataRequestTopic) bool { return t.Topic == nil || t.TopicID != kafka.TopicID{} }) {
		refuseMetadata(r, q, kerr.InvalidRequest) // there are ids in these versions, but not to ask by
		return
	}
	q.Topics = onlyOnce(q.Topics)
	missing := missingTopics(r, q)
	if len(missing) == 0 {
		respondMetadata(r, q, nil)
		return
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version = 7
	for _, name := range missing {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
		create.Topics = append(create.Topics, t)
	}
	r.askController(create, func(value any, err error) {
		failed := map[string]error{}
		var made []kafka.TopicID
		if err != nil {
			for _, name := range missing {
				failed[name] = kerr.LeaderNotAvailable
			}
		} else {
			for _, t := range value.(*kmsg.CreateTopicsResponse).Topics {
				switch err := kerr.ErrorForCode(t.ErrorCode); err {
				case nil:
					made = append(made, t.TopicID)
				case kerr.TopicAlreadyExists: // somebody else was faster
				case kerr.InvalidTopicException:
					failed[t.Topic] = err
				default:
					failed[t.Topic] = kerr.LeaderNotAvailable
				}
			}
		}
		r.await(made, nil, createWithin, func(error) { respondMetadata(r, q, failed) })
	})
}

// refuseMetadata answers with an error for each topic, and nothing else.
func refuseMetadata(r *Request, q *kmsg.MetadataRequest, err error) {
	response := kmsg.NewPtrMetadataResponse()
	for i := range q.Topics {
		response.Topics = append(response.Topics, refusedMetadata(r, &q.Topics[i], err))
	}
	r.respond(response)
}

// onlyOnce leaves out the topics that a request names again. Null, which means all, stays null.
func onlyOnce(topics []kmsg.MetadataRequestTopic) []kmsg.MetadataRequestTopic {
	seen := map[any]bool{}
	return slices.DeleteFunc(topics, func(t kmsg.MetadataRequestTopic) bool {
		var key any = t.TopicID
		if t.Topic != nil && t.TopicID == (kafka.TopicID{}) {
			key = *t.Topic
		}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// missingTopics are those that don't exist and that are to be made because somebody asks for them.
func missingTopics(r *Request, q *kmsg.MetadataRequest) (names []string) {
	if !r.env.AutoCreateTopics || r.Version >= 4 && !q.AllowAutoTopicCreation {
		return nil
	}
	for _, t := range q.Topics {
		if t.Topic != nil && t.TopicID == (kafka.TopicID{}) && r.image().Topic(*t.Topic) == nil && metadata.CheckNewTopicName(*t.Topic) == nil && *t.Topic != metadata.OffsetsTopic {
			names = append(names, *t.Topic)
		}
	}
	return names
}

func respondMetadata(r *Request, q *kmsg.MetadataRequest, failed map[string]error) {
	response := kmsg.NewPtrMetadataResponse()
	for _, b := range r.brokers() {
		m := kmsg.NewMetadataResponseBroker()
		m.NodeID, m.Host, m.Port = int32(b.ID), b.Host, b.Port
		if b.Rack != "" {
			m.Rack = &b.Rack
		}
		response.Brokers = append(response.Brokers, m)
	}
	if id := r.image().ClusterID(); id != "" {
		response.ClusterID = &id
	}
	response.ControllerID = int32(r.controller())
	response.AuthorizedOperations = operations(clusterOperations, q.IncludeClusterAuthorizedOperations)
	if q.Topics == nil || r.Version == 0 && len(q.Topics) == 0 {
		for _, t := range r.image().Topics() {
			response.Topics = append(response.Topics, metadataTopic(r, q, t))
		}
		r.respond(response)
		return
	}
	for i := range q.Topics {
		response.Topics = append(response.Topics, namedTopic(r, q, &q.Topics[i], failed))
	}
	r.respond(response)
}

// namedTopic answers for a topic that the request names, by id or by name; an id wins over a name beside it.
func namedTopic(r *Request, all *kmsg.MetadataRequest, q *kmsg.MetadataRequestTopic, failed map[string]error) kmsg.MetadataResponseTopic {
	var t *metadata.Topic
	var err error
	if q.Topic != nil && q.TopicID == (kafka.TopicID{}) {
		if t = r.image().Topic(*q.Topic); t == nil {
			if err = failed[*q.Topic]; err == nil {
				err = kerr.UnknownTopicOrPartition
				if metadata.CheckTopicName(*q.Topic) != nil {
					err = kerr.InvalidTopicException
				}
			}
		}
	} else if t = r.image().TopicByID(q.TopicID); t == nil {
		err = kerr.UnknownTopicID
	}
	if t != nil {
		return metadataTopic(r, all, t)
	}
	m := refusedMetadata(r, q, err)
	m.AuthorizedOperations = operations(topicOperations, all.IncludeTopicAuthorizedOperations)
	return m
}

func refusedMetadata(r *Request, q *kmsg.MetadataRequestTopic, err error) kmsg.MetadataResponseTopic {
	m := kmsg.NewMetadataResponseTopic()
	m.ErrorCode, m.Topic, m.TopicID, m.AuthorizedOperations = r.errCode(err), q.Topic, q.TopicID, notAsked
	if r.Version >= 12 && q.TopicID != (kafka.TopicID{}) {
		m.Topic = nil
	}
	if m.Topic == nil && r.Version < 12 { // not nullable before
		m.Topic = new(string)
	}
	return m
}

func metadataTopic(r *Request, q *kmsg.MetadataRequest, t *metadata.Topic) kmsg.MetadataResponseTopic {
	m := kmsg.NewMetadataResponseTopic()
	m.Topic, m.TopicID, m.IsInternal = &t.Name, t.ID, t.Internal
	m.AuthorizedOperations = operations(topicOperations, q.IncludeTopicAuthorizedOperations)
	for i := range t.Partitions {
		p := kmsg.NewMetadataResponseTopicPartition()
		s := stateOf(r, t, int32(i))
		p.Partition, p.ErrorCode, p.Leader, p.LeaderEpoch = int32(i), s.code, int32(s.leader.Broker), int32(s.leader.Epoch)
		p.Replicas, p.ISR, p.OfflineReplicas = s.replicas, s.inSync, s.offline
		m.Partitions = append(m.Partitions, p)
	}
	return m
}

// A partitionState is what clients are told of a partition.
type partitionState struct {
	leader                    messages.Leader
	replicas, inSync, offline []int32
	code                      int16
}

func stateOf(r *Request, t *metadata.Topic, index int32) partitionState {
	p := &t.Partitions[index]
	l, ok := r.view.Named(p.Number, r.env.System.Now())
	s := partitionState{leader: l}
	if !ok {
		s.leader.Broker, s.leader.Epoch, s.code = kafka.NoBroker, kafka.NoEpoch, kerr.LeaderNotAvailable.Code
	}
	if r.env.Single != nil {
		if ok {
			s.leader.Broker = singleBroker
		}
		s.replicas, s.inSync = []int32{int32(singleBroker)}, []int32{int32(singleBroker)}
		return s
	}
	for _, replica := range p.Replicas {
		s.replicas = append(s.replicas, int32(replica.Broker))
		if !r.isLive(replica.Broker) || r.view.IsOutOfService(p.Number, replica.Broker) {
			s.offline = append(s.offline, int32(replica.Broker))
		}
	}
	for _, b := range l.InSync {
		s.inSync = append(s.inSync, int32(b))
	}
	return s
}
