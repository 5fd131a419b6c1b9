package supervisor

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A simTrimmer deletes the older records of a partition, over and over.
type simTrimmer struct {
	s         *simulation
	topic     string
	partition int32
	asked     int64 // to where deletion was asked for, at most: what lies below may be gone
	answered  int64 // to where it was acknowledged: what lies below is gone
}

// simTrimEvery is how often, at least.
const simTrimEvery = 500 * time.Millisecond

func (x *simTrimmer) begin(c *simClient) { c.toLeader(x.topic, x.partition, x.trim) }

func (x *simTrimmer) trim(c *simClient) {
	if x.s.calm {
		return
	}
	if high := x.follower().high; high > x.asked {
		x.asked += 1 + x.s.chance.Int64N(high-x.asked)
	}
	if x.asked == x.answered {
		c.later(simTrimEvery, x.begin)
		return
	}
	before := x.asked
	q := kmsg.NewPtrDeleteRecordsRequest()
	q.Version, q.TimeoutMillis = 2, 1000
	q.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: x.topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: x.partition, Offset: before}}}}
	c.send(q, func(a kmsg.Response) {
		if got := a.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0]; got.ErrorCode == 0 {
			if got.LowWatermark != before {
				x.s.errorf("%s-%d begins at %d, and deletion was asked for up to %d", x.topic, x.partition, got.LowWatermark, before)
			}
			x.answered = before
		}
		c.later(simTrimEvery, x.begin)
	})
}

// follower is who reads the partition as it grows, and so knows how much there is to be deleted.
func (x *simTrimmer) follower() *simReader {
	for _, f := range x.s.followers {
		if f.topic == x.topic && f.partition == x.partition {
			return f
		}
	}
	panic("nobody follows it")
}

// trimmer is who deletes records of a partition; nil where nobody does.
func (s *simulation) trimmer(topic string, partition int32) *simTrimmer {
	for _, x := range s.trimmers {
		if x.topic == topic && x.partition == partition {
			return x
		}
	}
	return nil
}

// skip has a reader go on where the log begins, if it may begin beyond what the reader has read.
func (r *simReader) skip(c *simClient) {
	q := kmsg.NewPtrListOffsetsRequest()
	q.Version, q.ReplicaID = 5, -1
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp, p.CurrentLeaderEpoch = r.partition, -2, -1
	q.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: r.topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	c.send(q, func(a kmsg.Response) {
		got := a.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
		if got.ErrorCode == 0 {
			if x := r.s.trimmer(r.topic, r.partition); got.Offset < x.answered || got.Offset > x.asked {
				r.s.errorf("%s-%d begins at %d; deletion was acknowledged up to %d, and asked for up to %d", r.topic, r.partition, got.Offset, x.answered, x.asked)
			}
			r.from = int(got.Offset)
			r.next = r.from
		}
		c.later(simTrimEvery, r.begin)
	})
}
