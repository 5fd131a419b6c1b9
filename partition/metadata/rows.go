package metadata

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"troupe/partition"
	"troupe/partition/kafka"
)

// The rows of the metadata log. A row without a value deletes what the key names.
//
//	key                 value
//	cluster             {"id": cluster id}
//	topic/NAME          Topic
//	broker/ID           Broker
//	config/KIND/NAME    {setting: value}; KIND is topic, broker or group
//	counter/NAME        a number: the next that has not been given (partition, producer, replica: a raft id of the metadata partition)
const (
	clusterKey     = "cluster"
	topicPrefix    = "topic/"
	brokerPrefix   = "broker/"
	configPrefix   = "config/"
	counterPrefix  = "counter/"
	nextPartition  = "partition"
	nextProducer   = "producer"
	nextReplica    = "replica"
	firstPartition = int64(kafka.MetadataPartition) + 1
)

type clusterRow struct {
	ID string `json:"id"`
}

var kindNames = map[ResourceKind]string{TopicResource: "topic", BrokerResource: "broker", GroupResource: "group"}

func row(key string, value any) partition.KeyValue {
	v, err := json.Marshal(value)
	if err != nil {
		panic(err) // rows hold nothing that JSON has no form for
	}
	return partition.KeyValue{Key: []byte(key), Value: v}
}

func tombstone(key string) partition.KeyValue { return partition.KeyValue{Key: []byte(key)} }

func topicRow(t *Topic) partition.KeyValue   { return row(topicPrefix+t.Name, t) }
func brokerRow(b *Broker) partition.KeyValue { return row(brokerKey(b.ID), b) }
func counterRow(name string, next int64) partition.KeyValue {
	return row(counterPrefix+name, next)
}

func brokerKey(id kafka.BrokerID) string { return brokerPrefix + strconv.Itoa(int(id)) }

func configKey(r Resource) string { return configPrefix + kindNames[r.Kind] + "/" + r.Name }

func configRow(r Resource, values map[string]string) partition.KeyValue {
	if len(values) == 0 {
		return tombstone(configKey(r))
	}
	return row(configKey(r), values)
}

// apply changes the image, whose maps nobody else has yet, by one row.
func (i *Image) apply(kv partition.KeyValue) error {
	key := string(kv.Key)
	kind, name, _ := strings.Cut(key, "/")
	read := func(into any) error {
		if err := json.Unmarshal(kv.Value, into); err != nil {
			return fmt.Errorf("metadata row %q: %w", key, err)
		}
		return nil
	}
	switch kind + "/" {
	case clusterKey + "/":
		var c clusterRow
		if err := read(&c); err != nil {
			return err
		}
		i.clusterID = c.ID
	case topicPrefix:
		i.removeTopic(name)
		if kv.Value == nil {
			return nil
		}
		t := &Topic{Name: name}
		if err := read(t); err != nil {
			return err
		}
		i.addTopic(t)
	case brokerPrefix:
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return fmt.Errorf("metadata row %q: %w", key, err)
		}
		if kv.Value == nil {
			delete(i.brokers, kafka.BrokerID(id))
			return nil
		}
		b := &Broker{ID: kafka.BrokerID(id)}
		if err := read(b); err != nil {
			return err
		}
		i.brokers[b.ID] = b
	case configPrefix:
		return i.applyConfig(key, name, kv.Value, read)
	case counterPrefix:
		var next int64
		if err := read(&next); err != nil {
			return err
		}
		i.counters[name] = next
	default:
		return fmt.Errorf("metadata row %q: this version knows no such row; it was written by a newer one", key)
	}
	return nil
}

func (i *Image) applyConfig(key, name string, value []byte, read func(any) error) error {
	kindName, name, _ := strings.Cut(name, "/")
	for kind, n := range kindNames {
		if n != kindName {
			continue
		}
		r := Resource{Kind: kind, Name: name}
		if value == nil {
			delete(i.configs, r)
			return nil
		}
		values := map[string]string{}
		if err := read(&values); err != nil {
			return err
		}
		i.configs[r] = values
		return nil
	}
	return fmt.Errorf("metadata row %q: unknown kind of resource", key)
}

func (i *Image) removeTopic(name string) {
	old := i.topics[name]
	if old == nil {
		return
	}
	delete(i.topics, name)
	delete(i.byID, old.ID)
	for _, p := range old.Partitions {
		delete(i.byNumber, p.Number)
		delete(i.unfinished, p.Number)
		delete(i.recovered, p.Number)
	}
}

func (i *Image) addTopic(t *Topic) {
	i.topics[t.Name] = t
	i.byID[t.ID] = t
	for index, p := range t.Partitions {
		i.byNumber[p.Number] = kafka.TopicPartition{Topic: t.Name, Partition: int32(index)}
		if p.Unfinished() {
			i.unfinished[p.Number] = true
		}
		if p.Since != 0 {
			i.recovered[p.Number] = true
		}
	}
}

func (i *Image) counter(name string, first int64) int64 {
	if next, ok := i.counters[name]; ok {
		return next
	}
	return first
}
