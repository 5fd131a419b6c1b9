package metadata

import (
	"encoding/json"
	"fmt"
	"strconv"

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
