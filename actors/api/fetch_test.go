package api

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

func fetchRequest(version int16, partitions ...int32) *kmsg.FetchRequest {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.MaxWaitMillis, q.MinBytes, q.MaxBytes, q.SessionEpoch = version, 500, 1, 1<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = "orders"
	for _, p := range partitions {
		fp := kmsg.NewFetchRequestTopicPartition()
		fp.Partition, fp.PartitionMaxBytes, fp.CurrentLeaderEpoch = p, 1<<20, -1
		t.Partitions = append(t.Partitions, fp)
	}
	q.Topics = append(q.Topics, t)
	return q
}

func fetched(batches ...record.Batch) *messages.Fetched {
	f := &messages.Fetched{HighWatermark: 0, DivergingEpoch: kafka.NoEpoch, DivergingEnd: -1, Batches: batches}
	for _, b := range batches {
		f.HighWatermark = b.NextOffset()
	}
	return f
}

func TestFetchAnswersAtOnceWhereThereIsSomething(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(fetchRequest(11, 0, 1))
	one, two := next[*messages.Fetch](b), next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(batch(t, 0, 2, 10)), nil)
	b.reply(two.Reply, fetched(), nil)
	a := response[*kmsg.FetchResponse](b, r)
	if a == nil || len(a.Topics[0].Partitions) != 2 || len(a.Topics[0].Partitions[0].RecordBatches) == 0 || a.Topics[0].Partitions[0].HighWatermark != 2 {
		t.Fatalf("%+v", a)
	}
	if end := next[*messages.FetchEnd](b); end.Reply != two.Reply {
		t.Errorf("the wait of partition 1 was not withdrawn, but %v", end)
	}
}

func TestFetchWaitsForMinBytesOverAllPartitions(t *testing.T) {
	b := newBench(t, nil)
	q := fetchRequest(11, 0, 1)
	small := batch(t, 0, 1, 10)
	q.MinBytes = int32(2*len(small) + 1)
	r := b.send(q)
	one, two := next[*messages.Fetch](b), next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(), nil)
	b.reply(two.Reply, fetched(), nil)
	b.reply(one.Reply, fetched(small), nil) // the second answer
	again := next[*messages.Fetch](b)
	if again.Offset != 1 || !again.Wait {
		t.Fatalf("partition 0 is not waited for from its next offset on: %+v", again)
	}
	b.reply(again.Reply, fetched(), nil)
	b.reply(two.Reply, fetched(small), nil)
	if response[*kmsg.FetchResponse](b, r) != nil {
		t.Fatal("answered with too little")
	}
	b.reply(again.Reply, fetched(batch(t, 1, 1, 10)), nil)
	a := response[*kmsg.FetchResponse](b, r)
	if a == nil {
		t.Fatal("not answered")
	}
	if n := len(a.Topics[0].Partitions[0].RecordBatches); n != 2*len(small) || a.Topics[0].Partitions[0].HighWatermark != 2 {
		t.Errorf("%d bytes of partition 0, high watermark %d", n, a.Topics[0].Partitions[0].HighWatermark)
	}
}

func TestFetchGivesUpAtMaxWait(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(fetchRequest(11, 0))
	one := next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(), nil)
	b.at(499 * time.Millisecond)
	if response[*kmsg.FetchResponse](b, r) != nil {
		t.Fatal("answered too early")
	}
	b.at(2 * time.Millisecond)
	a := response[*kmsg.FetchResponse](b, r)
	if a == nil || a.Topics[0].Partitions[0].ErrorCode != 0 || len(a.Topics[0].Partitions[0].RecordBatches) != 0 {
		t.Fatalf("%+v", a)
	}
	next[*messages.FetchEnd](b)
}

// A partition that never says anything, because its actor lost the message, does not hold up the client for ever.
func TestFetchFromASilentPartition(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(fetchRequest(11, 0))
	b.at(time.Second)
	a := response[*kmsg.FetchResponse](b, r)
	if a == nil || a.Topics[0].Partitions[0].ErrorCode != kerr.NotLeaderForPartition.Code {
		t.Fatalf("%+v", a)
	}
}

func TestFetchErrorsOfPartitions(t *testing.T) {
	b := newBench(t, nil)
	q := fetchRequest(12, 0, 2, 9)
	r := b.send(q)
	one := next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(), kerr.OffsetOutOfRange)
	a := response[*kmsg.FetchResponse](b, r)
	var codes []int16
	for _, p := range a.Topics[0].Partitions {
		codes = append(codes, p.ErrorCode)
	}
	if want := []int16{kerr.OffsetOutOfRange.Code, kerr.NotLeaderForPartition.Code, kerr.UnknownTopicOrPartition.Code}; codes[0] != want[0] || codes[1] != want[1] || codes[2] != want[2] {
		t.Errorf("errors %v, want %v", codes, want)
	}
	if p := a.Topics[0].Partitions[0]; p.HighWatermark != -1 || p.LastStableOffset != -1 || p.LogStartOffset != -1 {
		t.Errorf("offsets beside an error: %+v", p)
	}
}

