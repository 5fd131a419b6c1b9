package api

import (
	"encoding/base64"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// linkListener is how the answer calls the address by which the replicas of the metadata reach each other.
const linkListener = "LINK"

// DescribeQuorum, versions 0-2 (KIP-595). v1 times (KIP-836). v2 directory ids, nodes and messages (KIP-853). Any node answers: it asks the leader of the
// metadata's partition, wherever that is.
func describeQuorum(r *Request) {
	q := r.Body.(*kmsg.DescribeQuorumRequest)
	if !isMetadata(q) {
		refuseQuorum(r, q, kerr.UnknownTopicOrPartition)
		return
	}
	l, ok := r.view.Controller()
	if !ok {
		refuseQuorum(r, q, kerr.NotLeaderForPartition)
		return
	}
	r.ask(l.Replica, func(to messages.ReplyTo) any { return &messages.DescribeReplica{Reply: to} }, func(value any, err error) {
		d, _ := value.(*messages.ReplicaDescription)
		if err == nil && len(d.Progress) == 0 {
			err = kerr.NotLeaderForPartition // by now
		}
		if err != nil {
			refuseQuorum(r, q, err)
			return
		}
		respondQuorum(r, l, d)
	})
}

// isMetadata tells whether the metadata's partition, and nothing else, is asked for, as Kafka wants it (DescribeQuorumRequest, KafkaRaftClient).
func isMetadata(q *kmsg.DescribeQuorumRequest) bool {
	return len(q.Topics) == 1 && q.Topics[0].Topic == metadata.MetadataTopic && len(q.Topics[0].Partitions) == 1 && q.Topics[0].Partitions[0].Partition == 0
}

// refuseQuorum answers with an error for each partition.
func refuseQuorum(r *Request, q *kmsg.DescribeQuorumRequest, err error) {
	response := kmsg.NewPtrDescribeQuorumResponse()
	for _, t := range q.Topics {
		a := kmsg.NewDescribeQuorumResponseTopic()
		a.Topic = t.Topic
		for _, p := range t.Partitions {
			b := kmsg.NewDescribeQuorumResponseTopicPartition()
			b.Partition, b.ErrorCode, b.ErrorMessage = p.Partition, r.errCode(err), kafka.Message(err)
			b.LeaderID, b.LeaderEpoch, b.HighWatermark = int32(kafka.NoBroker), int32(kafka.NoEpoch), -1
			a.Partitions = append(a.Partitions, b)
		}
		response.Topics = append(response.Topics, a)
	}
	r.respond(response)
}

func respondQuorum(r *Request, l messages.Leader, d *messages.ReplicaDescription) {
	brokers := map[uint64]*metadata.Broker{}
	response := kmsg.NewPtrDescribeQuorumResponse()
	for _, b := range r.image().Brokers() {
		brokers[b.RaftID] = b
		if node, ok := quorumNode(b); ok {
			response.Nodes = append(response.Nodes, node)
		}
	}
	p := kmsg.NewDescribeQuorumResponseTopicPartition()
	p.LeaderID, p.LeaderEpoch, p.HighWatermark = int32(l.Broker), int32(l.Epoch), int64(d.HighWatermark)
	for _, progress := range d.Progress {
		s := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		s.ReplicaID = int32(kafka.NoBroker) // of a store that is gone
		if b := brokers[progress.RaftID]; b != nil {
			s.ReplicaID, s.ReplicaDirectoryID = int32(b.ID), directoryID(b.StoreID)
		}
		s.LogEndOffset, s.LastFetchTimestamp, s.LastCaughtUpTimestamp = int64(progress.LogEnd), progress.ContactMillis, progress.CaughtUpMillis
		if progress.Learner {
			p.Observers = append(p.Observers, s)
		} else {
			p.CurrentVoters = append(p.CurrentVoters, s)
		}
	}
	t := kmsg.NewDescribeQuorumResponseTopic()
	t.Topic, t.Partitions = metadata.MetadataTopic, []kmsg.DescribeQuorumResponseTopicPartition{p}
	response.Topics = append(response.Topics, t)
	r.respond(response)
}

// directoryID is a store's id in Kafka's form, which it has.
func directoryID(store string) (id [16]byte) {
	if b, err := base64.RawURLEncoding.DecodeString(store); err == nil && len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

// quorumNode is where a node's replica of the metadata is reached; a cluster of one has no such place.
func quorumNode(b *metadata.Broker) (node kmsg.DescribeQuorumResponseNode, ok bool) {
	host, digits, err := net.SplitHostPort(b.Link)
	port, portErr := strconv.ParseUint(digits, 10, 16)
	if err != nil || portErr != nil {
		return node, false
	}
	node = kmsg.NewDescribeQuorumResponseNode()
	listener := kmsg.NewDescribeQuorumResponseNodeListener()
	listener.Name, listener.Host, listener.Port = linkListener, host, uint16(port)
	node.NodeID, node.Listeners = int32(b.ID), append(node.Listeners, listener)
	return node, true
}
