package messages

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"troupe/actors"
)

// stepFields. Raft can do with messages that overtake each other, but it pays for an append that comes before what it follows: the follower refuses it, and the
// leader goes back to asking where they agree. So all appends take the data lane, those without entries too. Their answers tell of no more than how far the follower
// is, where the highest counts: with votes and heartbeats they are on the control lane, where none of them waits for record batches.
func stepFields(c *coder, m *Step) {
	natural(c, &m.Partition)
	integer(c, &m.From)
	if !c.reading && m.Message == nil {
		c.fail("there is no message in it")
		return
	}
	raftFields(c, &m.Message)
	switch m.Message.GetType() {
	case pb.MsgApp:
		c.lane = actors.Data
	case pb.MsgSnap:
		c.fail("a snapshot goes part by part")
	}
}

func snapshotPartFields(c *coder, m *SnapshotPart) {
	natural(c, &m.Partition)
	integer(c, &m.From)
	natural(c, &m.Transfer)
	integer(c, &m.Number)
	c.flag(&m.Last)
	there := m.Message != nil
	if c.flag(&there); there {
		raftFields(c, &m.Message)
	}
	large(c, &m.Chunk)
}

func snapshotAckFields(c *coder, m *SnapshotAck) {
	natural(c, &m.Partition)
	natural(c, &m.Transfer)
	integer(c, &m.Next)
}

func restFields(c *coder, m *Rest) {
	natural(c, &m.Partition)
	natural(c, &m.Rest.Leader)
	natural(c, &m.Rest.Term)
	natural(c, &m.Rest.Last)
}

func wakeFields(c *coder, m *Wake) {
	natural(c, &m.Partition)
	natural(c, &m.Leader)
}

// What a raft message may or may not have. Absent and zero are not the same to raft.
const (
	hasNumbers = 1<<8 - 1 // a bit for each
	hasType    = 1 << (iota + 7)
	hasReject
	rejects
	hasSnapshot
	hasMetadata
)

// A raftMessage is a message with room for its fields, which are pointers.
type raftMessage struct {
	pb.Message
	numbers [8]uint64
	kind    pb.MessageType
	reject  bool
}

// A raftEntry is the same for an entry.
type raftEntry struct {
	pb.Entry
	term, index uint64
	kind        pb.EntryType
}

// raftFields leaves out the Responses, which are for the sender's own storage.
func raftFields(c *coder, v **pb.Message) {
	var room *raftMessage
	if c.reading {
		room = new(raftMessage)
		*v = &room.Message
	}
	m := *v
	numbers := [8]**uint64{&m.To, &m.From, &m.Term, &m.LogTerm, &m.Index, &m.Commit, &m.Vote, &m.RejectHint}
	var has uint32
	for i, p := range numbers {
		has |= bit(*p != nil, 1<<i)
	}
	has |= bit(m.Type != nil, hasType) | bit(m.Reject != nil, hasReject) | bit(m.GetReject(), rejects)
	has |= bit(m.Snapshot != nil, hasSnapshot) | bit(m.Snapshot.GetMetadata() != nil, hasMetadata)
	natural(c, &has)
	if c.reading {
		for i, p := range numbers {
			if has&(1<<i) != 0 {
				*p = &room.numbers[i]
			}
		}
		if has&hasType != 0 {
			m.Type = &room.kind
		}
		if has&hasReject != 0 {
			room.reject = has&rejects != 0
			m.Reject = &room.reject
		}
	}
	if m.Type != nil {
		enumeration(c, m.Type, pb.MessageType_name)
	}
	for _, p := range numbers {
		if *p != nil {
			natural(c, *p)
		}
	}
	c.bytes(&m.Context)
	entriesFields(c, &m.Entries)
	if has&hasSnapshot != 0 {
		if c.reading {
			m.Snapshot = &pb.Snapshot{}
		}
		snapshotFields(c, m.Snapshot, has&hasMetadata != 0)
	}
	if raft.IsLocalMsg(m.GetType()) || raft.IsLocalMsgTarget(m.GetFrom()) || raft.IsLocalMsgTarget(m.GetTo()) {
		c.fail("a %v is for the own node alone", m.GetType())
	}
}

func bit(is bool, b uint32) uint32 {
	if is {
		return b
	}
	return 0
}

// enumeration is for a number that must have a name: raft's tables end with the last of them.
func enumeration[E ~int32](c *coder, v *E, names map[int32]string) {
	n := uint32(*v)
	natural(c, &n)
	if _, known := names[int32(n)]; !known {
		c.fail("raft knows no %d here", n)
		return
	}
	if c.reading {
		*v = E(n)
	}
}

// What an entry may or may not have.
const (
	hasEntryTerm = 1 << iota
	hasEntryIndex
	hasEntryType
)

func entriesFields(c *coder, v *[]*pb.Entry) {
	n, ok := c.count(len(*v), *v != nil, lengthSize)
	var room []raftEntry
	if c.reading && ok {
		*v, room = make([]*pb.Entry, n), make([]raftEntry, n)
	}
	for i := range n {
		if c.reading {
			(*v)[i] = &room[i].Entry
		}
		e := (*v)[i]
		b := c.begin()
		has := bit(e.Term != nil, hasEntryTerm) | bit(e.Index != nil, hasEntryIndex) | bit(e.Type != nil, hasEntryType)
		natural(c, &has)
		if c.reading && has&hasEntryTerm != 0 {
			e.Term = &room[i].term
		}
		if c.reading && has&hasEntryIndex != 0 {
			e.Index = &room[i].index
		}
		if c.reading && has&hasEntryType != 0 {
			e.Type = &room[i].kind
		}
		if e.Term != nil {
			natural(c, e.Term)
		}
		if e.Index != nil {
			natural(c, e.Index)
		}
		if e.Type != nil {
			enumeration(c, e.Type, pb.EntryType_name)
		}
		large(c, &e.Data)
		if c.end(b); c.err != nil {
			return
		}
	}
}

func snapshotFields(c *coder, s *pb.Snapshot, hasMetadata bool) {
	large(c, &s.Data)
	if !hasMetadata {
		return
	}
	var marshalled []byte
	if c.reading {
		s.Metadata = &pb.SnapshotMetadata{}
	} else {
		var err error
		if marshalled, err = proto.Marshal(s.Metadata); err != nil {
			c.fail("its snapshot can't be written: %w", err)
			return
		}
	}
	c.bytes(&marshalled)
	if !c.reading || c.err != nil {
		return
	}
	if err := proto.Unmarshal(marshalled, s.Metadata); err != nil {
		c.fail("its snapshot can't be read: %w", err)
	}
}
