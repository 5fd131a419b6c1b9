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

// While voters are being replaced, both the old and the new ones have to commit.
func TestRoomInAJointConfiguration(t *testing.T) {
	for _, c := range []struct {
		name             string
		voters, outgoing []uint64
		full             []uint64
		want             bool
	}{
		{"all have room", []uint64{1, 2, 4}, []uint64{1, 3, 5}, nil, false},
		{"most of the old ones are full", []uint64{1, 2, 4}, []uint64{1, 3, 5}, []uint64{3, 5}, true},
		{"most of the new ones are full", []uint64{1, 2, 4}, []uint64{1, 3, 5}, []uint64{2, 4}, true},
		{"one of each", []uint64{1, 2, 4}, []uint64{1, 3, 5}, []uint64{2, 3}, false},
		{"the old ones are gone", []uint64{1, 2, 4}, nil, []uint64{3, 5}, false},
	} {
		h := newReplica(t, 1, 1)
		h.p.state.configuration.Voters, h.p.state.configuration.Outgoing = c.voters, c.outgoing
		h.p.SetLive([]uint64{2, 3, 4, 5})
		h.p.SetFull(c.full)
		if got := h.p.roomless(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
