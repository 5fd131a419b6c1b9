package metadata

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/kafka"
)

// partitionsPerRequest is how many partitions are too many for one request (Kafka's ReplicationControlManager.MAX_PARTITIONS_PER_BATCH).
const partitionsPerRequest = 10_000

func checkPartitionCount(sum int64) error {
	if sum >= partitionsPerRequest {
		return kafka.Errorf(kerr.PolicyViolation, "Excessively large number of partitions per request.")
	}
	return nil
}

// assignment returns the brokers of each partition: those that the request names, or as many as it wants.
func (c *Controller) assignment(q *kmsg.CreateTopicsRequestTopic) ([][]kafka.BrokerID, error) {
	if len(q.ReplicaAssignment) > 0 {
		if q.ReplicationFactor != -1 {
			return nil, kafka.Errorf(kerr.InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
		}
		if q.NumPartitions != -1 {
			return nil, kafka.Errorf(kerr.InvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
		}
		return c.assigned(q.ReplicaAssignment)
	}
	partitions, factor := q.NumPartitions, q.ReplicationFactor
	if partitions == -1 {
		partitions = c.o.DefaultPartitions
	}
	if factor == -1 {
		factor = c.defaultFactor(c.o.DefaultReplicationFactor)
	}
	if partitions <= 0 {
		return nil, kafka.Errorf(kerr.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	return c.place(partitions, factor)
}

// factorMax is how many replicas a partition has, on so many brokers or more, where nobody has said it.
const factorMax = 3

// defaultFactor is the number of replicas that a setting stands for.
func (c *Controller) defaultFactor(set int16) int16 {
	if set > 0 {
		return set
	}
	return int16(max(1, min(factorMax, len(c.image.takers()))))
}

// place spreads new partitions over the brokers.
func (c *Controller) place(partitions int32, factor int16) ([][]kafka.BrokerID, error) {
	if factor <= 0 {
		return nil, kafka.Errorf(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	p := newPlacer(c.image.lasting())
	p.draining = len(c.image.brokers) - len(p.unfenced) - len(p.fenced)
	if err := p.check(int(factor)); err != nil {
		return nil, err
	}
	start := c.image.counter(nextPartition, firstPartition)
	out := make([][]kafka.BrokerID, partitions)
	for i := range out {
		out[i] = p.place(start+int64(i), int(factor))
	}
	return out, nil
}

// assigned checks replicas that a client chose.
func (c *Controller) assigned(want []kmsg.CreateTopicsRequestTopicReplicaAssignment) ([][]kafka.BrokerID, error) {
	out := make([][]kafka.BrokerID, len(want))
	for _, a := range want {
		if a.Partition < 0 || int(a.Partition) >= len(out) {
			return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		if out[a.Partition] != nil {
			return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "Found multiple manual partition assignments for partition %d", a.Partition)
		}
		if err := c.checkReplicas(int(a.Partition), a.Replicas); err != nil {
			return nil, err
		}
		for _, b := range a.Replicas {
			out[a.Partition] = append(out[a.Partition], kafka.BrokerID(b))
		}
		if len(out[a.Partition]) != len(want[0].Replicas) {
			return nil, kafka.Errorf(kerr.InvalidReplicaAssignment, "all partitions must have as many replicas as the first")
		}
	}
	return out, nil
}

func (c *Controller) checkReplicas(partition int, brokers []int32) error {
	if err := c.checkBrokers(brokers, nil); err != nil {
		return err
	}
	if !slices.ContainsFunc(brokers, func(id int32) bool { return !c.image.Broker(kafka.BrokerID(id)).Fenced }) {
		return kafka.Errorf(kerr.InvalidReplicaAssignment, "All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", partition)
	}
	return nil
}

// checkBrokers tells whether brokers can have a partition's replicas, of whom some may be away. The partition is nil where it is new.
func (c *Controller) checkBrokers(brokers []int32, p *Partition) error {
	if len(brokers) == 0 {
		return kafka.Errorf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
	}
	for i, id := range brokers {
		if c.image.Broker(kafka.BrokerID(id)) == nil {
			return kafka.Errorf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", id)
		}
		if slices.Contains(brokers[:i], id) {
			return kafka.Errorf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes the broker %d more than once.", id)
		}
		if c.image.Draining(kafka.BrokerID(id)) && (p == nil || !hasBroker(p.Replicas, kafka.BrokerID(id))) {
			return kafka.Errorf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, which is being drained; to keep it, run troupe cluster drain %d --cancel.", id, id)
		}
	}
	return nil
}
