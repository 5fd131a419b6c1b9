package metadata

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// RecoverPartitions says that of some partitions all replicas but those on a broker are given up, because most of their voters are lost for ever. All others get new raft
// ids, and the rows say which terms are of before, so that what comes back with the old ones is no replica of theirs any more. A reassignment goes on toward what was wished
// for. Its answer is nil. The broker's replicas are made the only voters after that, and not before: what their rows wish for would name the lost ones. It is refused as a
// whole where one of them was given up itself.
type RecoverPartitions struct {
	Broker    kafka.BrokerID
	Survivors []Survivor
}

// A Survivor is the replica of a partition that is to go on alone.
type Survivor struct {
	Number kafka.PartitionNumber
	RaftID uint64
	Term   consensus.Term // as it knows
}

// SurvivorLevel is the feature level from which on a broker understands rows that name a survivor. An older one would let given-up replicas vote, or, as the controller, lose
// what such a row says. So partitions are not recovered while one is there, and none is taken while there are such rows.
const SurvivorLevel = 2

func (c *Controller) recoverPartitions(out *partition.Outcome, q *RecoverPartitions) error {
	for _, b := range c.image.Brokers() {
		if !b.Fenced && b.Level < SurvivorLevel {
			return kafka.Errorf(kerr.UnsupportedVersion, "Broker %d is of an older version (feature level %d), which does not know of partitions that are recovered; start this version there first.", b.ID, b.Level)
		}
	}
	changed := map[string]*Topic{}
	var rows []partition.KeyValue
	var names []string
	for _, s := range q.Survivors {
		tp, ok := c.image.NameOf(s.Number)
		if !ok {
			return kafka.Errorf(kerr.UnknownTopicOrPartition, "There is no partition of number %d.", s.Number)
		}
		t := changed[tp.Topic]
		if t == nil {
			t = c.image.Topic(tp.Topic).copied()
			changed[tp.Topic], names = t, append(names, tp.Topic)
		}
		p := &t.Partitions[tp.Partition]
		switch r, ok := p.ReplicaOn(q.Broker); {
		case !ok:
			return kafka.Errorf(kerr.InvalidRequest, "Broker %d has no replica of %v.", q.Broker, tp)
		case r.RaftID != s.RaftID:
			return kafka.Errorf(kerr.InvalidRequest, "The replica of %v on broker %d was given up: another one goes on.", tp, q.Broker)
		}
		*p = p.recovered(q.Broker, s)
	}
	for _, name := range names {
		rows = append(rows, topicRow(changed[name]))
	}
	c.write(out, rows...)
	return nil
}

// recovered returns the partition with new raft ids for all replicas but that on a broker. What is left of earlier reassignments elsewhere is gone.
func (p Partition) recovered(on kafka.BrokerID, s Survivor) Partition {
	p.Survivor, p.Since = s.RaftID, max(p.Since, consensus.RecoveredSince(s.Term))
	replicas := make([]Replica, len(p.Replicas))
	for i, r := range p.Replicas {
		if r.Broker != on {
			r.RaftID = p.giveRaftID()
		}
		replicas[i] = r
	}
	var leaving []Replica
	for _, r := range p.Leaving {
		if r.Broker == on {
			leaving = append(leaving, r)
		}
	}
	p.Replicas, p.Leaving = replicas, leaving
	return p
}

// givenMax is how many numbers of a kind the lost majority may have given without the one that is left knowing it. They are not given again.
var givenMax = map[string]int64{nextPartition: 10_000, nextProducer: 1_000_000, nextReplica: 1_000}

// recordsMax bounds what one batch of the metadata log unpacks to. They are not compressed.
const recordsMax = 64 << 20

// Read returns the image after batches of the metadata log.
func (i *Image) Read(batches []record.Batch) (*Image, error) {
	var rows []partition.KeyValue
	for _, b := range batches {
		for r, err := range b.Records(recordsMax) {
			if err != nil {
				return nil, err
			}
			rows = append(rows, partition.KeyValue{Key: r.Key, Value: r.Value})
		}
	}
	return i.Apply(rows)
}

// GiveUp returns the rows in which brokers are lost: the metadata's majority was lost with them, and the cluster went on without. They belong into the log of the one replica that went on.
func (i *Image) GiveUp(ids []kafka.BrokerID) (rows []partition.KeyValue) {
	for _, name := range slices.Sorted(maps.Keys(givenMax)) {
		if next, ok := i.counters[name]; ok {
			rows = append(rows, counterRow(name, next+givenMax[name]))
		}
	}
	for _, id := range ids {
		b := i.Broker(id)
		if b == nil {
			continue
		}
		lost := *b
		lost.Lost, lost.Fenced, lost.RaftID = true, true, 0
		rows = append(rows, brokerRow(&lost))
	}
	return rows
}

// Refusal is why a broker that comes with a store is not taken any more; nil where it may be. It holds until the broker comes with another store.
func (b *Broker) Refusal(storeID string) error {
	if b == nil || !b.Lost || b.StoreID != storeID {
		return nil
	}
	return kafka.Errorf(kerr.InvalidRegistration,
		"the cluster went on without broker %d, whose data folder (store %s) was given up: empty the data folder and start the broker again", b.ID, storeID)
}
