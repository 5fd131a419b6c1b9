package metadata

import (
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
