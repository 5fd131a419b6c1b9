package metadata

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

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
