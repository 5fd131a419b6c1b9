package metadata

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// ControllerOptions is what a Controller goes by where a request leaves something open.
type ControllerOptions struct {
	ClusterID                string // of a cluster that is founded now
	DefaultPartitions        int32
	DefaultReplicationFactor int16 // three, or as many as there are brokers that are neither fenced nor being drained, where it is not above zero
	DeleteTopics             bool  // delete.topic.enable
	// Broker is the node that the controller runs on, and Static the settings made at its start: a new topic's settings are told as they are there.
	Broker kafka.BrokerID
	Static map[string]string
}

// A Controller is the machine of the cluster's metadata: it turns requests into rows. Its image is ahead of the committed one by the rows
// that are on their way.
type Controller struct {
	o     ControllerOptions
	image *Image // nobody else has it
	// Producer ids are handed out from a block whose end is in the log, so that most requests write nothing.
	nextProducerID, producerIDsEnd int64
}

var _ partition.Machine = (*Controller)(nil)

// producerIDBlock is how many producer ids one row sets aside.
const producerIDBlock = 1000

// NewController returns a controller to be restored from the rows of the log.
func NewController(o ControllerOptions) *Controller { return &Controller{o: o} }

// Restore takes over what earlier controllers left. An empty log begins with the cluster's id.
func (c *Controller) Restore(_ time.Time, rows []partition.KeyValue) (partition.Outcome, error) {
	image, err := NewImage().Apply(rows)
	if err != nil {
		return partition.Outcome{}, err
	}
	c.image = image
	c.nextProducerID = image.counter(nextProducer, 0)
	c.producerIDsEnd = c.nextProducerID
	var out partition.Outcome
	if image.ClusterID() == "" {
		c.write(&out, row(clusterKey, clusterRow{ID: c.o.ClusterID}))
	}
	return out, nil
}

// Handle serves a request: one of this package's own types, or the kmsg request of the same name as the method that serves it.
func (c *Controller) Handle(_ time.Time, r *partition.Request) (out partition.Outcome) {
	var response any
	var err error
	switch body := r.Body.(type) {
	case *RegisterBroker:
		response, err = c.registerBroker(&out, body.Broker)
	case *FenceBroker:
		c.fenceBroker(&out, body)
	case *kmsg.UnregisterBrokerRequest:
		response = c.unregisterBroker(&out, body)
	case *kmsg.CreateTopicsRequest:
		response = c.createTopics(&out, body, r.Nonce)
	case *CreateInternalTopic:
		response, err = c.createInternalTopic(&out, body, r.Nonce)
	case *kmsg.DeleteTopicsRequest:
		response = c.deleteTopics(&out, body)
	case *kmsg.CreatePartitionsRequest:
		response = c.createPartitions(&out, body)
	case *kmsg.AlterPartitionAssignmentsRequest:
		response = c.alterReassignments(&out, body)
	case *kmsg.ListPartitionReassignmentsRequest:
		response = c.listReassignments(body)
	case *MoveReplicas:
		c.moveReplicas(&out, body)
	case *ReassignmentsDone:
		c.reassignmentsDone(&out, body)
	case *RecoverPartitions:
		err = c.recoverPartitions(&out, body)
	case *kmsg.AlterConfigsRequest:
		response = c.alterConfigs(&out, body)
	case *kmsg.IncrementalAlterConfigsRequest:
		response = c.incrementalAlterConfigs(&out, body)
	case *kmsg.InitProducerIDRequest:
		response = c.initProducerID(&out)
	default:
		err = kafka.Errorf(kerr.UnsupportedVersion, "the controller serves no %T", r.Body)
	}
	out.Replies = append(out.Replies, partition.Reply{Ticket: r.Ticket, Response: response, Err: err})
	return out
}

// Tick does nothing: the controller waits for nobody.
func (c *Controller) Tick(time.Time) partition.Outcome { return partition.Outcome{} }

// Deadline is never.
func (c *Controller) Deadline() time.Time { return time.Time{} }

// Idle is false: there is always a cluster.
func (c *Controller) Idle() bool { return false }

// write adds rows to the outcome and to the image at once. The image is changed where it is: one request may make thousands of topics.
func (c *Controller) write(out *partition.Outcome, rows ...partition.KeyValue) {
	for _, kv := range rows {
		if err := c.image.apply(kv); err != nil {
			panic(fmt.Sprintf("metadata: the controller made a row that it can't read: %v", err))
		}
	}
	out.Records = append(out.Records, rows...)
}

func (c *Controller) initProducerID(out *partition.Outcome) *kmsg.InitProducerIDResponse {
	if c.nextProducerID == c.producerIDsEnd {
		c.producerIDsEnd += producerIDBlock
		c.write(out, counterRow(nextProducer, c.producerIDsEnd))
	}
	response := kmsg.NewPtrInitProducerIDResponse()
	response.ProducerID, response.ProducerEpoch = c.nextProducerID, 0
	c.nextProducerID++
	return response
}
