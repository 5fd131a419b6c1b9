package metadata

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// RegisterBroker is a node's word that it is there. Its answer is *Registered. In the broker's RaftID stands what the node has already, which is 1
// where it founded the cluster; zero where it has no replica of the metadata partition yet. Who says the same again changes nothing.
//
// A broker that comes with another store than its row has was wiped or replaced, and has no memory of what its replicas voted: it gets new raft
// ids, for the metadata partition and, in the same outcome, for each of its replicas. That no other node has the same id now is for the caller to know.
type RegisterBroker struct{ Broker Broker }

// Registered tells a node what it is registered with.
type Registered struct {
	RaftID uint64 // of its replica of the metadata partition
}

// FounderRaftID is the raft id of the metadata partition's first replica, whose node founded the cluster: the only voter at first.
const FounderRaftID = 1

func (c *Controller) registerBroker(out *partition.Outcome, b Broker) (response any, err error) {
	if err = c.checkRegistration(&b); err != nil {
		return nil, err
	}
	old := c.image.Broker(b.ID)
	if err = old.Refusal(b.StoreID); err != nil {
		return nil, err
	}
	b.Lost = false
	rows, err := c.giveRaftID(&b, old)
	if err != nil {
		return nil, err
	}
	if old != nil && old.StoreID != b.StoreID {
		rows = append(rows, c.renewReplicas(b.ID)...)
	}
	if old == nil || *old != b {
		c.write(out, append(rows, brokerRow(&b))...)
	}
	return &Registered{RaftID: b.RaftID}, nil
}

// checkRegistration refuses a node that can't be part of the cluster as it is.
func (c *Controller) checkRegistration(b *Broker) error {
	if b.StoreID == "" {
		return kafka.Errorf(kerr.InvalidRegistration, "Broker %d says no store id; start it with a data folder of its own.", b.ID)
	}
	if err := c.image.CheckLevel(b.ID, b.Level); err != nil {
		return err
	}
	for _, other := range c.image.Brokers() {
		switch {
		case other.ID == b.ID:
		case other.StoreID == b.StoreID:
			return kafka.Errorf(kerr.InvalidRegistration,
				"The data folder of broker %d is a copy of broker %d's (store %s); two nodes can't share a folder. Start broker %d with an empty one.", b.ID, other.ID, b.StoreID, b.ID)
		case b.Link != "" && other.Link == b.Link && !other.Fenced:
			return kafka.Errorf(kerr.InvalidRegistration,
				"Broker %d has the link address %s already; give broker %d another one, or, where it takes the place of broker %d, start it with that node id.", other.ID, b.Link, b.ID, other.ID)
		}
	}
	return nil
}

// giveRaftID sets the raft id of a broker's replica of the metadata partition, and returns the rows that keep it from being given again.
func (c *Controller) giveRaftID(b, old *Broker) ([]partition.KeyValue, error) {
	next := c.image.counter(nextReplica, 0)
	switch {
	case old != nil && old.StoreID == b.StoreID && old.RaftID != 0:
		b.RaftID = old.RaftID
		return nil, nil
	case next == 0 && b.RaftID != FounderRaftID:
		return nil, kafka.Errorf(kerr.BrokerNotAvailable, "The node that founded the cluster has not registered yet; ask again.")
	case next == 0:
		next = FounderRaftID
	case b.RaftID != 0:
		return nil, kafka.Errorf(kerr.InvalidRegistration,
			"The data folder of broker %d (store %s) was once of this cluster, and is not registered any more. Start the broker with an empty one.", b.ID, b.StoreID)
	}
	b.RaftID = uint64(next)
	return []partition.KeyValue{counterRow(nextReplica, next+1)}, nil
}

// renewReplicas returns the rows of all topics with replicas on a broker, in which these have new raft ids.
func (c *Controller) renewReplicas(id kafka.BrokerID) (rows []partition.KeyValue) {
	for _, old := range c.image.Topics() {
		if t := old.renewed(id); t != nil {
			rows = append(rows, topicRow(t))
		}
	}
	return rows
}

// FenceBroker says that clients and new replicas should not go to a broker, until it registers without Fenced. It holds for one incarnation: where
// the broker has registered with another one since, nothing happens. Its answer is nil.
type FenceBroker struct {
	ID          kafka.BrokerID
	Incarnation uint64
}

func (c *Controller) fenceBroker(out *partition.Outcome, q *FenceBroker) {
	b := c.image.Broker(q.ID)
	if b == nil || b.Fenced || b.Incarnation != q.Incarnation {
		return
	}
	fenced := *b
	fenced.Fenced = true
	c.write(out, brokerRow(&fenced))
}

// unregisterBroker serves UnregisterBroker (KIP-631). Unlike Kafka's it refuses a broker that may still be at work or that has replicas, whose data
// would be lost with it.
func (c *Controller) unregisterBroker(out *partition.Outcome, r *kmsg.UnregisterBrokerRequest) *kmsg.UnregisterBrokerResponse {
	response := kmsg.NewPtrUnregisterBrokerResponse()
	id := kafka.BrokerID(r.BrokerID)
	err := c.checkUnregistration(id)
	if err == nil {
		c.write(out, tombstone(brokerKey(id)), tombstone(configKey(brokerResource(id))))
	}
	response.ErrorCode, response.ErrorMessage = kafka.Code(err), kafka.Message(err)
	return response
}

func (c *Controller) checkUnregistration(id kafka.BrokerID) error {
	b := c.image.Broker(id)
	if b == nil {
		return kafka.Errorf(kerr.BrokerIDNotRegistered, "Broker %d is not registered.", id)
	}
	if replicas := c.image.ReplicasOn(id); len(replicas) > 0 {
		return kafka.Errorf(kerr.InvalidRequest,
			"Broker %d still has %d replica(s), one of them of %v; drain it first (troupe cluster drain %d), then unregister it.", id, len(replicas), replicas[0], id)
	}
	if !b.Fenced {
		return kafka.Errorf(kerr.InvalidRequest, "Broker %d is not fenced: it may still be at work. Stop it first, then unregister it; where it has died, ten seconds later.", id)
	}
	return nil
}
