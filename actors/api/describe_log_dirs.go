package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// DescribeLogDirs, versions 1-5. v2 flexible. v3 an error for the whole. v4 the size of the disk (KIP-827). v5 cordoned folders (KIP-1066). There is one folder, the data
// folder, and in it the replicas on this node; one that does not answer, because it starts or is out of service, is left out.
func describeLogDirs(r *Request) {
	q := r.Body.(*kmsg.DescribeLogDirsRequest)
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir, dir.TotalBytes, dir.UsableBytes = r.env.LogDir, -1, -1
	if r.env.Disk != nil {
		dir.TotalBytes, dir.UsableBytes = r.env.Disk()
	}
	asked := replicasHere(r, q)
	answers := make([]*messages.ReplicaDescription, len(asked))
	done := after(len(asked)+1, func() {
		for i, tp := range asked {
			if answers[i] != nil {
				addLogDir(&dir, tp, answers[i])
			}
		}
		response := kmsg.NewPtrDescribeLogDirsResponse()
		response.Dirs = append(response.Dirs, dir)
		r.respond(response)
	})
	for i, tp := range asked {
		replica := r.env.System.Actors().NewLocalPID(messages.ReplicaName(r.image().Partition(tp).Number))
		r.ask(replica, func(to messages.ReplyTo) any { return &messages.DescribeReplica{Reply: to} }, func(value any, _ error) {
			answers[i], _ = value.(*messages.ReplicaDescription)
			done()
		})
	}
	done()
}

// replicasHere are the partitions that a request asks for and that have a replica on this node, by topic and index.
func replicasHere(r *Request, q *kmsg.DescribeLogDirsRequest) []kafka.TopicPartition {
	here := r.image().ReplicasOn(r.env.Broker)
	if q.Topics == nil {
		return here
	}
	asked := map[kafka.TopicPartition]bool{}
	for _, t := range q.Topics {
		for _, p := range t.Partitions {
			asked[kafka.TopicPartition{Topic: t.Topic, Partition: p}] = true
		}
	}
	return slices.DeleteFunc(here, func(tp kafka.TopicPartition) bool { return !asked[tp] })
}

func addLogDir(dir *kmsg.DescribeLogDirsResponseDir, tp kafka.TopicPartition, d *messages.ReplicaDescription) {
	if n := len(dir.Topics); n == 0 || dir.Topics[n-1].Topic != tp.Topic {
		t := kmsg.NewDescribeLogDirsResponseDirTopic()
		t.Topic = tp.Topic
		dir.Topics = append(dir.Topics, t)
	}
	p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
	p.Partition, p.Size, p.OffsetLag = tp.Partition, d.Bytes, max(0, int64(d.HighWatermark-d.LogEnd))
	t := &dir.Topics[len(dir.Topics)-1]
	t.Partitions = append(t.Partitions, p)
}
