package metadata

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/kafka"
)

// An Image is the cluster's metadata at one offset of its log. It never changes, but for a controller's own; what its methods return is shared
// and read only, and stays as it is.
type Image struct {
	clusterID string
	topics    map[string]*Topic
	byID      map[kafka.TopicID]*Topic
	byNumber  map[kafka.PartitionNumber]kafka.TopicPartition
	brokers   map[kafka.BrokerID]*Broker
	configs   map[Resource]map[string]string
	counters  map[string]int64
	// unfinished are the partitions whose rows have replicas that are to come or to go.
	unfinished map[kafka.PartitionNumber]bool
	// recovered are the partitions of which all replicas but one were given up.
	recovered map[kafka.PartitionNumber]bool
}

// A Topic is a topic as the metadata log has it.
type Topic struct {
	Name       string        `json:"-"`
	ID         kafka.TopicID `json:"id"`
	Partitions []Partition   `json:"partitions"`         // by index
	Internal   bool          `json:"internal,omitempty"` // one of troupe's own, such as __consumer_offsets
	// Grows says that its partitions get more replicas by themselves when brokers join, because nobody has said how many they should have. In rows of a time
	// when clusters had one node it is nil: troupe's own topics grow, and those of users stay as they are.
	Grows *bool `json:"grows,omitempty"`
}

// grows tells whether the topic's partitions get more replicas by themselves.
func (t *Topic) grows() bool {
	if t.Grows == nil {
		return t.Internal
	}
	return *t.Grows
}

// A Resource is what settings belong to.
type Resource struct {
	Kind ResourceKind
	Name string // of the topic or group, or a broker's id; empty for the default of all brokers
}

// A ResourceKind says what a Resource is, in the numbers of the protocol (kmsg.ConfigResourceType).
type ResourceKind int8

// The kinds of resources that have settings.
const (
	TopicResource  ResourceKind = 2
	BrokerResource ResourceKind = 4
	GroupResource  ResourceKind = 32
)

func brokerResource(id kafka.BrokerID) Resource {
	return Resource{BrokerResource, strconv.Itoa(int(id))}
}

// NewImage returns the image of an empty log.
func NewImage() *Image {
	return &Image{
		topics:   map[string]*Topic{},
		byID:     map[kafka.TopicID]*Topic{},
		byNumber: map[kafka.PartitionNumber]kafka.TopicPartition{},
		brokers:  map[kafka.BrokerID]*Broker{},
		configs:  map[Resource]map[string]string{},
		counters: map[string]int64{},

		unfinished: map[kafka.PartitionNumber]bool{},
		recovered:  map[kafka.PartitionNumber]bool{},
	}
}

// ClusterID returns the cluster's id, 22 characters as Kafka writes them; empty before the first row.
func (i *Image) ClusterID() string { return i.clusterID }

// Topic returns the topic of that name, nil where there is none.
func (i *Image) Topic(name string) *Topic { return i.topics[name] }

// TopicByID returns the topic of that id, nil where there is none.
func (i *Image) TopicByID(id kafka.TopicID) *Topic { return i.byID[id] }

// Topics returns all topics by name.
func (i *Image) Topics() []*Topic {
	return slices.SortedFunc(maps.Values(i.topics), func(a, b *Topic) int { return cmp.Compare(a.Name, b.Name) })
}

// Partition returns the partition, nil where the topic or the index does not exist.
func (i *Image) Partition(tp kafka.TopicPartition) *Partition {
	t := i.topics[tp.Topic]
	if t == nil || tp.Partition < 0 || int(tp.Partition) >= len(t.Partitions) {
		return nil
	}
	return &t.Partitions[tp.Partition]
}

// NameOf returns the topic and index of a partition number; ok is false where no such partition exists.
func (i *Image) NameOf(number kafka.PartitionNumber) (tp kafka.TopicPartition, ok bool) {
	tp, ok = i.byNumber[number]
	return tp, ok
}

// Unfinished returns the numbers of the partitions whose rows have replicas that are to come or to go, in ascending order.
func (i *Image) Unfinished() []kafka.PartitionNumber { return slices.Sorted(maps.Keys(i.unfinished)) }

// Recovered returns the numbers of the partitions of which all replicas but one were given up once, in ascending order.
func (i *Image) Recovered() []kafka.PartitionNumber { return slices.Sorted(maps.Keys(i.recovered)) }

// NextPartition is the first partition number that has not been given to any partition, of those that are gone too.
func (i *Image) NextPartition() kafka.PartitionNumber {
	return kafka.PartitionNumber(i.counter(nextPartition, firstPartition))
}

// Config returns the settings that were made for a resource; nil where there are none.
func (i *Image) Config(r Resource) map[string]string { return i.configs[r] }

// Resources returns every resource of a kind that has settings, by name.
func (i *Image) Resources(kind ResourceKind) []Resource {
	var out []Resource
	for r := range i.configs {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Resource) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Apply returns the image after the rows. The receiver is left as it was.
func (i *Image) Apply(rows []partition.KeyValue) (*Image, error) {
	next := &Image{
		clusterID: i.clusterID,
		topics:    maps.Clone(i.topics),
		byID:      maps.Clone(i.byID),
		byNumber:  maps.Clone(i.byNumber),
		brokers:   maps.Clone(i.brokers),
		configs:   maps.Clone(i.configs),
		counters:  maps.Clone(i.counters),

		unfinished: maps.Clone(i.unfinished),
		recovered:  maps.Clone(i.recovered),
	}
	for _, kv := range rows {
		if err := next.apply(kv); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// TopicConfig returns what a topic's settings come to on a broker, which was started with the given ones. For a topic that does not
// exist they are those that it would have.
func (i *Image) TopicConfig(topic string, broker kafka.BrokerID, static map[string]string) config.Topic {
	l := i.BrokerConfig(broker, static)
	return config.ResolveTopic(i.Config(Resource{TopicResource, topic}), l.Broker, l.DefaultBroker, l.Static)
}

// BrokerConfig returns the settings of a broker, which was started with the given ones.
func (i *Image) BrokerConfig(broker kafka.BrokerID, static map[string]string) config.Layers {
	return config.Layers{
		Broker:        i.Config(brokerResource(broker)),
		DefaultBroker: i.Config(Resource{BrokerResource, ""}),
		Static:        static,
	}
}
