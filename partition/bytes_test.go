package partition

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"troupe/partition/kafka"
	"troupe/partition/record"
)

// What a leader has on its way is bounded in bytes: appends beyond that wait in their order, and go on when there is room.
func TestUnappliedBytesAreBounded(t *testing.T) {
	c := newCluster(t, 3, 3)
	h := c.node(1)
	h.p.Campaign()
	c.settle()
	for _, to := range []uint64{2, 3} {
		c.cuts[[2]uint64{1, to}] = true
	}
	const n, size = 100, 1 << 20
	for range n {
		h.append(t, size)
		h.turn()
	}
	if h.p.unapplied > unappliedBytesMax || h.p.unapplied < unappliedBytesMax-2*size {
		t.Errorf("%d bytes are on their way", h.p.unapplied)
	}
	if waiting := len(h.p.waiting.appends); waiting != n-len(h.p.waiting.commits) || waiting < n/4 {
		t.Errorf("%d appends wait", waiting)
	}
	clear(c.cuts)
	messages := 0
	largest := 0
	send := h.send
	h.send = func(out []*raftpb.Message) {
		for _, m := range out {
			bytes := 0
			for _, e := range m.GetEntries() {
				bytes += len(e.GetData())
			}
			if len(m.GetEntries()) > 1 {
				largest = max(largest, bytes)
			}
			messages++
		}
		send(out)
	}
	for range 20 {
		for _, h := range c.nodes {
			h.now = h.now.Add(1)
			h.p.Tick(h.now)
			h.turn()
		}
		c.settle()
	}
	if h.p.HighWatermark() != n || h.p.unapplied != 0 || len(h.p.waiting.appends) != 0 {
		t.Errorf("high watermark %d, %d bytes on their way, %d appends wait", h.p.HighWatermark(), h.p.unapplied, len(h.p.waiting.appends))
	}
	if largest > 1<<20 {
		t.Errorf("a message of several entries holds %d bytes", largest)
	}
	c.compare(t)
}

// What a leader that is handing over makes wait, and what it holds when it ends, is answered.
func TestAppendsThatWaitAreAnswered(t *testing.T) {
	c := newCluster(t, 3, 3)
	h := c.node(1)
	h.p.Campaign()
	c.settle()
	c.cuts[[2]uint64{1, 2}] = true
	h.p.Transfer(2)
	h.turn()
	h.said = nil
	h.append(t, 10)
	b := record.Builder{}
	b.Add(record.Record{Value: []byte("nobody waits")})
	h.p.Append(h.now, build(t, &b), kafka.AcksNone, 0)
	h.turn()
	if len(h.p.waiting.appends) != 2 || len(h.said) != 0 {
		t.Fatalf("%d appends wait, %v", len(h.p.waiting.appends), h.said)
	}
	c.node(2).p.ForgetLeader()
	c.node(3).p.ForgetLeader()
	c.node(2).p.Campaign()
	c.node(2).turn()
	c.settle()
	if len(h.p.waiting.appends) != 0 || len(h.said) < 2 || h.said[1] != "1: NOT_LEADER_FOR_PARTITION" {
		t.Errorf("%d appends wait, %q", len(h.p.waiting.appends), h.said)
	}
}
