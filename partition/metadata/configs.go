package metadata

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
)

// alterConfigs serves AlterConfigs: the settings given replace all that a resource had.
func (c *Controller) alterConfigs(out *partition.Outcome, r *kmsg.AlterConfigsRequest) *kmsg.AlterConfigsResponse {
	response := kmsg.NewPtrAlterConfigsResponse()
	for i := range r.Resources {
		q := &r.Resources[i]
		resource := Resource{ResourceKind(q.ResourceType), q.ResourceName}
		values, err := map[string]string{}, error(nil)
		for _, kv := range q.Configs {
			if kv.Value == nil {
				err = kafka.Errorf(kerr.InvalidRequest, "Null value not supported for : %s", kv.Name)
				break
			}
			values[kv.Name] = *kv.Value
		}
		if err == nil {
			err = c.setConfig(out, resource, values, r.ValidateOnly)
		}
		a := kmsg.NewAlterConfigsResponseResource()
		a.ResourceType, a.ResourceName = q.ResourceType, q.ResourceName
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Resources = append(response.Resources, a)
	}
	return response
}

// incrementalAlterConfigs serves IncrementalAlterConfigs: each resource's operations are done together or not at all (KIP-339).
func (c *Controller) incrementalAlterConfigs(out *partition.Outcome, r *kmsg.IncrementalAlterConfigsRequest) *kmsg.IncrementalAlterConfigsResponse {
	response := kmsg.NewPtrIncrementalAlterConfigsResponse()
	for i := range r.Resources {
		q := &r.Resources[i]
		resource := Resource{ResourceKind(q.ResourceType), q.ResourceName}
		values, err := c.altered(resource, q)
		if err == nil {
			err = c.setConfig(out, resource, values, r.ValidateOnly)
		}
		a := kmsg.NewIncrementalAlterConfigsResponseResource()
		a.ResourceType, a.ResourceName = q.ResourceType, q.ResourceName
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Resources = append(response.Resources, a)
	}
	return response
}

func (c *Controller) altered(r Resource, q *kmsg.IncrementalAlterConfigsRequestResource) (map[string]string, error) {
	values := c.image.Config(r)
	for _, kv := range q.Configs {
		property := config.TopicProperty(kv.Name)
		if r.Kind == BrokerResource {
			property = config.BrokerProperty(kv.Name)
		}
		value := ""
		switch {
		case kv.Value != nil:
			value = *kv.Value
		case config.Op(kv.Op) != config.Delete:
			return nil, kafka.Errorf(kerr.InvalidRequest, "Null value not supported for : %s", kv.Name)
		}
		var err error
		if values, err = config.Alter(values, property, kv.Name, config.Op(kv.Op), value); err != nil {
			return nil, kafka.Errorf(kerr.InvalidConfig, "%v", err)
		}
	}
	return values, nil
}

func (c *Controller) setConfig(out *partition.Outcome, r Resource, values map[string]string, validateOnly bool) error {
	if err := c.checkResource(r, values); err != nil || validateOnly {
		return err
	}
	c.write(out, configRow(r, values))
	return nil
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
