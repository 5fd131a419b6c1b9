package api

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// DescribeConfigs, versions 1-4. v1 synonyms (KIP-226). v3 documentation and types (KIP-569). v4 flexible. Topics and brokers have settings; a broker's
// loggers, groups and client metrics have none here, so that tools which ask for them go on.
func describeConfigs(r *Request) {
	q := r.Body.(*kmsg.DescribeConfigsRequest)
	response := kmsg.NewPtrDescribeConfigsResponse()
	for i := range q.Resources {
		resource := &q.Resources[i]
		a := kmsg.NewDescribeConfigsResponseResource()
		a.ResourceType, a.ResourceName = resource.ResourceType, resource.ResourceName
		entries, err := entriesOf(r, resource)
		a.ErrorCode, a.ErrorMessage = r.errCode(err), kafka.Message(err)
		for _, e := range entries {
			if len(resource.ConfigNames) == 0 || slices.Contains(resource.ConfigNames, e.Name) {
				a.Configs = append(a.Configs, describeEntry(q, e))
			}
		}
		response.Resources = append(response.Resources, a)
	}
	r.respond(response)
}

func entriesOf(r *Request, q *kmsg.DescribeConfigsRequestResource) ([]config.Entry, error) {
	layers := r.image().BrokerConfig(r.env.Broker, r.env.Static)
	switch q.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		if err := metadata.CheckTopicName(q.ResourceName); err != nil {
			return nil, err
		}
		if r.image().Topic(q.ResourceName) == nil {
			return nil, kerr.UnknownTopicOrPartition
		}
		return config.DescribeTopic(r.image().Config(metadata.Resource{Kind: metadata.TopicResource, Name: q.ResourceName}), layers), nil
	case kmsg.ConfigResourceTypeBroker:
		if q.ResourceName == "" { // what was set for all brokers, and nothing else
			layers.Broker, layers.Static = nil, nil
			return slices.DeleteFunc(config.DescribeBroker(layers), func(e config.Entry) bool { return e.Source != config.DefaultBrokerSource }), nil
		}
		if err := checkBrokerID(r, q.ResourceName, " or empty string,"); err != nil {
			return nil, err
		}
		return config.DescribeBroker(layers), nil
	case kmsg.ConfigResourceTypeBrokerLogger:
		if q.ResourceName == "" {
			return nil, kafka.Errorf(kerr.InvalidRequest, "Broker id must not be empty")
		}
		return nil, checkBrokerID(r, q.ResourceName, "")
	case kmsg.ConfigResourceTypeClientMetrics:
		if q.ResourceName == "" {
			return nil, kafka.Errorf(kerr.InvalidRequest, "Client metrics subscription name must not be empty")
		}
		return nil, nil
	case kmsg.ConfigResourceTypeGroupConfig:
		if q.ResourceName == "" {
			return nil, kafka.Errorf(kerr.InvalidRequest, "Group name must not be empty")
		}
		return nil, nil
	default:
		return nil, kafka.Errorf(kerr.InvalidRequest, "Unsupported resource type: %v", q.ResourceType)
	}
}

// checkBrokerID tells whether a resource's name is the id of this node, whose settings nobody else knows.
func checkBrokerID(r *Request, name, or string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return kafka.Errorf(kerr.InvalidRequest, "Broker id must be an integer, but it is: %s", name)
	}
	if kafka.BrokerID(id) != r.env.Broker && (r.env.Single == nil || kafka.BrokerID(id) != singleBroker) {
		return kafka.Errorf(kerr.InvalidRequest, "Unexpected broker id, expected %d%s but received %s", r.env.Broker, or, name)
	}
	return nil
}

