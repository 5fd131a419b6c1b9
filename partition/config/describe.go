package config

import (
	"slices"
	"strconv"
	"strings"
)

// A Source says where a value comes from, in the numbers of the protocol (DescribeConfigs).
type Source int8

// The sources.
const (
	TopicSource         Source = 1 // set for the topic
	BrokerSource        Source = 2 // set for the broker while it ran
	DefaultBrokerSource Source = 3 // set for all brokers while they ran
	StaticSource        Source = 4 // set at the broker's start
	DefaultSource       Source = 5
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

// DescribeBroker returns every setting of a broker, by name: with those of Kafka's that were made though they have no meaning here, and with the
// other names of a setting, whose values are what it was at the start, in their units.
func DescribeBroker(l Layers) []Entry {
	var out []Entry
	for _, p := range BrokerProperties() {
		e := Entry{Property: p, Name: p.Name, ReadOnly: !p.Dynamic}
		out = append(out, e.below(l, p.Name))
		for _, s := range p.Synonyms {
			out = append(out, describeSynonym(p, s, l.Static))
		}
	}
	for _, name := range foreignDynamic {
		e := Entry{Property: foreignProperty(name), Name: name}
		if e = e.below(l, name); e.Value != nil {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func describeSynonym(of *Property, s Synonym, static map[string]string) Entry {
	p := &Property{Name: s.Name, Type: Int, Default: s.Default, Doc: of.Doc + " " + of.Name + " is the finer setting, and wins over this one."}
	own := map[string]string{}
	if n, err := strconv.ParseInt(static[of.Name], 10, 64); err == nil && n > 0 && n%s.Factor == 0 {
		own[s.Name] = strconv.FormatInt(n/s.Factor, 10)
	}
	e := Entry{Property: p, Name: s.Name, ReadOnly: true}
	return e.below(Layers{Static: own}, s.Name)
}

// below adds what the brokers' layers and the default say. As in Kafka, what stands for nothing until it is set is no synonym.
func (e Entry) below(l Layers, name string) Entry {
	p := e.Property
	if p.Name != "" {
		for i, layer := range l.list() {
			if v, ok := layer[p.Name]; ok {
				e.Synonyms = append(e.Synonyms, EntrySynonym{p.Name, &v, layerSources[i]})
			}
		}
	}
	var value *string
	if (p.Default != "" || p.Type == List) && !(p.Unset && name == p.Name) {
		value = &p.Default
	}
	if value != nil && p.Name != "" && !p.Unset {
		e.Synonyms = append(e.Synonyms, EntrySynonym{p.Name, value, DefaultSource})
	}
	e.Value, e.Source = value, DefaultSource
	if len(e.Synonyms) > 0 {
		e.Value, e.Source = e.Synonyms[0].Value, e.Synonyms[0].Source
	}
	return e
}

// Documentation returns what a person should know of the setting.
func (p *Property) Documentation() string {
	return strings.TrimSpace(p.Doc + " " + p.Effect)
}
