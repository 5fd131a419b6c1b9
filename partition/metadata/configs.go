package metadata

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
)

// alterConfigs serves AlterConfigs: the settings given replace all that a resource had. A resource that comes twice is refused at both places.
func (c *Controller) alterConfigs(out *partition.Outcome, r *kmsg.AlterConfigsRequest) *kmsg.AlterConfigsResponse {
	response := kmsg.NewPtrAlterConfigsResponse()
	resourceOf := func(q *kmsg.AlterConfigsRequestResource) Resource {
		return Resource{ResourceKind(q.ResourceType), q.ResourceName}
	}
	count := counts(r.Resources, resourceOf)
	for i := range r.Resources {
		q := &r.Resources[i]
		resource := resourceOf(q)
		values, err := replaced(q)
		if err == nil {
			err = c.setConfig(out, resource, values, r.ValidateOnly, count[resource])
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
	resourceOf := func(q *kmsg.IncrementalAlterConfigsRequestResource) Resource {
		return Resource{ResourceKind(q.ResourceType), q.ResourceName}
	}
	count := counts(r.Resources, resourceOf)
	for i := range r.Resources {
		q := &r.Resources[i]
		resource := resourceOf(q)
		values, err := c.altered(resource, q)
		if err == nil {
			err = c.setConfig(out, resource, values, r.ValidateOnly, count[resource])
		}
		a := kmsg.NewIncrementalAlterConfigsResponseResource()
		a.ResourceType, a.ResourceName = q.ResourceType, q.ResourceName
		a.ErrorCode, a.ErrorMessage = kafka.Code(err), kafka.Message(err)
		response.Resources = append(response.Resources, a)
	}
	return response
}

// The refusals that Kafka's ConfigAdminManager has for what a request says twice.
var (
	errDuplicateResource = kafka.Errorf(kerr.InvalidRequest, "Each resource must appear at most once.")
	errDuplicateKeys     = kafka.Errorf(kerr.InvalidRequest, "Error due to duplicate config keys")
)

func errNullValue(name string) error {
	return kafka.Errorf(kerr.InvalidRequest, "Null value not supported for : %s", name)
}

// replaced returns the settings that are to replace a resource's.
func replaced(q *kmsg.AlterConfigsRequestResource) (map[string]string, error) {
	values := map[string]string{}
	for _, kv := range q.Configs {
		if _, ok := values[kv.Name]; ok {
			return nil, errDuplicateKeys
		}
		if kv.Value == nil {
			return nil, errNullValue(kv.Name)
		}
		values[kv.Name] = strings.TrimSpace(*kv.Value)
	}
	return values, nil
}

// altered returns a resource's settings with the request's operations done.
func (c *Controller) altered(r Resource, q *kmsg.IncrementalAlterConfigsRequestResource) (map[string]string, error) {
	values := c.image.Config(r)
	seen := map[string]bool{}
	for _, kv := range q.Configs {
		if seen[kv.Name] {
			return nil, errDuplicateKeys
		}
		seen[kv.Name] = true
		property := config.TopicProperty(kv.Name)
		if r.Kind == BrokerResource {
			property = config.BrokerProperty(kv.Name)
		}
		value := ""
		switch {
		case kv.Value != nil:
			value = strings.TrimSpace(*kv.Value)
		case config.Op(kv.Op) != config.Delete:
			return nil, errNullValue(kv.Name)
		}
		var err error
		if values, err = config.Alter(values, property, kv.Name, config.Op(kv.Op), value); err != nil {
			return nil, kafka.Errorf(kerr.InvalidConfig, "%v", err)
		}
	}
	return values, nil
}

// setConfig makes the settings of a resource that stands in the request so many times.
func (c *Controller) setConfig(out *partition.Outcome, r Resource, values map[string]string, validateOnly bool, times int) error {
	if times > 1 {
		return errDuplicateResource
	}
	if err := c.checkResource(r, values); err != nil || validateOnly {
		return err
	}
	c.write(out, configRow(r, values))
	return nil
}

// checkResource tells whether settings can be made for a resource. What is wrong with a topic's is INVALID_CONFIG, with a broker's INVALID_REQUEST.
func (c *Controller) checkResource(r Resource, values map[string]string) error {
	switch r.Kind {
	case TopicResource:
		if r.Name == "" {
			return kafka.Errorf(kerr.InvalidRequest, "Default topic resources are not allowed.")
		}
		if err := CheckTopicName(r.Name); err != nil {
			return err
		}
		t := c.image.Topic(r.Name)
		if t == nil {
			return kafka.Errorf(kerr.UnknownTopicOrPartition, "The topic '%s' does not exist.", r.Name)
		}
		return asError(kerr.InvalidConfig, config.CheckTopic(values, t.Internal))
	case BrokerResource:
		if _, err := strconv.ParseInt(r.Name, 10, 32); err != nil && r.Name != "" {
			return kafka.Errorf(kerr.InvalidRequest, "Node id must be an integer, but it is: %s", r.Name)
		}
		if r.Name == "0" { // the one broker of advertise.single
			return kafka.Errorf(kerr.InvalidRequest,
				"There is no broker 0: it stands for all nodes where clients are told one address. Alter what is for all brokers (an empty name, --entity-default), or name a node to one that was started without advertise.single.")
		}
		if r.Name != "" && !slices.ContainsFunc(c.image.Brokers(), func(b *Broker) bool { return fmt.Sprint(b.ID) == r.Name }) {
			return kafka.Errorf(kerr.InvalidRequest, "There is no broker %s.", r.Name)
		}
		if _, ok := values[DrainingConfig]; ok && r.Name == "" {
			return kafka.Errorf(kerr.InvalidRequest, "%s is set for one broker, not for all of them.", DrainingConfig)
		}
		return asError(kerr.InvalidRequest, config.CheckBroker(values))
	default:
		return kafka.Errorf(kerr.InvalidRequest, "Resources of type %d have no settings here.", r.Kind)
	}
}

func asError(kind *kerr.Error, err error) error {
	if err == nil {
		return nil
	}
	return kafka.Errorf(kind, "%v", err)
}
