package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
)

// topicNameMax is how long a topic's name may be, as in Kafka, where it had to fit a folder's name.
const topicNameMax = 249

// CheckTopicName tells whether a topic may have this name (Kafka's org.apache.kafka.common.internals.Topic).
func CheckTopicName(name string) error {
	switch {
	case name == "":
		return kafka.Errorf(kerr.InvalidTopicException, "a topic's name can't be empty")
	case name == "." || name == "..":
		return kafka.Errorf(kerr.InvalidTopicException, "a topic's name can't be %q", name)
	case len(name) > topicNameMax:
		return kafka.Errorf(kerr.InvalidTopicException, "a topic's name has at most %d characters, this one %d", topicNameMax, len(name))
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return kafka.Errorf(kerr.InvalidTopicException, "the topic name %q holds a character other than ASCII letters and digits, '.', '_' and '-'", name)
		}
	}
	return nil
}

// collision returns an existing topic whose name differs in nothing but '.' and '_', which Kafka's metrics can't tell apart.
func (c *Controller) collision(name string) string {
	plain := strings.ReplaceAll(name, ".", "_")
	if !strings.Contains(plain, "_") {
		return ""
	}
	for _, t := range c.image.Topics() {
		if t.Name != name && strings.ReplaceAll(t.Name, ".", "_") == plain {
			return t.Name
		}
	}
	return ""
}

// createTopics serves CreateTopics, topic by topic: one that can't be made does not keep the others from it.
func (c *Controller) createTopics(out *partition.Outcome, r *kmsg.CreateTopicsRequest, nonce [16]byte) *kmsg.CreateTopicsResponse {
	response := kmsg.NewPtrCreateTopicsResponse()
	count := map[string]int{}
	for i := range r.Topics {
		count[r.Topics[i].Topic]++
	}
	for i := range r.Topics {
		q := &r.Topics[i]
		a := kmsg.NewCreateTopicsResponseTopic()
		a.Topic = q.Topic
		a.NumPartitions, a.ReplicationFactor = -1, -1
		t, err := &Topic{}, error(nil)
		if count[q.Topic] > 1 {
			err = kafka.Errorf(kerr.InvalidRequest, "the request names topic %q more than once", q.Topic)
		} else {
			t, err = c.plan(q, nonce, i)
		}
		if err != nil {
			a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
			response.Topics = append(response.Topics, a)
			continue
		}
		values := topicConfigs(q)
		if !r.ValidateOnly {
			c.create(out, t, values)
			a.TopicID = t.ID
		}
		a.NumPartitions, a.ReplicationFactor = int32(len(t.Partitions)), int16(len(t.Partitions[0].Replicas))
		for _, e := range config.DescribeTopic(values, config.Layers{}) {
			entry := kmsg.NewCreateTopicsResponseTopicConfig()
			entry.Name, entry.Value, entry.Source = e.Name, e.Value, int8(e.Source)
			a.Configs = append(a.Configs, entry)
		}
		response.Topics = append(response.Topics, a)
	}
	return response
}

func topicConfigs(q *kmsg.CreateTopicsRequestTopic) map[string]string {
	values := map[string]string{}
	for _, kv := range q.Configs {
		if kv.Value != nil {
			values[kv.Name] = *kv.Value
		}
	}
	return values
}

// plan returns the topic that a request asks for, with its partitions' numbers as they will be if it is created now.
func (c *Controller) plan(q *kmsg.CreateTopicsRequestTopic, nonce [16]byte, n int) (*Topic, error) {
	if err := CheckTopicName(q.Topic); err != nil {
		return nil, err
	}
	if c.image.Topic(q.Topic) != nil {
		return nil, kafka.Errorf(kerr.TopicAlreadyExists, "Topic '%s' already exists.", q.Topic)
	}
	if other := c.collision(q.Topic); other != "" {
		return nil, kafka.Errorf(kerr.InvalidTopicException, "Topic '%s' collides with existing topic: %s", q.Topic, other)
	}
	for _, kv := range q.Configs {
		if kv.Value == nil {
			return nil, kafka.Errorf(kerr.InvalidConfig, "Null value not supported for topic configs: %s", kv.Name)
		}
	}
	if err := config.CheckTopic(topicConfigs(q), false); err != nil {
		return nil, kafka.Errorf(kerr.InvalidConfig, "%v", err)
	}
	assignment, err := c.assignment(q)
	if err != nil {
		return nil, err
	}
	return c.topic(q.Topic, assignment, nonce, n), nil
}

// topic gives partitions with the given replicas their numbers.
func (c *Controller) topic(name string, assignment [][]kafka.BrokerID, nonce [16]byte, n int) *Topic {
	t := &Topic{Name: name, ID: kafka.TopicID(nonce)}
	binary.BigEndian.PutUint32(t.ID[12:], binary.BigEndian.Uint32(nonce[12:])+uint32(n)) // the topics of one request differ
	t.Partitions = c.partitions(assignment)
	return t
}