// A partition that there is not does not keep the others from being waited for; alone, there is nothing to wait for.
func TestFetchWaitsBesideWhatIsUnknown(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(fetchRequest(12, 0, 9))
	one := next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(), nil)
	if !one.Wait || response[*kmsg.FetchResponse](b, r) != nil {
		t.Fatal("answered before there is anything")
	}
	b.reply(one.Reply, fetched(batch(t, 0, 1, 10)), nil)
	a := response[*kmsg.FetchResponse](b, r)
	if p := a.Topics[0].Partitions; len(p[0].RecordBatches) == 0 || p[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", p)
	}
	if a := response[*kmsg.FetchResponse](b, b.send(fetchRequest(12, 9))); a == nil || a.Topics[0].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", a)
	}
}

// A topic that is deleted while it is waited for is unknown then.
func TestFetchOfATopicThatIsDeletedMeanwhile(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(fetchRequest(12, 0))
	one := next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(), nil)
	b.env.Router.Set(messages.NewRouter().View())
	b.reply(one.Reply, nil, kerr.NotLeaderForPartition)
	a := response[*kmsg.FetchResponse](b, r)
	if a == nil || a.Topics[0].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", a)
	}
}

func TestFetchLimits(t *testing.T) {
	b := newBench(t, nil)
	q := fetchRequest(11, 0, 1)
	large := batch(t, 0, 1, 1000)
	q.MaxBytes = int32(len(large)) + 10
	q.Topics[0].Partitions[0].PartitionMaxBytes = 10 // smaller than any batch: the first one comes all the same (KIP-74)
	r := b.send(q)
	one, two := next[*messages.Fetch](b), next[*messages.Fetch](b)
	b.reply(one.Reply, fetched(large, batch(t, 1, 1, 1000)), nil)
	b.reply(two.Reply, fetched(large), nil)
	a := response[*kmsg.FetchResponse](b, r)
	if n, m := len(a.Topics[0].Partitions[0].RecordBatches), len(a.Topics[0].Partitions[1].RecordBatches); n != len(large) || m != 0 {
		t.Errorf("%d and %d bytes, want %d and none", n, m, len(large))
	}
}

func TestFetchReadsWhatIsColdFromTheStore(t *testing.T) {
	b := newBench(t, nil)
	r := b.send(fetchRequest(11, 0))
	one := next[*messages.Fetch](b)
	cold := fetched()
	cold.HighWatermark = 50
	cold.Cold = &messages.ColdRead{Partition: 7, From: 0, To: 50, MaxBytes: 5000}
	b.reply(one.Reply, cold, nil)
	read := next[*messages.ReadCold](b)
	if read.Read != *cold.Cold {
		t.Errorf("read %+v", read.Read)
	}
	b.reply(read.Reply, fetched(batch(t, 0, 3, 10)), nil)
	a := response[*kmsg.FetchResponse](b, r)
	if p := a.Topics[0].Partitions[0]; len(p.RecordBatches) == 0 || p.HighWatermark != 50 {
		t.Errorf("%+v", p)
	}
}

