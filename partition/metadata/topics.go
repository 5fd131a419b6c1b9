package metadata

import (
	"encoding/binary"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
)

// createTopics serves CreateTopics, topic by topic: one that can't be made does not keep the others from it.
func (c *Controller) createTopics(out *partition.Outcome, r *kmsg.CreateTopicsRequest, nonce [16]byte) *kmsg.CreateTopicsResponse {
	response := kmsg.NewPtrCreateTopicsResponse()
	tooMany := c.tooManyPartitions(r)
	names := &collisions{image: c.image}
	for i, again := range distinct(r.Topics, func(q *kmsg.CreateTopicsRequestTopic) string { return q.Topic }) {
		q := &r.Topics[i]
		a := kmsg.NewCreateTopicsResponseTopic()
		a.Topic = q.Topic
		a.NumPartitions, a.ReplicationFactor = -1, -1
		t, err := (*Topic)(nil), tooMany
		switch {
		case err != nil:
		case again:
			err = errDuplicateTopic
		default:
			t, err = c.plan(q, names, nonce, i)
		}
		a.Configs = []kmsg.CreateTopicsResponseTopicConfig{} // an error has none, which is not null
		if err != nil {
			a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
			response.Topics = append(response.Topics, a)
			continue
		}
		values := topicConfigs(q)
		if !r.ValidateOnly {
			c.create(out, t, values)
			names.add(t.Name)
		}
		a.TopicID = t.ID
		a.NumPartitions, a.ReplicationFactor = int32(len(t.Partitions)), int16(len(t.Partitions[0].Replicas))
		for _, e := range config.DescribeTopic(values, c.image.BrokerConfig(c.o.Broker, c.o.Static)) {
			entry := kmsg.NewCreateTopicsResponseTopicConfig()
			entry.Name, entry.Value, entry.Source = e.Name, e.Value, int8(e.Source)
			a.Configs = append(a.Configs, entry)
		}
		response.Topics = append(response.Topics, a)
	}
	return response
}

// tooManyPartitions tells whether a request wants more partitions than one may, before any of them takes memory.
func (c *Controller) tooManyPartitions(r *kmsg.CreateTopicsRequest) error {
	sum := int64(0)
	for _, q := range r.Topics {
		switch {
		case len(q.ReplicaAssignment) > 0:
			sum += int64(len(q.ReplicaAssignment))
		case q.NumPartitions == -1:
			sum += int64(c.o.DefaultPartitions)
		default:
			sum += max(0, int64(q.NumPartitions))
		}
	}
	return checkPartitionCount(sum)
}

// topicConfigs are the settings that a new topic has of its own. Tools expect of an internal one that it says it is compacted.
func topicConfigs(q *kmsg.CreateTopicsRequestTopic) map[string]string {
	values := map[string]string{}
	if isInternal(q.Topic) {
		values["cleanup.policy"] = "compact"
	}
	for _, kv := range q.Configs {
		if kv.Value != nil {
			values[kv.Name] = strings.TrimSpace(*kv.Value)
		}
	}
	return values
}

// plan returns the topic that a request asks for, with its partitions' numbers as they will be if it is created now.
func (c *Controller) plan(q *kmsg.CreateTopicsRequestTopic, names *collisions, nonce [16]byte, n int) (*Topic, error) {
	if err := CheckNewTopicName(q.Topic); err != nil {
		return nil, err
	}
	if c.image.Topic(q.Topic) != nil {
		return nil, kafka.Errorf(kerr.TopicAlreadyExists, "Topic '%s' already exists.", q.Topic)
	}
	if other := names.with(q.Topic); other != "" {
		return nil, kafka.Errorf(kerr.InvalidTopicException, "Topic '%s' collides with existing topic: %s", q.Topic, other)
	}
	for _, kv := range q.Configs {
		if kv.Value == nil {
			return nil, kafka.Errorf(kerr.InvalidConfig, "Null value not supported for topic configs: %s", kv.Name)
		}
	}
	if err := config.CheckTopic(topicConfigs(q), isInternal(q.Topic)); err != nil {
		return nil, asError(kerr.InvalidConfig, err)
	}
	assignment, err := c.assignment(q)
	if err != nil {
		return nil, err
	}
	t := c.topic(q.Topic, assignment, nonce, n)
	if grows := len(q.ReplicaAssignment) == 0 && q.ReplicationFactor == -1 && c.o.DefaultReplicationFactor <= 0; grows || t.Internal {
		t.Grows = &grows
	}
	return t, nil
}

// topic gives partitions with the given replicas their numbers.
func (c *Controller) topic(name string, assignment [][]kafka.BrokerID, nonce [16]byte, n int) *Topic {
	t := &Topic{Name: name, ID: kafka.TopicID(nonce), Internal: isInternal(name)}
	binary.BigEndian.PutUint32(t.ID[12:], binary.BigEndian.Uint32(nonce[12:])+uint32(n)) // the topics of one request differ
	t.Partitions = c.partitions(assignment)
	return t
}

func (c *Controller) partitions(assignment [][]kafka.BrokerID) []Partition {
	next := c.image.counter(nextPartition, firstPartition)
	var out []Partition
	for i, brokers := range assignment {
		p := Partition{Number: kafka.PartitionNumber(next + int64(i)), Founders: len(brokers)}
		for j, b := range brokers {
			p.Replicas = append(p.Replicas, Replica{Broker: b, RaftID: uint64(j + 1)})
		}
		out = append(out, p)
	}
	return out
}

func (c *Controller) create(out *partition.Outcome, t *Topic, values map[string]string) {
	next := c.image.counter(nextPartition, firstPartition) + int64(len(t.Partitions))
	rows := []partition.KeyValue{topicRow(t), counterRow(nextPartition, next)}
	if len(values) > 0 {
		rows = append(rows, configRow(Resource{TopicResource, t.Name}, values))
	}
	c.write(out, rows...)
}

// CreateInternalTopic asks for one of troupe's own topics, if it does not exist. Its answer is the topic's id, a kafka.TopicID.
type CreateInternalTopic struct {
	Topic             string
	Partitions        int32
	ReplicationFactor int16 // three, or as many as there are brokers that are neither fenced nor being drained, where it is not above zero
}

func (c *Controller) createInternalTopic(out *partition.Outcome, q *CreateInternalTopic, nonce [16]byte) (kafka.TopicID, error) {
	if t := c.image.Topic(q.Topic); t != nil {
		return t.ID, nil
	}
	if err := checkPartitionCount(int64(q.Partitions)); err != nil {
		return kafka.TopicID{}, err
	}
	assignment, err := c.place(q.Partitions, c.defaultFactor(q.ReplicationFactor))
	if err != nil {
		return kafka.TopicID{}, err
	}
	t := c.topic(q.Topic, assignment, nonce, 0)
	grows := q.ReplicationFactor <= 0
	t.Grows = &grows
	c.create(out, t, map[string]string{"cleanup.policy": "compact"})
	return t.ID, nil
}
