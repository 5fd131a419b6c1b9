package partition

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A machine's log goes on with a full disk: it is small, and deleting a topic is a record of it.
func TestMachineWritesOnAFullDisk(t *testing.T) {
	for _, machine := range []bool{false, true} {
		h := newReplica(t, 1, 1)
		h.t, h.o.Machine = t, machine
		h.start()
		h.sync()
		h.p.SetFull([]uint64{1})
		b := record.Builder{}
		b.Add(record.Record{Value: []byte("v")})
		h.p.Append(h.now, build(t, &b), kafka.AcksAll, 1)
		e := h.ready()
		refused := len(e.Replies) == 1 && errors.Is(e.Replies[0].Err, kerr.KafkaStorageError)
		if refused == machine || machine && len(e.Writes) == 0 {
			t.Errorf("machine %v: %d writes, replies %+v", machine, len(e.Writes), e.Replies)
		}
	}
}