func (c *Controller) partitions(assignment [][]kafka.BrokerID) []Partition {
	next := c.image.counter(nextPartition, firstPartition)
	var out []Partition
	for i, brokers := range assignment {
		p := Partition{Number: kafka.PartitionNumber(next + int64(i))}
		for j, b := range brokers {
			p.Replicas = append(p.Replicas, Replica{Broker: b, RaftID: uint64(j + 1)})
		}
		out = append(out, p)
	}
	return out
}

// assignment returns the brokers of each partition: those that the request names, or as many as it wants.
func (c *Controller) assignment(q *kmsg.CreateTopicsRequestTopic) ([][]kafka.BrokerID, error) {
	if len(q.ReplicaAssignment) > 0 {
		if q.NumPartitions != -1 || q.ReplicationFactor != -1 {
			return nil, kafka.Errorf(kerr.InvalidRequest, "a request that assigns replicas can't say how many partitions or replicas it wants too")
		}
		return c.assigned(q.ReplicaAssignment)
	}
	partitions, factor := q.NumPartitions, q.ReplicationFactor
	if partitions == -1 {
		partitions = c.o.DefaultPartitions
	}
	if factor == -1 {
		factor = c.o.DefaultReplicationFactor
	}
	if partitions <= 0 {
		return nil, kafka.Errorf(kerr.InvalidPartitions, "Number of partitions must be larger than 0, or -1 to use the default value.")
	}
	return c.place(partitions, factor)
}

// place spreads partitions over the brokers, their first replicas in turn.
func (c *Controller) place(partitions int32, factor int16) ([][]kafka.BrokerID, error) {
	brokers := c.image.Brokers()
	if factor <= 0 {
		return nil, kafka.Errorf(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	if int(factor) > len(brokers) {
		return nil, kafka.Errorf(kerr.InvalidReplicationFactor,
			"Unable to replicate the partition %d time(s): The target replication factor of %d cannot be reached because only %d broker(s) are registered.", factor, factor, len(brokers))
	}
	start := int(c.image.counter(nextPartition, firstPartition))
	out := make([][]kafka.BrokerID, partitions)
	for i := range out {
		for j := range int(factor) {
			out[i] = append(out[i], brokers[(start+i+j)%len(brokers)].ID)
		}
	}
	return out, nil
}

// assigned checks replicas that a client chose.
func (c *Controller) assigned(want []kmsg.CreateTopicsRequestTopicReplicaAssignment) ([][]kafka.BrokerID, error) {
	out := make([][]kafka.BrokerID, len(want))
	for _, a := range want {
		if a.Partition < 0 || int(a.Partition) >= len(out) || out[a.Partition] != nil {
			return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "partitions must be numbered from 0 on, each once; partition %d is not", a.Partition)
		}
		if err := c.checkReplicas(a.Replicas); err != nil {
			return nil, err
		}
		for _, b := range a.Replicas {
			out[a.Partition] = append(out[a.Partition], kafka.BrokerID(b))
		}
		if len(out[a.Partition]) != len(want[0].Replicas) {
			return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "all partitions must have as many replicas as the first")
		}
	}
	return out, nil
}

func (c *Controller) checkReplicas(brokers []int32) error {
	if len(brokers) == 0 {
		return kafka.Errorf(kerr.InvalidReplicaAssignment, "a partition needs a replica")
	}
	for i, b := range brokers {
		if c.image.Broker(kafka.BrokerID(b)) == nil {
			return kafka.Errorf(kerr.InvalidReplicaAssignment, "there is no broker %d", b)
		}
		if slices.Contains(brokers[:i], b) {
			return kafka.Errorf(kerr.InvalidReplicaAssignment, "broker %d can hold one replica of a partition, not two", b)
		}
	}
	return nil
}

func (c *Controller) create(out *partition.Outcome, t *Topic, values map[string]string) {
	next := c.image.counter(nextPartition, firstPartition) + int64(len(t.Partitions))
	rows := []partition.KeyValue{topicRow(t), counterRow(nextPartition, next)}
	if len(values) > 0 {
		rows = append(rows, configRow(Resource{TopicResource, t.Name}, values))
	}
	c.write(out, rows...)
}

// CreateInternalTopic asks for one of troupe's own topics, if it does not exist. Its answer is nil.
type CreateInternalTopic struct {
	Topic             string
	Partitions        int32
	ReplicationFactor int16
}

func (c *Controller) createInternalTopic(out *partition.Outcome, q *CreateInternalTopic, nonce [16]byte) error {
	if c.image.Topic(q.Topic) != nil {
		return nil
	}
	assignment, err := c.place(q.Partitions, q.ReplicationFactor)
	if err != nil {
		return err
	}
	t := c.topic(q.Topic, assignment, nonce, 0)
	t.Internal = true
	c.create(out, t, map[string]string{"cleanup.policy": "compact"})
	return nil
}

