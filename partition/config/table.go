package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// The indexes of the tables.
var (
	byBrokerName = index(func(p *Property) []string { return []string{p.Name} })
	byTopicName  = index(func(p *Property) []string { return []string{p.Topic} })
	synonymOf    = index(func(p *Property) (names []string) {
		for _, s := range p.Synonyms {
			names = append(names, s.Name)
		}
		return names
	})
	brokerNames = slices.Sorted(maps.Keys(byBrokerName))
	topicNames  = slices.Sorted(maps.Keys(byTopicName))
	// settingNames are all names under which a node's settings can be made.
	settingNames = slices.Sorted(slices.Values(slices.Concat(brokerNames, slices.Collect(maps.Keys(synonymOf)), slices.Collect(maps.Keys(aliases)), listenerNames)))
)

func index(names func(*Property) []string) map[string]*Property {
	out := map[string]*Property{}
	for _, list := range [][]Property{shared, broker} {
		for i := range list {
			for _, name := range names(&list[i]) {
				if name != "" {
					out[name] = &list[i]
				}
			}
		}
	}
	return out
}

// TopicProperties returns the settings that a topic has, by name.
func TopicProperties() []*Property { return lookAll(topicNames, byTopicName) }

// BrokerProperties returns the settings that a broker has, by name.
func BrokerProperties() []*Property { return lookAll(brokerNames, byBrokerName) }

func lookAll(names []string, in map[string]*Property) []*Property {
	out := make([]*Property, len(names))
	for i, name := range names {
		out[i] = in[name]
	}
	return out
}

// TopicProperty returns the topic's setting of that name, nil where there is none.
func TopicProperty(name string) *Property { return byTopicName[name] }

// BrokerProperty returns the broker's setting of that name, nil where there is none.
func BrokerProperty(name string) *Property { return byBrokerName[name] }

// nearest returns the known name that is spelt most like the given one.
func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int {
		return cmp.Compare(levenshtein.ComputeDistance(strings.ToLower(name), a), levenshtein.ComputeDistance(strings.ToLower(name), b))
	})
}
