package metadata

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// A Broker is a node of the cluster.
type Broker struct {
	ID      kafka.BrokerID `json:"-"`
	StoreID string         `json:"store"` // of the data folder that the node registered with
	// Incarnation is the process that registered. It stands in the row as hexadecimal digits.
	Incarnation uint64 `json:"-"`
	// Fenced brokers are registered, but clients are not sent to them, and new replicas go to others where there are enough.
	Fenced bool `json:"fenced,omitempty"`
	// Link is where other nodes reach it, HOST:PORT; empty for a cluster of one.
	Link string `json:"link,omitempty"`
	// RaftID is its replica's of the metadata partition. The rows of a time when clusters had one node have none.
	RaftID uint64 `json:"raft,omitempty"`
	// Lost says that the cluster went on without the broker and its store (Image.GiveUp). It has no replica of the metadata partition, until it comes with another store.
	Lost bool `json:"lost,omitempty"`
	// Level is the newest form of rows and messages that it knows.
	Level int32  `json:"level,omitempty"`
	Host  string `json:"host"` // as clients are told to reach it
	Port  int32  `json:"port"`
	Rack  string `json:"rack,omitempty"`
}

// A brokerValue is a Broker in the form of its row.
type brokerValue struct {
	*brokerFields
	Incarnation string `json:"incarnation,omitempty"`
}

type brokerFields Broker

// MarshalJSON writes the value of the broker's row.
func (b *Broker) MarshalJSON() ([]byte, error) {
	v := brokerValue{brokerFields: (*brokerFields)(b)}
	if b.Incarnation != 0 {
		v.Incarnation = strconv.FormatUint(b.Incarnation, 16)
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads the value of a broker's row.
func (b *Broker) UnmarshalJSON(value []byte) error {
	v := brokerValue{brokerFields: (*brokerFields)(b)}
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	b.Incarnation = 0
	if v.Incarnation == "" {
		return nil
	}
	incarnation, err := strconv.ParseUint(v.Incarnation, 16, 64)
	if err != nil {
		return fmt.Errorf("incarnation: %w", err)
	}
	b.Incarnation = incarnation
	return nil
}

// Broker returns the broker with that id, nil where none has registered.
func (i *Image) Broker(id kafka.BrokerID) *Broker { return i.brokers[id] }

// Brokers returns all brokers by id.
func (i *Image) Brokers() []*Broker {
	return slices.SortedFunc(maps.Values(i.brokers), func(a, b *Broker) int { return cmp.Compare(a.ID, b.ID) })
}

// CutOff tells whether a broker was fenced though it has told clients where it is: the controller does not reach it, or it is about to end. One that has only begun is fenced, too,
// but has told nobody yet.
func (b *Broker) CutOff() bool { return b.Fenced && b.Host != "" }

// ReplicasOn returns the partitions that have a replica on a broker, by topic and index.
func (i *Image) ReplicasOn(id kafka.BrokerID) (out []kafka.TopicPartition) {
	for _, t := range i.Topics() {
		for index := range t.Partitions {
			if _, ok := t.Partitions[index].ReplicaOn(id); ok {
				out = append(out, kafka.TopicPartition{Topic: t.Name, Partition: int32(index)})
			}
		}
	}
	return out
}

// Level is the newest form of rows and messages that every broker knows. It never falls: an older broker is not registered. One that was not there when a form came into use does not
// count: it has to be upgraded before it comes back.
func (i *Image) Level() int32 {
	if len(i.brokers) == 0 {
		return 0
	}
	level := slices.MinFunc(slices.Collect(maps.Values(i.brokers)), func(a, b *Broker) int { return cmp.Compare(a.Level, b.Level) }).Level
	if len(i.recovered) > 0 {
		level = max(level, SurvivorLevel)
	}
	return level
}

// CheckLevel refuses a broker that is of an older version than the cluster can have any more.
func (i *Image) CheckLevel(id kafka.BrokerID, level int32) error {
	if least := i.Level(); level < least {
		return kafka.Errorf(kerr.UnsupportedVersion,
			"Broker %d is of an older version (feature level %d) than the cluster has already (%d); start the version that the other brokers run.", id, level, least)
	}
	return nil
}