// deleteTopics serves DeleteTopics, by name or, from version 6 on, by id.
func (c *Controller) deleteTopics(out *partition.Outcome, r *kmsg.DeleteTopicsRequest) *kmsg.DeleteTopicsResponse {
	response := kmsg.NewPtrDeleteTopicsResponse()
	remove := func(name *string, id kafka.TopicID) {
		a := kmsg.NewDeleteTopicsResponseTopic()
		a.Topic, a.TopicID = name, id
		t, err := c.find(name, id)
		if err == nil {
			a.Topic, a.TopicID = &t.Name, t.ID
			err = c.remove(out, t)
		}
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Topics = append(response.Topics, a)
	}
	for _, name := range r.TopicNames {
		remove(&name, kafka.TopicID{})
	}
	for _, t := range r.Topics {
		remove(t.Topic, t.TopicID)
	}
	return response
}

func (c *Controller) find(name *string, id kafka.TopicID) (*Topic, error) {
	if name != nil {
		if t := c.image.Topic(*name); t != nil {
			return t, nil
		}
		return nil, kerr.UnknownTopicOrPartition
	}
	if t := c.image.TopicByID(id); t != nil {
		return t, nil
	}
	return nil, kerr.UnknownTopicID
}

func (c *Controller) remove(out *partition.Outcome, t *Topic) error {
	switch {
	case !c.o.DeleteTopics:
		return kafka.Errorf(kerr.TopicDeletionDisabled, "delete.topic.enable is false")
	case t.Internal:
		return kafka.Errorf(kerr.InvalidRequest, "%s is a topic of the cluster itself", t.Name)
	}
	c.write(out, tombstone(topicPrefix+t.Name), tombstone(configKey(Resource{TopicResource, t.Name})))
	return nil
}

// createPartitions serves CreatePartitions: a topic can grow, never shrink.
func (c *Controller) createPartitions(out *partition.Outcome, r *kmsg.CreatePartitionsRequest) *kmsg.CreatePartitionsResponse {
	response := kmsg.NewPtrCreatePartitionsResponse()
	for i := range r.Topics {
		q := &r.Topics[i]
		a := kmsg.NewCreatePartitionsResponseTopic()
		a.Topic = q.Topic
		err := c.grow(out, q, r.ValidateOnly)
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Topics = append(response.Topics, a)
	}
	return response
}

func (c *Controller) grow(out *partition.Outcome, q *kmsg.CreatePartitionsRequestTopic, validateOnly bool) error {
	old := c.image.Topic(q.Topic)
	switch {
	case old == nil:
		return kerr.UnknownTopicOrPartition
	case old.Internal:
		return kafka.Errorf(kerr.InvalidRequest, "%s is a topic of the cluster itself", q.Topic)
	case int(q.Count) == len(old.Partitions):
		return kafka.Errorf(kerr.InvalidPartitions, "Topic already has %d partition(s).", q.Count)
	case int(q.Count) < len(old.Partitions):
		return kafka.Errorf(kerr.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", q.Topic, len(old.Partitions), q.Count)
	}
	more := int(q.Count) - len(old.Partitions)
	assignment, err := c.place(int32(more), int16(len(old.Partitions[0].Replicas)))
	if q.Assignment != nil {
		assignment, err = c.assignedMore(q, more)
	}
	if err != nil || validateOnly {
		return err
	}
	t := *old
	t.Partitions = append(slices.Clone(old.Partitions), c.partitions(assignment)...)
	next := c.image.counter(nextPartition, firstPartition) + int64(more)
	c.write(out, topicRow(&t), counterRow(nextPartition, next))
	return nil
}

func (c *Controller) assignedMore(q *kmsg.CreatePartitionsRequestTopic, more int) ([][]kafka.BrokerID, error) {
	if len(q.Assignment) != more {
		return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "%d partitions are added, and %d are assigned", more, len(q.Assignment))
	}
	out := make([][]kafka.BrokerID, more)
	for i, a := range q.Assignment {
		if err := c.checkReplicas(a.Replicas); err != nil {
			return nil, err
		}
		for _, b := range a.Replicas {
			out[i] = append(out[i], kafka.BrokerID(b))
		}
	}
	return out, nil
}

// checkResource tells whether settings can be made for a resource.
func (c *Controller) checkResource(r Resource, values map[string]string) error {
	switch r.Kind {
	case TopicResource:
		t := c.image.Topic(r.Name)
		if t == nil {
			return kafka.Errorf(kerr.UnknownTopicOrPartition, "there is no topic %q", r.Name)
		}
		return asInvalidConfig(config.CheckTopic(values, t.Internal))
	case BrokerResource:
		if r.Name != "" && !slices.ContainsFunc(c.image.Brokers(), func(b *Broker) bool { return fmt.Sprint(b.ID) == r.Name }) {
			return kafka.Errorf(kerr.InvalidRequest, "there is no broker %q", r.Name)
		}
		return asInvalidConfig(config.CheckBroker(values))
	default:
		return kafka.Errorf(kerr.InvalidRequest, "resources of type %d have no settings here", r.Kind)
	}
}

func asInvalidConfig(err error) error {
	if err == nil {
		return nil
	}
	var known *kafka.DetailedError
	if errors.As(err, &known) {
		return err
	}
	return kafka.Errorf(kerr.InvalidConfig, "%v", err)
}
