package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Topic is what the settings of a topic come to.
type Topic struct {
	RetentionMillis          int64 // -1: no limit
	RetentionBytes           int64 // -1: no limit
	SegmentBytes             int64
	SegmentMillis            int64
	MessageBytesMax          int
	MinInsyncReplicas        int
	LogAppendTime            bool
	TimestampBeforeMaxMillis int64
	TimestampAfterMaxMillis  int64
}

// ResolveTopic returns what a topic's own settings and, for those that it lacks, the brokers' come to. The maps hold
// values that were checked when they were made.
func ResolveTopic(own map[string]string, brokers ...map[string]string) Topic {
	get := func(name string) string {
		value, _ := topicValue(byTopicName[name], own, brokers)
		return value
	}
	long := func(name string) int64 {
		n, _ := strconv.ParseInt(strings.TrimSpace(get(name)), 10, 64)
		return n
	}
	return Topic{
		RetentionMillis: long("retention.ms"), RetentionBytes: long("retention.bytes"),
		SegmentBytes: long("segment.bytes"), SegmentMillis: long("segment.ms"),
		MessageBytesMax: int(long("max.message.bytes")), MinInsyncReplicas: int(long("min.insync.replicas")),
		LogAppendTime:            get("message.timestamp.type") == "LogAppendTime",
		TimestampBeforeMaxMillis: long("message.timestamp.before.max.ms"), TimestampAfterMaxMillis: long("message.timestamp.after.max.ms"),
	}
}

// topicValue returns a topic's value and which of the broker maps it came from: -1 for the topic's own, len(brokers) for the default.
func topicValue(p *Property, own map[string]string, brokers []map[string]string) (value string, from int) {
	if v, ok := own[p.Topic]; ok {
		return v, -1
	}
	for i, m := range brokers {
		if v, ok := m[p.Name]; ok && p.Name != "" {
			return v, i
		}
	}
	return p.Default, len(brokers)
}

// CheckTopic tells whether a topic may have these settings. It names the first one, by name, that it may not. A topic of troupe's own may say
// that it is compacted, as Kafka's tools expect of it.
func CheckTopic(values map[string]string, internal bool) error {
	for _, name := range sortedKeys(values) {
		p := byTopicName[name]
		if p == nil {
			return refusef("Unknown topic config name: %s; the nearest known one is %s", name, nearest(name, topicNames))
		}
		if internal && name == "cleanup.policy" {
			continue
		}
		if err := p.Check(name, values[name]); err != nil {
			return err
		}
	}
	return checkLags(values)
}

// checkLags refuses a record that must be compacted before it may be (Kafka's LogConfig).
func checkLags(own map[string]string) error {
	lag := func(name string) int64 {
		value, _ := topicValue(byTopicName[name], own, nil)
		n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		return n
	}
	if least, most := lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms"); least > most {
		return refusef("conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)", least, most)
	}
	return nil
}

// CheckBroker tells whether these settings may be made for a running broker. Those of Kafka's that have no meaning here may, where Kafka's may.
func CheckBroker(values map[string]string) error {
	for _, name := range sortedKeys(values) {
		p := byBrokerName[name]
		switch {
		case p == nil && slices.Contains(foreignDynamic, name):
			continue
		case p == nil && !slices.Contains(settingNames, name) && !isForeign(name):
			return refusef("Unknown broker config name: %s; the nearest known one is %s", name, nearest(name, brokerNames))
		case p == nil || !p.Dynamic:
			return refusef("Cannot update these configs dynamically: [%s]", name)
		}
		if err := p.Check(name, values[name]); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// An Op is what IncrementalAlterConfigs does to a setting (KIP-339), in the numbers of the protocol.
type Op int8

// The operations.
const (
	Set      Op = 0
	Delete   Op = 1
	Append   Op = 2 // to a list
	Subtract Op = 3 // from a list
)

// Alter returns values with one operation done. The property tells what the list is when no value was set.
func Alter(values map[string]string, p *Property, name string, op Op, value string) (map[string]string, error) {
	out := make(map[string]string, len(values)+1)
	for k, v := range values {
		out[k] = v
	}
	switch op {
	case Set:
		out[name] = value
	case Delete:
		delete(out, name)
	case Append, Subtract:
		if p == nil || p.Type != List {
			verb := "APPEND"
			if op == Subtract {
				verb = "SUBTRACT"
			}
			return nil, refusef("Can't %s to key %s because its type is not LIST.", verb, name)
		}
		current, ok := out[name]
		if !ok {
			current = p.Default
		}
		elements := splitList(current)
		for _, e := range splitList(value) {
			switch has := slices.Contains(elements, e); {
			case op == Append && !has:
				elements = append(elements, e)
			case op == Subtract && has:
				elements = slices.DeleteFunc(elements, func(have string) bool { return have == e })
			}
		}
		out[name] = strings.Join(elements, ",")
	default:
		return nil, fmt.Errorf("unknown operation %d for config key: %s", op, name)
	}
	return out, nil
}