// KIP-227: a session's client names only what changes, and is told only what is new.
func TestFetchSession(t *testing.T) {
	b := newBench(t, nil)
	answer := func(r *Request, values ...*messages.Fetched) *kmsg.FetchResponse {
		t.Helper()
		for _, v := range values {
			b.reply(next[*messages.Fetch](b).Reply, v, nil)
		}
		a := response[*kmsg.FetchResponse](b, r)
		if a == nil {
			t.Fatal("not answered")
		}
		b.asked = nil
		return a
	}
	q := fetchRequest(11, 0, 1)
	q.SessionEpoch = 0
	first := answer(b.send(q), fetched(batch(t, 0, 1, 10)), fetched())
	if first.SessionID == 0 || len(first.Topics[0].Partitions) != 2 {
		t.Fatalf("%+v", first)
	}
	again := func(epoch int32, forgotten ...int32) *kmsg.FetchRequest {
		q := fetchRequest(11)
		q.Topics, q.SessionID, q.SessionEpoch, q.MaxWaitMillis = nil, first.SessionID, epoch, 0
		if len(forgotten) > 0 {
			f := kmsg.NewFetchRequestForgottenTopic()
			f.Topic, f.Partitions = "orders", forgotten
			q.ForgottenTopics = append(q.ForgottenTopics, f)
		}
		return q
	}
	// Partition 0 had records, so partition 1 is asked first now; nothing is new in it.
	r := b.send(again(1))
	quiet, grown := fetched(), fetched(batch(t, 1, 1, 10))
	second := answer(r, quiet, grown)
	if len(second.Topics) != 1 || len(second.Topics[0].Partitions) != 1 || second.Topics[0].Partitions[0].Partition != 0 {
		t.Fatalf("%+v", second)
	}
	if a := response[*kmsg.FetchResponse](b, b.send(again(1))); a.ErrorCode != kerr.InvalidFetchSessionEpoch.Code {
		t.Errorf("an old epoch is answered with %d", a.ErrorCode)
	}
	byID := again(2)
	byID.Version = 13
	if a := response[*kmsg.FetchResponse](b, b.send(byID)); a.ErrorCode != kerr.FetchSessionTopicIDError.Code || a.SessionID != 0 {
		t.Errorf("topic ids in a session of names are answered with %d, session %d", a.ErrorCode, a.SessionID)
	}
	third := answer(b.send(again(2, 0)), fetched())
	if len(third.Topics) != 0 {
		t.Errorf("nothing is new, and yet %+v", third)
	}
	end := fetchRequest(11)
	end.Topics, end.SessionID, end.SessionEpoch = nil, first.SessionID, -1
	answer(b.send(end))
	if a := response[*kmsg.FetchResponse](b, b.send(again(3))); a.ErrorCode != kerr.FetchSessionIDNotFound.Code {
		t.Errorf("an ended session is answered with %d", a.ErrorCode)
	}
}

func TestFetchSessionsAreBounded(t *testing.T) {
	b := newBench(t, nil) // two slots
	begin := func(partitions ...int32) int32 {
		q := fetchRequest(11, partitions...)
		q.SessionEpoch, q.MaxWaitMillis = 0, 0
		r := b.send(q)
		for range partitions {
			b.reply(next[*messages.Fetch](b).Reply, fetched(), nil)
		}
		return response[*kmsg.FetchResponse](b, r).SessionID
	}
	one, two := begin(0), begin(0)
	if one == 0 || two == 0 || begin(0) != 0 {
		t.Fatal("want two sessions and no third")
	}
	b.at(evictAfter + time.Second)
	if begin(0) == 0 || len(b.env.fetches.sessions) != 2 {
		t.Error("a session that was not used for long keeps its place")
	}
}

func TestFetchByIDs(t *testing.T) {
	b := newBench(t, nil)
	q := fetchRequest(13, 0)
	q.Topics[0].TopicID = b.env.Router.View().Image.Topic("orders").ID
	unknown := q.Topics[0]
	unknown.TopicID = [16]byte{9}
	q.Topics = append(q.Topics, unknown)
	r := b.send(q)
	b.reply(next[*messages.Fetch](b).Reply, fetched(), nil)
	b.at(501 * time.Millisecond)
	a := response[*kmsg.FetchResponse](b, r)
	if len(a.Topics) != 2 || a.Topics[0].Partitions[0].ErrorCode != 0 || a.Topics[1].Partitions[0].ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("%+v", a)
	}
}

// A fetch that waits for min.bytes answers with what it has when the records behind that have left the memory: it never skips to them.
func TestFetchWhoseContinuationIsCold(t *testing.T) {
	b := newBench(t, nil)
	q := fetchRequest(11, 0)
	q.MinBytes = 1000
	r := b.send(q)
	b.reply(next[*messages.Fetch](b).Reply, fetched(batch(t, 0, 5, 10)), nil) // offsets 0 to 4
	again := next[*messages.Fetch](b)
	if again.Offset != 5 {
		t.Fatalf("asked again from offset %d", again.Offset)
	}
	b.reply(again.Reply, &messages.Fetched{
		HighWatermark: 10, DivergingEpoch: kafka.NoEpoch, DivergingEnd: kafka.NoOffset, Cold: &messages.ColdRead{Partition: 2, From: 5, To: 10, MaxBytes: 1 << 20},
	}, nil)
	a := response[*kmsg.FetchResponse](b, r)
	if a == nil {
		t.Fatal("no answer")
	}
	for got := range record.Batches(a.Topics[0].Partitions[0].RecordBatches) {
		if got.BaseOffset() != 0 {
			t.Errorf("a fetch from offset 0 is answered with records from offset %d on", got.BaseOffset())
		}
		return
	}
	t.Error("no records")
}
