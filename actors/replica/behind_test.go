package replica

import (
	"errors"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// What stands behind a batch that was refused is appended only where the log has what it follows. A producer that is not known may not begin with it.
func TestWhatStandsBehindARefusedBatch(t *testing.T) {
	st, r := leading(t)
	system := r.o.System
	var heard *messages.Reply
	client, err := system.Spawn(nil, actors.Kind{Name: "client"}, "client", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Reply); ok {
				heard = m
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	until := untilOn(t, st)
	for _, c := range []struct {
		sequence kafka.Sequence
		behind   bool
		err      error
	}{
		{1, true, kerr.NotLeaderForPartition},
		{0, false, nil},
		{2, true, kerr.NotLeaderForPartition}, // not OUT_OF_ORDER_SEQUENCE_NUMBER, from which not all clients recover: what is in front comes again
		{1, true, nil},
		{1, true, nil}, // it is there
		{2, true, nil},
	} {
		w := record.Builder{Producer: &record.Producer{ID: 7, Sequence: c.sequence}}
		w.Add(record.Record{Timestamp: 1})
		b, err := w.Build()
		if err != nil {
			t.Fatal(err)
		}
		heard = nil
		system.Root().Send(r.self, &messages.Produce{Batch: b, Acks: kafka.AcksAll, Behind: c.behind, Reply: messages.ReplyTo{PID: client, Slot: 1}})
		until("an answer", func() bool { return heard != nil })
		if !errors.Is(heard.Err, c.err) {
			t.Errorf("sequence %d, behind a refused batch %v: %v, want %v", c.sequence, c.behind, heard.Err, c.err)
		}
		if produced, _ := heard.Value.(*messages.Produced); heard.Err == nil && produced.BaseOffset != kafka.Offset(c.sequence) {
			t.Errorf("sequence %d is at offset %d", c.sequence, produced.BaseOffset)
		}
	}
}
