package metadata

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// A deletion is a topic as a request to delete it names it: by name, or by id.
type deletion struct {
	named bool
	name  string
	id    kafka.TopicID
}

func byItself(d *deletion) deletion { return *d }

// deleteTopics serves DeleteTopics, by name or, from version 6 on, by id. What the request names twice, in whatever ways, stays (Kafka's ControllerApis).
func (c *Controller) deleteTopics(out *partition.Outcome, r *kmsg.DeleteTopicsRequest) *kmsg.DeleteTopicsResponse {
	var asked []deletion
	for _, name := range r.TopicNames {
		asked = append(asked, deletion{named: true, name: name})
	}
	for _, t := range r.Topics {
		d := deletion{named: t.Topic != nil, id: t.TopicID}
		if d.named {
			d.name = *t.Topic
		}
		asked = append(asked, d)
	}
	byID := counts(asked, func(d *deletion) kafka.TopicID { return d.id })
	byName := map[string]bool{}
	for _, d := range asked {
		if d.named && d.id == (kafka.TopicID{}) {
			byName[d.name] = true
		}
	}
	response := kmsg.NewPtrDeleteTopicsResponse()
	for i, again := range distinct(asked, byItself) {
		d := asked[i]
		if t := c.image.TopicByID(d.id); !d.named && t != nil && byName[t.Name] {
			continue // its name, which the request gives too, is answered
		}
		a := kmsg.NewDeleteTopicsResponseTopic()
		a.TopicID = d.id
		if d.named {
			a.Topic = &d.name
		}
		t, err := c.toDelete(d, again)
		if err == nil && d.named && byID[t.ID] > 0 {
			a.TopicID = t.ID
			err = kafka.Errorf(kerr.InvalidRequest, "The provided topic name maps to an ID that was already supplied.")
		}
		if err == nil {
			a.Topic, a.TopicID = &t.Name, t.ID
			err = c.remove(out, t)
		}
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Topics = append(response.Topics, a)
	}
	return response
}

func (c *Controller) toDelete(d deletion, again bool) (*Topic, error) {
	hasID := d.id != kafka.TopicID{}
	switch {
	case d.named && hasID:
		return nil, kafka.Errorf(kerr.InvalidRequest, "You may not specify both topic name and topic id.")
	case !d.named && !hasID:
		return nil, kafka.Errorf(kerr.InvalidRequest, "Neither topic name nor id were specified.")
	case again && hasID:
		return nil, kafka.Errorf(kerr.InvalidRequest, "Duplicate topic id.")
	case again:
		return nil, errDuplicateTopic
	}
	if d.named {
		if t := c.image.Topic(d.name); t != nil {
			return t, nil
		}
		return nil, kerr.UnknownTopicOrPartition
	}
	if t := c.image.TopicByID(d.id); t != nil {
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
