package partition

import (
	"reflect"
	"testing"

	"troupe/partition/consensus"
)

// reconfigured returns a harness whose only voter has committed a change of the configuration: 2 follows.
func reconfigured(t *testing.T) *harness {
	h := newHarness(t)
	h.sync()
	if err := h.p.replica.Reconfigure(consensus.Change{Learners: []uint64{2}}); err != nil {
		t.Fatal(err)
	}
	h.sync()
	return h
}

func (h *harness) wantConfiguration(t *testing.T, want consensus.Configuration) {
	t.Helper()
	got := h.p.state.configuration
	if got.Index = 0; !reflect.DeepEqual(got, want) {
		t.Errorf("the state's configuration is %+v, want %+v", got, want)
	}
	var raft consensus.Configuration
	h.p.replica.Progress(func(p consensus.Progress) {
		if p.Learner {
			raft.Learners = append(raft.Learners, p.ID)
		} else {
			raft.Voters = append(raft.Voters, p.ID)
		}
	})
	if !reflect.DeepEqual(raft, want) {
		t.Errorf("raft's configuration is %+v, want %+v", raft, want)
	}
}

// What a restart finds in the log between its newest state and the commit index changes the configuration, wherever that state stands.
func TestConfigurationSurvives(t *testing.T) {
	want := consensus.Configuration{Voters: []uint64{1}, Learners: []uint64{2}}
	for name, prepare := range map[string]func(h *harness){
		"in the log":        func(h *harness) {},
		"in the checkpoint": func(h *harness) { h.p.Checkpoint() },
		"in the snapshot": func(h *harness) {
			h.o.Config.SegmentBytes = 1
			h.p.Configure(h.o.Config)
			for range 3 {
				h.append(t, 10)
			}
			h.sync()
			h.p.DeleteRecords(2, 1)
			h.sync()
			if h.stored.Snapshot.Index == 0 {
				t.Fatal("no snapshot was made")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := reconfigured(t)
			h.wantConfiguration(t, want)
			prepare(h)
			// A commit index alone is not written: the next entry brings it.
			h.append(t, 10)
			h.sync()
			h.start()
			h.wantConfiguration(t, want)
			h.sync()
			h.wantConfiguration(t, want)
		})
	}
}

// A state of format 1 has no configuration; it is the founding one.
func TestStateOfFormat1(t *testing.T) {
	h := newHarness(t)
	h.sync()
	h.append(t, 10)
	h.sync()
	b := h.p.state.encode(h.p.replica.Terms())
	b[0] = 1
	b = b[:len(b)-len("\x01\x01\x00\x00\x00\x00")] // one voter, nothing else
	h.stored.Checkpoint = b
	h.start()
	h.wantConfiguration(t, consensus.Founding(1))
	if h.p.HighWatermark() != 1 {
		t.Errorf("high watermark %d", h.p.HighWatermark())
	}
	if _, _, err := decode([]byte{stateFormat + 1}); err == nil {
		t.Error("a newer format is read")
	}
}
