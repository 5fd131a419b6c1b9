package api

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

// Produce, versions 3-13. v3 batches of magic 2. v4 KAFKA_STORAGE_ERROR. v5 log start offset. v7 zstd (KIP-110). v8 messages (KIP-467). v9
// flexible. v10 the current leader in the answer (KIP-951). v11 and v12 transactions (KIP-890). v13 topic ids (KIP-516).
// With acks=0 there is no answer; where such a request fails, the connection is closed, as in Kafka, so that the client asks for metadata again.
func produce(r *Request) {
	p := &producing{r: r, q: r.Body.(*kmsg.ProduceRequest), response: kmsg.NewPtrProduceResponse()}
	r.calls.produces++
	p.number = r.calls.produces
	refusal := p.refuse()
	n := 0
	for i := range p.q.Topics {
		t := &p.q.Topics[i]
		a := kmsg.NewProduceResponseTopic()
		a.Topic, a.TopicID = t.Topic, t.TopicID
		a.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(t.Partitions))
		p.response.Topics = append(p.response.Topics, a)
		n += len(t.Partitions)
	}
	p.left = n + 1 // one more, so that it isn't over before all have been asked
	if p.q.Acks != int16(kafka.AcksNone) {
		r.within(p.q.TimeoutMillis)
	}
	n = 0
	for i := range p.q.Topics {
		t := &p.q.Topics[i]
		known, err := r.topicBy(t.Topic, t.TopicID, r.Version >= 13)
		switch {
		case refusal != nil:
			err = refusal
		case known != nil && known.Internal && r.ClientID != adminClient:
			err = kafka.Errorf(kerr.InvalidTopicException, "%s is a topic of the cluster itself", known.Name)
		}
		for j := range t.Partitions {
			out := &p.response.Topics[i].Partitions[j]
			*out = kmsg.NewProduceResponseTopicPartition()
			out.Partition, out.BaseOffset = t.Partitions[j].Partition, -1
			p.append(known, out, r.batches[n], err)
			n++
		}
	}
	p.done()
}

// adminClient is the client id that may write to internal topics, as in Kafka.
const adminClient = "__admin_client"

// producing is a produce request whose partitions have not all answered.
type producing struct {
	r        *Request
	q        *kmsg.ProduceRequest
	response *kmsg.ProduceResponse
	left     int
	failed   error  // the last refusal, for acks=0
	number   uint64 // among the requests of the connection
}

// refuse says why nothing of the request may be appended: it belongs to a transaction. As in Kafka one batch that says so is
// enough, without a transactional id too.
func (p *producing) refuse() error {
	if p.q.TransactionID != nil {
		return errNoTransactions
	}
	for _, b := range p.r.batches {
		if errors.Is(b.err, errNoTransactions) {
			return errNoTransactions
		}
	}
	return nil
}

// append sends one batch to its leader.
func (p *producing) append(t *metadata.Topic, out *kmsg.ProduceResponseTopicPartition, b checkedBatch, err error) {
	var l messages.Leader
	if err == nil {
		l, err = p.r.served(t, out.Partition)
	}
	if err == nil && (p.q.Acks < int16(kafka.AcksAll) || p.q.Acks > int16(kafka.AcksLeader)) {
		err = kerr.InvalidRequiredAcks
	}
	if err == nil {
		err = b.err
	}
	var key sequenceKey
	behind := false
	if len(b.batch) > 0 && t != nil {
		key = sequenceKeyOf(t.ID, out.Partition, b.batch)
		behind = err == nil && p.r.calls.refused.follows(key, b.batch, p.number)
		if behind && p.q.Acks == int16(kafka.AcksNone) { // nobody could be told
			err = kerr.NotLeaderForPartition
		}
		if err == nil && p.q.Acks != int16(kafka.AcksNone) {
			err = p.r.calls.sending.begin(t.Partitions[out.Partition].Number, l)
		}
		if comesAgain(err) {
			p.r.calls.refused.note(key, b.batch.BaseSequence(), p.number)
		}
	}
	if err != nil {
		p.answer(t, out, nil, err)
		return
	}
	sequence := b.batch.BaseSequence() // the batch is the partition's from now on
	message := &messages.Produce{Batch: b.batch, Acks: kafka.Acks(p.q.Acks), Behind: behind}
	if message.Acks == kafka.AcksNone {
		if p.r.view.IsFull(l.Broker) && !t.Internal { // the replica would drop it, and has nobody to tell
			p.answer(t, out, nil, kerr.KafkaStorageError)
			return
		}
		p.r.env.System.Root().Send(l.Replica, message)
		p.done()
		return
	}
	number := t.Partitions[out.Partition].Number
	p.r.ask(l.Replica, func(to messages.ReplyTo) any { message.Reply = to; return message }, func(value any, err error) {
		p.r.calls.sending.end(number)
		produced, _ := value.(*messages.Produced)
		if comesAgain(err) {
			p.r.calls.refused.note(key, sequence, p.number)
		}
		p.answer(t, out, produced, err)
	})
}

func (p *producing) answer(t *metadata.Topic, out *kmsg.ProduceResponseTopicPartition, produced *messages.Produced, err error) {
	if err != nil {
		p.failed = err
		out.ErrorCode = p.r.errCode(err)
		out.ErrorMessage = detail(err)
		out.ErrorRecords = blamed(err)
		if produced != nil {
			out.LogStartOffset = int64(produced.LogStartOffset)
		}
		if out.ErrorCode == kerr.NotLeaderForPartition.Code && t != nil {
			p.hint(t, out)
		}
	} else {
		out.BaseOffset, out.LogAppendTime, out.LogStartOffset = int64(produced.BaseOffset), produced.LogAppendTime, int64(produced.LogStartOffset)
	}
	p.done()
}

// comesAgain tells whether a batch may not have been appended, in a way that has clients send it again.
func comesAgain(err error) bool {
	return errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.KafkaStorageError) || errors.Is(err, kerr.RequestTimedOut)
}

// blamed are the records for which a batch is refused (KIP-467).
func blamed(err error) (out []kmsg.ProduceResponseTopicPartitionErrorRecord) {
	for _, e := range record.RecordErrors(err) {
		r := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		r.RelativeOffset, r.ErrorMessage = e.Index, &e.Message
		out = append(out, r)
	}
	return out
}

// hint says who leads the partition now (KIP-951).
func (p *producing) hint(t *metadata.Topic, out *kmsg.ProduceResponseTopicPartition) {
	l, b := p.r.leaderNow(t, out.Partition)
	out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = int32(l.Broker), int32(l.Epoch)
	if b == nil {
		return
	}
	for _, known := range p.response.Brokers {
		if known.NodeID == int32(b.ID) {
			return
		}
	}
	n := kmsg.NewProduceResponseBroker()
	n.NodeID, n.Host, n.Port, n.Rack = int32(b.ID), b.Host, b.Port, rackOf(b)
	p.response.Brokers = append(p.response.Brokers, n)
}

func (p *producing) done() {
	if p.left--; p.left > 0 {
		return
	}
	switch {
	case p.q.Acks != int16(kafka.AcksNone):
		p.r.respond(p.response)
	case p.failed != nil:
		p.r.close("a produce request with acks=0 failed: " + p.failed.Error())
	default:
		p.r.respondPieces(nil)
	}
}
