package api

import (
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// DescribeLogDirs, versions 1-5. v2 flexible. v3 an error for the whole. v4 the size of the disk (KIP-827). v5 cordoned folders (KIP-1066). There is one folder, the data
// folder, and in it the replicas on this node; one that does not answer, because it starts or is out of service, is left out. Where clients know one address for all nodes
// there is a folder for each node that is there; how large its disk is is known of the one that answers alone, and -1 of the others.
func describeLogDirs(r *Request) {
	q := r.Body.(*kmsg.DescribeLogDirsRequest)
	dirs := []*logDir{r.logDir(q, r.env.Broker, r.env.LogDir)}
	if r.env.Single != nil {
		dirs[0].out.Dir = nodeDir(r.env.Broker)
		for _, node := range r.view.Others() {
			dirs = append(dirs, r.logDir(q, node, nodeDir(node)))
		}
	}
	if r.env.Disk != nil {
		dirs[0].out.TotalBytes, dirs[0].out.UsableBytes = r.env.Disk()
	}
	parts := 1
	for _, d := range dirs {
		parts += len(d.asked)
	}
	done := after(parts, func() {
		response := kmsg.NewPtrDescribeLogDirsResponse()
		for _, d := range dirs {
			d.fill()
			response.Dirs = append(response.Dirs, d.out)
		}
		r.respond(response)
	})
	for _, d := range dirs {
		for i, tp := range d.asked {
			r.ask(r.replicaOn(d.node, r.image().Partition(tp).Number), func(to messages.ReplyTo) any {
				return &messages.DescribeReplica{Reply: to}
			}, func(value any, _ error) {
				d.answers[i], _ = value.(*messages.ReplicaDescription)
				done()
			})
		}
	}
	done()
}

// nodeDir is what stands for a node's data folder where clients don't know the node.
func nodeDir(node kafka.BrokerID) string { return fmt.Sprintf("node-%d", node) }

// replicaOn is a node's replica of a partition.
func (r *Request) replicaOn(node kafka.BrokerID, number kafka.PartitionNumber) *actor.PID {
	if node == r.env.Broker {
		return r.env.System.Actors().NewLocalPID(messages.ReplicaName(number))
	}
	return actors.At(messages.AddressOf(node), messages.ReplicaName(number))
}

// A logDir is a node's data folder, the replicas in it that are asked, and what they have answered; nil where they have not.
type logDir struct {
	node    kafka.BrokerID
	asked   []kafka.TopicPartition
	answers []*messages.ReplicaDescription
	out     kmsg.DescribeLogDirsResponseDir
}

// logDir is a node's data folder with the replicas that a request asks for, by topic and index.
func (r *Request) logDir(q *kmsg.DescribeLogDirsRequest, node kafka.BrokerID, name string) *logDir {
	d := &logDir{node: node, asked: r.image().ReplicasOn(node), out: kmsg.NewDescribeLogDirsResponseDir()}
	d.out.Dir, d.out.TotalBytes, d.out.UsableBytes = name, -1, -1
	if q.Topics != nil {
		named := map[kafka.TopicPartition]bool{}
		for _, t := range q.Topics {
			for _, p := range t.Partitions {
				named[kafka.TopicPartition{Topic: t.Topic, Partition: p}] = true
			}
		}
		d.asked = slices.DeleteFunc(d.asked, func(tp kafka.TopicPartition) bool { return !named[tp] })
	}
	d.answers = make([]*messages.ReplicaDescription, len(d.asked))
	return d
}

func (d *logDir) fill() {
	for i, tp := range d.asked {
		answer := d.answers[i]
		if answer == nil {
			continue
		}
		if n := len(d.out.Topics); n == 0 || d.out.Topics[n-1].Topic != tp.Topic {
			t := kmsg.NewDescribeLogDirsResponseDirTopic()
			t.Topic = tp.Topic
			d.out.Topics = append(d.out.Topics, t)
		}
		p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		p.Partition, p.Size, p.OffsetLag = tp.Partition, answer.Bytes, max(0, int64(answer.HighWatermark-answer.LogEnd))
		t := &d.out.Topics[len(d.out.Topics)-1]
		t.Partitions = append(t.Partitions, p)
	}
}
