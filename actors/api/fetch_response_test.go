package api

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

// What is encoded by hand is what kmsg encodes, in every version.
func TestFetchResponseIsAsKmsgEncodesIt(t *testing.T) {
	big := record.Batch(bytes.Repeat([]byte{7}, 3*pieceMin))
	small := record.Batch("a small batch")
	rack := "east"
	a := &fetchAnswer{code: 5, sessionID: 77, topics: []fetchedTopic{
		{name: "one", id: kafka.TopicID{1}, partitions: []*fetchedPartition{
			{
				partition: 3, highWatermark: 10, lastStable: 9, logStart: 2, batches: []record.Batch{small, big, big, small}, divergingEpoch: kafka.NoEpoch,
				leader: kafka.NoBroker, leaderEpoch: kafka.NoEpoch, committed: true, aborted: []messages.AbortedTransaction{{ProducerID: 4, FirstOffset: 8}},
			},
			{partition: 4, code: 6, highWatermark: -1, lastStable: -1, logStart: -1, divergingEpoch: kafka.NoEpoch, leader: 2, leaderEpoch: 9, preferred: 3, node: &metadata.Broker{ID: 2, Host: "h", Port: 9, Rack: rack}},
		}},
		{name: "two", id: kafka.TopicID{2}, partitions: []*fetchedPartition{
			{partition: 0, highWatermark: 1, lastStable: 1, logStart: 0, divergingEpoch: 3, divergingEnd: 12, leader: kafka.NoBroker, leaderEpoch: kafka.NoEpoch},
		}},
	}}
	for version := int16(4); version <= 18; version++ {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			want := kmsg.NewPtrFetchResponse()
			want.Version = version
			if version >= 7 {
				want.ErrorCode, want.SessionID = a.code, a.sessionID
			}
			for _, at := range a.topics {
				topic := kmsg.NewFetchResponseTopic()
				if version >= 13 {
					topic.TopicID = at.id
				} else {
					topic.Topic = at.name
				}
				for _, p := range at.partitions {
					topic.Partitions = append(topic.Partitions, wanted(version, p))
				}
				want.Topics = append(want.Topics, topic)
			}
			if version >= 16 {
				n := kmsg.NewFetchResponseBroker()
				n.NodeID, n.Host, n.Port, n.Rack = 2, "h", 9, &rack
				want.Brokers = append(want.Brokers, n)
			}
			w := &fetchWriter{version: version, flexible: version >= 12}
			w.response(a)
			got := bytes.Join(append(w.pieces, w.b), nil)
			decoded := kmsg.NewPtrFetchResponse()
			decoded.Version = version
			if err := decoded.ReadFrom(got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(decoded, want) {
				t.Errorf("got  %+v\nwant %+v", decoded, want)
			}
			if b := want.AppendTo(nil); !bytes.Equal(got, b) {
				t.Errorf("%d bytes differ from kmsg's %d", len(got), len(b))
			}
		})
	}
}

func wanted(version int16, p *fetchedPartition) kmsg.FetchResponseTopicPartition {
	w := kmsg.NewFetchResponseTopicPartition()
	w.Partition, w.ErrorCode = p.partition, p.code
	w.HighWatermark, w.LastStableOffset = int64(p.highWatermark), int64(p.lastStable)
	if version >= 5 {
		w.LogStartOffset = int64(p.logStart)
	}
	if p.committed {
		w.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
	}
	for _, a := range p.aborted {
		x := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		x.ProducerID, x.FirstOffset = int64(a.ProducerID), int64(a.FirstOffset)
		w.AbortedTransactions = append(w.AbortedTransactions, x)
	}
	if version >= 11 {
		w.PreferredReadReplica = int32(p.preferred)
	}
	w.RecordBatches = []byte{}
	for _, b := range p.batches {
		w.RecordBatches = append(w.RecordBatches, b...)
	}
	if version >= 12 {
		if p.divergingEpoch != kafka.NoEpoch {
			w.DivergingEpoch.Epoch, w.DivergingEpoch.EndOffset = int32(p.divergingEpoch), int64(p.divergingEnd)
		}
		w.CurrentLeader.LeaderID, w.CurrentLeader.LeaderEpoch = int32(p.leader), int32(p.leaderEpoch)
	}
	return w
}