func describeEntry(q *kmsg.DescribeConfigsRequest, e config.Entry) kmsg.DescribeConfigsResponseResourceConfig {
	c := kmsg.NewDescribeConfigsResponseResourceConfig()
	c.Name, c.Value, c.ReadOnly = e.Name, e.Value, e.ReadOnly
	c.Source, c.ConfigType, c.IsDefault = kmsg.ConfigSource(e.Source), kmsg.ConfigType(e.Property.Type), e.Source == config.DefaultSource
	if q.IncludeSynonyms {
		for _, s := range e.Synonyms {
			synonym := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			synonym.Name, synonym.Value, synonym.Source = s.Name, s.Value, kmsg.ConfigSource(s.Source)
			c.ConfigSynonyms = append(c.ConfigSynonyms, synonym)
		}
	}
	if q.IncludeDocumentation {
		text := e.Property.Documentation()
		c.Documentation = &text
	}
	return c
}

// AlterConfigs, versions 0-2. v2 flexible. All settings of a resource are replaced. Whoever asks after the answer reads what was altered.
func alterConfigs(r *Request) {
	q := r.Body.(*kmsg.AlterConfigsRequest)
	r.askController(q, func(value any, err error) {
		response, ok := value.(*kmsg.AlterConfigsResponse)
		if !ok {
			response = kmsg.NewPtrAlterConfigsResponse()
			for _, resource := range q.Resources {
				a := kmsg.NewAlterConfigsResponseResource()
				a.ResourceType, a.ResourceName, a.ErrorCode, a.ErrorMessage = resource.ResourceType, resource.ResourceName, kafka.Code(err), kafka.Message(err)
				response.Resources = append(response.Resources, a)
			}
		}
		for _, a := range response.Resources {
			r.noteCode(a.ErrorCode)
		}
		r.shown(func() { r.respond(response) })
	})
}

// IncrementalAlterConfigs, versions 0-1 (KIP-339). v1 flexible.
func incrementalAlterConfigs(r *Request) {
	q := r.Body.(*kmsg.IncrementalAlterConfigsRequest)
	r.askController(q, func(value any, err error) {
		response, ok := value.(*kmsg.IncrementalAlterConfigsResponse)
		if !ok {
			response = kmsg.NewPtrIncrementalAlterConfigsResponse()
			for _, resource := range q.Resources {
				a := kmsg.NewIncrementalAlterConfigsResponseResource()
				a.ResourceType, a.ResourceName, a.ErrorCode, a.ErrorMessage = resource.ResourceType, resource.ResourceName, kafka.Code(err), kafka.Message(err)
				response.Resources = append(response.Resources, a)
			}
		}
		for _, a := range response.Resources {
			r.noteCode(a.ErrorCode)
		}
		r.shown(func() { r.respond(response) })
	})
}

// ListConfigResources, versions 0-1 (KIP-1142). v0 knows client metrics alone, of which there are none.
func listConfigResources(r *Request) {
	q := r.Body.(*kmsg.ListConfigResourcesRequest)
	response := kmsg.NewPtrListConfigResourcesResponse()
	add := func(kind kmsg.ConfigResourceType, name string) {
		if r.Version == 0 || len(q.ResourceTypes) > 0 && !slices.Contains(q.ResourceTypes, int8(kind)) {
			return
		}
		c := kmsg.NewListConfigResourcesResponseConfigResource()
		c.Name, c.Type = name, int8(kind)
		response.ConfigResources = append(response.ConfigResources, c)
	}
	for _, kind := range q.ResourceTypes {
		switch k := kmsg.ConfigResourceType(kind); k {
		case kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger, kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig:
		default:
			response.ErrorCode = r.errCode(kerr.UnsupportedVersion)
			r.respond(response)
			return
		}
	}
	for _, b := range r.image().Brokers() {
		add(kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(b.ID)))
		add(kmsg.ConfigResourceTypeBrokerLogger, strconv.Itoa(int(b.ID)))
	}
	for _, t := range r.image().Topics() {
		add(kmsg.ConfigResourceTypeTopic, t.Name)
	}
	r.respond(response)
}
