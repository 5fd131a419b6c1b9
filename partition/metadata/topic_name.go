package metadata

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// The topics that are the cluster's own: the log of its metadata, and that of its groups' offsets.
const (
	MetadataTopic = "__cluster_metadata"
	OffsetsTopic  = "__consumer_offsets"
)

// isInternal tells by a topic's name whether it is one of troupe's own, whoever made it, as Kafka does
// (org.apache.kafka.common.internals.Topic).
func isInternal(name string) bool { return name == OffsetsTopic }

// topicNameMax is how long a topic's name may be, as in Kafka, where it had to fit a folder's name.
const topicNameMax = 249

// CheckTopicName tells whether a topic may have this name (Kafka's org.apache.kafka.common.internals.Topic).
func CheckTopicName(name string) error {
	invalid := func(format string, args ...any) error {
		return kafka.Errorf(kerr.InvalidTopicException, "Topic name is invalid: "+format, args...)
	}
	switch {
	case name == "":
		return invalid("the empty string is not allowed")
	case name == "." || name == "..":
		return invalid("'%s' is not allowed", name)
	case len(name) > topicNameMax:
		return invalid("the length of '%s' is longer than the max allowed length %d", name, topicNameMax)
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return invalid("'%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
		}
	}
	return nil
}

// CheckNewTopicName tells whether a client may make a topic of this name. The metadata's log is there before any topic, and is none (Kafka's
// ControllerApis).
func CheckNewTopicName(name string) error {
	if name == MetadataTopic {
		return kafka.Errorf(kerr.InvalidRequest, "Creation of internal topic %s is prohibited.", name)
	}
	return CheckTopicName(name)
}

// collisions finds existing topics whose names differ in nothing but '.' and '_', which Kafka's metrics can't tell apart. It looks through the topics once for a request.
type collisions struct {
	image *Image
	names map[string]string // the first name of those that are alike, by what they have in common
}

func plainName(name string) string { return strings.ReplaceAll(name, ".", "_") }

// with returns an existing topic with which that of a new name would collide, empty for none.
func (x *collisions) with(name string) string {
	plain := plainName(name)
	if !strings.Contains(plain, "_") {
		return ""
	}
	if x.names == nil {
		x.names = make(map[string]string, len(x.image.topics))
		for name := range x.image.topics {
			x.add(name)
		}
	}
	return x.names[plain]
}

// add takes in a topic that has been created.
func (x *collisions) add(name string) {
	plain := plainName(name)
	if first, ok := x.names[plain]; x.names != nil && (!ok || name < first) {
		x.names[plain] = name
	}
}
