package consensus

import (
	"bytes"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// three are the replicas 1 to 3, and the messages between them.
type three struct {
	t        *testing.T
	disks    [3]*disk
	replicas [3]*Replica
	queue    []*pb.Message
	cut      uint64 // nothing reaches it
	rejected int
	largest  int // bytes of a message with several entries
}

func newThree(t *testing.T) *three {
	c := &three{t: t}
	for i := range c.replicas {
		c.disks[i] = &disk{}
		r, err := New(Options{ID: uint64(i + 1), ElectionTicks: 10, HeartbeatTicks: 1, Configuration: Founding(1, 2, 3), Read: c.disks[i].read})
		if err != nil {
			t.Fatal(err)
		}
		c.replicas[i] = r
	}
	c.replicas[0].Campaign()
	c.settle()
	if !c.replicas[0].IsLeader() {
		t.Fatal("replica 1 does not lead")
	}
	return c
}

func (c *three) post(messages []*pb.Message) {
	for _, m := range messages {
		size := 0
		for _, e := range m.GetEntries() {
			size += len(e.GetData())
		}
		if len(m.GetEntries()) > 1 {
			c.largest = max(c.largest, size)
		}
		if m.GetType() == pb.MsgAppResp && m.GetReject() {
			c.rejected++
		}
		if m.GetTo() != c.cut && m.GetFrom() != c.cut {
			c.queue = append(c.queue, proto.Clone(m).(*pb.Message))
		}
	}
}

// turn takes a replica's Ready.
func (c *three) turn(i int) {
	rd := c.replicas[i].Ready()
	c.disks[i].waiting = append(c.disks[i].waiting, rd.Writes...)
	c.post(rd.Messages)
}

func (c *three) sync(i int) {
	d := c.disks[i]
	for _, w := range d.waiting {
		if len(w.Entries) > 0 {
			d.entries = append(d.entries[:w.Entries[0].Index-1], w.Entries...)
		}
		if w.Hard != nil {
			d.hard = *w.Hard
		}
		c.post(c.replicas[i].Stored(w))
	}
	d.waiting = nil
	c.turn(i)
}

func (c *three) settle() {
	for busy := true; busy; {
		for i := range c.replicas {
			c.turn(i)
			c.sync(i)
		}
		queue := c.queue
		c.queue = nil
		for _, m := range queue {
			i := int(m.GetTo()) - 1
			c.replicas[i].Step(m)
			c.turn(i)
		}
		busy = len(queue) > 0
	}
}

func (c *three) heartbeat() {
	c.replicas[0].Tick()
	c.settle()
}

// A follower that was away gets what it missed in messages of bounded size, from the disk as well as from what is not there yet, and takes each of them. Where it has to wait it is
// sent more after its next answer to a heartbeat.
func TestCatchUpIsBounded(t *testing.T) {
	for _, x := range []struct {
		name       string
		trim       bool
		reads      int // of the disk for each heartbeat; 0 for all that are wanted
		heartbeats int
	}{{"from memory", false, 0, 4}, {"from the disk", true, 0, 4}, {"from the disk, in its time", true, 2, 9}} {
		t.Run(x.name, func(t *testing.T) {
			c := newThree(t)
			c.cut = 3
			c.replicas[0].Unreachable(3)
			var want [][]byte
			for i := range 60 {
				data := bytes.Repeat([]byte{byte(i + 1)}, 200<<10)
				want = append(want, data)
				if err := c.replicas[0].Propose(Batch, data); err != nil {
					t.Fatal(err)
				}
				if i%10 == 9 {
					c.settle()
				}
			}
			c.settle()
			if x.trim {
				c.replicas[0].TrimTail(1000)
			}
			for range 5 { // not on the leader's disk when the follower asks
				data := bytes.Repeat([]byte{0xee}, 400<<10)
				want = append(want, data)
				if err := c.replicas[0].Propose(Batch, data); err != nil {
					t.Fatal(err)
				}
			}
			c.turn(0)
			c.cut, c.rejected = 0, 0
			for range x.heartbeats {
				c.disks[0].paced, c.disks[0].reads = x.reads > 0, x.reads
				c.heartbeat()
			}
			if c.largest > messageBytesMax {
				t.Errorf("a message holds %d bytes", c.largest)
			}
			if c.rejected > 1 { // the first tells the leader where the follower stands
				t.Errorf("%d messages were rejected", c.rejected)
			}
			d := c.disks[2]
			if len(d.entries) != 1+len(want) || c.replicas[2].Applied() != Index(len(d.entries)) {
				t.Fatalf("the follower has %d entries and applied %d, want %d", len(d.entries), c.replicas[2].Applied(), 1+len(want))
			}
			for i, data := range want {
				if !bytes.Equal(d.entries[i+1].Data, data) {
					t.Errorf("entry %d is another on the follower", i+2)
				}
			}
		})
	}
}

// Many entries that are not on the leader's disk are cut into messages that a follower takes one after the other.
func TestUnstoredEntriesAreSentInParts(t *testing.T) {
	c := newThree(t)
	c.cut = 2
	c.replicas[0].Unreachable(2) // it is probed from now on
	const n = 20
	for range n {
		if err := c.replicas[0].Propose(Batch, bytes.Repeat([]byte{7}, 300<<10)); err != nil {
			t.Fatal(err)
		}
	}
	c.turn(0)
	c.cut, c.queue, c.largest = 0, nil, 0
	c.replicas[0].Tick()
	for range 8 { // without a sync of the leader's disk
		c.turn(0)
		queue := c.queue
		c.queue = nil
		for _, m := range queue {
			i := int(m.GetTo()) - 1
			c.replicas[i].Step(m)
			c.turn(i)
			if i > 0 {
				c.sync(i)
			}
		}
	}
	if len(c.disks[0].entries) != 1 || len(c.disks[1].entries) != 1+n {
		t.Errorf("the leader's disk has %d entries, the follower's %d", len(c.disks[0].entries), len(c.disks[1].entries))
	}
	if c.largest > messageBytesMax || c.largest < messageBytesMax/2 {
		t.Errorf("the largest message holds %d bytes", c.largest)
	}
	c.settle()
	if c.replicas[1].Applied() != 1+n || c.replicas[0].Applied() != 1+n {
		t.Errorf("applied %d and %d", c.replicas[0].Applied(), c.replicas[1].Applied())
	}
}

func TestImplausibleMessagesAreDropped(t *testing.T) {
	entry := func(index, term uint64, kind pb.EntryType, data []byte) *pb.Entry {
		return &pb.Entry{Index: &index, Term: &term, Type: kind.Enum(), Data: data}
	}
	app := func(change func(m *pb.Message), entries ...*pb.Entry) *pb.Message {
		m := &pb.Message{Type: pb.MsgApp.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(1)), LogTerm: new(uint64(1)), Index: new(uint64(1)), Entries: entries}
		if change != nil {
			change(m)
		}
		return m
	}
	good := func() *pb.Entry { return entry(2, 1, pb.EntryNormal, payload(1)) }
	for name, m := range map[string]*pb.Message{
		"for another":              app(func(m *pb.Message) { m.To = new(uint64(3)) }, good()),
		"from itself":              app(func(m *pb.Message) { m.From = new(uint64(2)) }, good()),
		"from nobody":              app(func(m *pb.Message) { m.From = nil }, good()),
		"from a local thread":      {Type: pb.MsgStorageAppendResp.Enum(), To: new(uint64(2)), From: new(^uint64(0)), Term: new(uint64(1)), Index: new(uint64(1)), LogTerm: new(uint64(1))},
		"without a term":           app(func(m *pb.Message) { m.Term = nil }, good()),
		"of an impossible term":    app(func(m *pb.Message) { m.Term = new(uint64(1 << 40)) }, good()),
		"a proposal":               app(func(m *pb.Message) { m.Type = pb.MsgProp.Enum() }, good()),
		"a snapshot":               app(func(m *pb.Message) { m.Type = pb.MsgSnap.Enum() }),
		"an entry like a token":    app(nil, entry(2, 1, pb.EntryNormal, make([]byte, 8))),
		"an entry too short":       app(nil, entry(2, 1, pb.EntryNormal, make([]byte, 3))),
		"a gap":                    app(nil, entry(3, 1, pb.EntryNormal, payload(1))),
		"terms that go back":       app(func(m *pb.Message) { m.LogTerm = new(uint64(2)) }, good()),
		"a term to come":           app(nil, entry(2, 9, pb.EntryNormal, payload(1))),
		"an old configuration":     app(nil, entry(2, 1, pb.EntryConfChange, nil)),
		"a damaged configuration":  app(nil, entry(2, 1, pb.EntryConfChangeV2, []byte{0xff})),
		"entries with a heartbeat": app(func(m *pb.Message) { m.Type = pb.MsgHeartbeat.Enum() }, good()),
	} {
		t.Run(name, func(t *testing.T) {
			c := newThree(t)
			c.replicas[1].Step(m)
			c.settle()
			if len(c.disks[1].entries) != 1 || c.replicas[1].Term() != 1 {
				t.Errorf("it has %d entries in term %d", len(c.disks[1].entries), c.replicas[1].Term())
			}
		})
	}
	c := newThree(t)
	c.replicas[1].Step(app(nil, good()))
	c.settle()
	if len(c.disks[1].entries) != 2 {
		t.Error("a good message is dropped too")
	}
	c.replicas[0].Step(&pb.Message{Type: pb.MsgAppResp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(1)), Index: new(uint64(99))})
	c.settle() // raft would panic over a commit index beyond the log
}
