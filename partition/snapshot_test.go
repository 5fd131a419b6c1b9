package partition

import (
	"testing"

	"troupe/partition/kafka"
)

// arrived brings a cluster to where replica 3 has been handed a snapshot that is not on its disk yet.
func arrived(t *testing.T) *cluster {
	seedElections(t, 1)
	c := newCluster(t, 3, 3)
	for _, h := range c.nodes {
		h.o.Config.SegmentBytes = 1
		h.p.Configure(h.o.Config)
	}
	c.node(1).p.Campaign()
	c.settle()
	for range 3 {
		c.node(1).append(t, 10)
	}
	c.settle()
	c.node(3).p.Checkpoint()
	c.node(3).turn()
	for id := range uint64(2) {
		c.cuts[[2]uint64{id + 1, 3}] = true
	}
	for range 5 {
		c.node(1).append(t, 10)
	}
	c.settle()
	c.node(1).p.DeleteRecords(6, 1)
	c.settle()
	clear(c.cuts)
	for range 30 {
		c.node(1).p.Tick(c.node(1).now)
		for _, h := range c.nodes {
			h.sync()
		}
		c.deliver()
		if c.node(3).p.installing > 0 {
			return c
		}
	}
	t.Fatal("no snapshot has come")
	return nil
}

// Before a snapshot is durable the replica is what it was, and notes nothing: the terms of its entries are forgotten already.
func TestSnapshotInstallsWhenDurable(t *testing.T) {
	c := arrived(t)
	h := c.node(3)
	was := h.p.state.applied
	h.p.unsaved = true
	h.p.Checkpoint()
	h.p.Compact([][]byte{[]byte("old")}, h.p.HighWatermark())
	e := h.p.Ready(h.now)
	if e.Update != nil || e.Installed || len(e.Writes) > 0 || h.p.state.applied != was {
		t.Fatalf("before it is durable: %+v, applied %d", e, h.p.state.applied)
	}
	h.p.Fetch(FetchQuery{Offset: h.p.HighWatermark(), LeaderEpoch: kafka.NoEpoch, LastFetchedEpoch: kafka.NoEpoch, MaxBytes: 1, Wait: true, AnyReplica: true}, 9)
	h.said = nil
	h.sync()
	if h.p.state.applied <= was || h.p.LogStart() != 6 || h.p.installing != 0 {
		t.Fatalf("afterwards: applied %d, log start %d", h.p.state.applied, h.p.LogStart())
	}
	if got := h.said[len(h.said)-2]; got != "9: OFFSET_OUT_OF_RANGE" {
		t.Errorf("who waited below the new log start has %q", h.said)
	}
	c.settle()
	c.node(1).append(t, 10)
	c.settle()
	c.compare(t)
}

// A crash at any point of the installation leaves the old log or the new one, whatever checkpoint is found beside it.
func TestSnapshotSurvives(t *testing.T) {
	for _, durable := range []bool{false, true} {
		for _, checkpoint := range []bool{false, true} {
			c := arrived(t)
			h := c.node(3)
			if !checkpoint {
				h.stored.Checkpoint = nil
			}
			if durable {
				for _, w := range h.waiting {
					h.write(w)
				}
			}
			h.start()
			want := kafka.Offset(0) // nothing says that the entries are committed
			if checkpoint {
				want = 3
			}
			if !durable && h.p.HighWatermark() != want || durable && (h.p.LogStart() != 6 || h.p.HighWatermark() != 6) {
				t.Errorf("durable %v, checkpoint %v: log start %d, high watermark %d", durable, checkpoint, h.p.LogStart(), h.p.HighWatermark())
			}
			h.p.SetLive(c.up())
			for range 5 {
				for _, h := range c.nodes {
					h.p.Tick(h.now)
				}
				c.settle()
			}
			if got, want := h.p.state.applied, c.node(1).p.state.applied; got != want {
				t.Errorf("durable %v, checkpoint %v: it has applied %d entries of %d", durable, checkpoint, got, want)
			}
			c.compare(t)
		}
	}
}
