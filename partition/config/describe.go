package config

import "strings"

// A Source says where a value comes from, in the numbers of the protocol (DescribeConfigs).
type Source int8

// The sources.
const (
	TopicSource         Source = 1 // set for the topic
	BrokerSource        Source = 2 // set for the broker while it ran
	DefaultBrokerSource Source = 3 // set for all brokers while they ran
	StaticSource        Source = 4 // set at the broker's start
	DefaultSource       Source = 5
	GroupSource         Source = 8
)

// An Entry is a setting as DescribeConfigs answers it.
type Entry struct {
	Property *Property
	Name     string
	Value    *string // nil where the setting stands for nothing
	Source   Source
	ReadOnly bool
	Synonyms []EntrySynonym // what the value is, and would be without it, strongest first
}

// An EntrySynonym is a place in which a setting, or its default, stands.
type EntrySynonym struct {
	Name   string
	Value  *string
	Source Source
}

// Layers are the settings made for brokers, strongest first.
type Layers struct {
	Broker        map[string]string // for this one, while it ran
	DefaultBroker map[string]string // for all, while they ran
	Static        map[string]string // at its start
}

func (l Layers) list() []map[string]string {
	return []map[string]string{l.Broker, l.DefaultBroker, l.Static}
}

var layerSources = []Source{BrokerSource, DefaultBrokerSource, StaticSource}

// DescribeTopic returns every setting of a topic, by name.
func DescribeTopic(own map[string]string, l Layers) []Entry {
	var out []Entry
	for _, p := range TopicProperties() {
		e := Entry{Property: p, Name: p.Topic}
		if v, ok := own[p.Topic]; ok {
			e.Synonyms = append(e.Synonyms, EntrySynonym{p.Topic, &v, TopicSource})
		}
		out = append(out, e.below(l, p.Topic))
	}
	return out
}

// DescribeBroker returns every setting of a broker, by name.
func DescribeBroker(l Layers) []Entry {
	var out []Entry
	for _, p := range BrokerProperties() {
		e := Entry{Property: p, Name: p.Name, ReadOnly: !p.Dynamic}
		out = append(out, e.below(l, p.Name))
	}
	return out
}

// below adds what the brokers' layers and the default say.
func (e Entry) below(l Layers, name string) Entry {
	p := e.Property
	if p.Name != "" {
		for i, layer := range l.list() {
			if v, ok := layer[p.Name]; ok {
				e.Synonyms = append(e.Synonyms, EntrySynonym{p.Name, &v, layerSources[i]})
			}
		}
		name = p.Name
	}
	var value *string
	if p.Default != "" || p.Type == List {
		value = &p.Default
	}
	e.Synonyms = append(e.Synonyms, EntrySynonym{name, value, DefaultSource})
	e.Value, e.Source = e.Synonyms[0].Value, e.Synonyms[0].Source
	return e
}

// Documentation returns what a person should know of the setting.
func (p *Property) Documentation() string {
	return strings.TrimSpace(p.Doc + " " + p.Effect)
}
