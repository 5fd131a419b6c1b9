package replica

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors/messages"
	"troupe/partition"
)

// Snapshots counts the snapshots that a node sends. It is safe for use by all replicas at once.
type Snapshots struct{ sent atomic.Int64 }

// NewSnapshots returns the count of a node that sends none yet.
func NewSnapshots() *Snapshots { return &Snapshots{} }

const (
	// snapshotsMax is how many snapshots a node sends at once, and snapshotWindow how many parts of one are on their way: about a MiB each.
	snapshotsMax   = 2
	snapshotWindow = 2
	// snapshotPause is the time after which a snapshot that can't go on yet is looked at again, snapshotPatience how long nothing may come of one.
	snapshotPause    = 50 * time.Millisecond
	snapshotPatience = 5 * time.Second
)

func (s *Snapshots) begin() bool {
	if s.sent.Add(1) > snapshotsMax {
		s.sent.Add(-1)
		return false
	}
	return true
}

func (s *Snapshots) end() { s.sent.Add(-1) }

// A sending is a snapshot on its way to another replica. Raft's message is its first part; the machine's rows follow chunk by chunk as they stand in the store, while the
// store's snapshot stays the one that raft means.
type sending struct {
	partition.Snapshotted
	to       uint64 // raft id
	transfer uint64
	next     int  // part to be sent
	acked    int  // parts that have arrived
	whole    bool // the last part is sent
	begun    bool // it counts among the node's
	reading  bool
}

// What a replica says to itself about snapshots.
type (
	advance struct {
		to      *replica
		sending *sending
	}
	chunkRead struct {
		to      *replica
		sending *sending
		of      partition.Snapshot
		chunk   []byte
		err     error
	}
	patience struct {
		to      *replica
		sending *sending
		next    int
		acked   int
	}
)

// sendSnapshot begins to send a snapshot. One that was on its way to the same replica is of no use any more.
func (r *replica) sendSnapshot(of partition.Snapshotted) {
	s := &sending{Snapshotted: of, to: of.Message.GetTo(), transfer: uint64(r.o.System.Rand(1<<62)) + 1}
	r.drop(r.sendings[s.to])
	if r.sendings == nil {
		r.sendings = map[uint64]*sending{}
	}
	r.sendings[s.to] = s
	r.after(snapshotPatience, &patience{to: r, sending: s})
	r.advance(s)
}

// advance sends the next parts.
func (r *replica) advance(s *sending) {
	if r.sendings[s.to] != s {
		return
	}
	if !s.begun {
		if s.begun = r.o.Snapshots.begin(); !s.begun {
			r.after(snapshotPause, &advance{r, s})
			return
		}
	}
	if s.next == 0 {
		r.sendPart(s, &messages.SnapshotPart{Message: s.Message, Last: r.o.Coordinator == nil})
	}
	if s.whole || s.reading || s.next-s.acked >= snapshotWindow {
		return
	}
	s.reading = true
	n := s.next - 1
	r.o.System.Work(r.self, func() any {
		of, chunk, err := r.o.Store.Chunk(r.o.Partition.Number, n)
		return &chunkRead{r, s, of, chunk, err}
	})
}

func (r *replica) sendPart(s *sending, m *messages.SnapshotPart) {
	m.Partition, m.From, m.Transfer, m.Number = r.o.Partition.Number, r.o.Broker, s.transfer, s.next
	s.next++
	s.whole = m.Last
	if pid := r.peers.pid(s.to); pid != nil {
		r.send(pid, m)
	}
}

// chunkRead sends a chunk, if it is still of the snapshot of which raft has told the other replica.
func (r *replica) chunkRead(m *chunkRead) {
	s := m.sending
	s.reading = false
	if r.sendings[s.to] != s {
		return
	}
	rows, err := m.of.RowsOf()
	if m.err != nil {
		err = m.err
	}
	switch {
	case err != nil:
		level.Error(r.o.System.Logger()).Log("msg", "can't read the snapshot", "partition", r.o.Partition.Name, "err", err)
		r.endSending(s, false)
	case m.of.Index < s.Index || m.of.Index == s.Index && rows < s.Rows:
		r.after(snapshotPause, &advance{r, s}) // the store does not show it yet
	case m.of.Index != s.Index || rows != s.Rows:
		r.endSending(s, false) // a newer one has taken its place, which raft will ask for
	default:
		r.sendPart(s, &messages.SnapshotPart{Chunk: m.chunk, Last: m.chunk == nil})
		r.advance(s)
	}
}

func (r *replica) acknowledged(m *messages.SnapshotAck) {
	for _, s := range r.sendings {
		switch {
		case s.transfer != m.Transfer || m.Next > s.next:
			continue
		case m.Next < s.acked || m.Next == 0:
			r.endSending(s, false) // the other one has begun anew meanwhile
		case s.whole && m.Next == s.next:
			r.endSending(s, true)
		default:
			s.acked = m.Next
			r.advance(s)
		}
		return
	}
}

// patience ends a snapshot of which nothing has come since it was asked for last. To wait for its turn is not nothing.
func (r *replica) patience(m *patience) {
	s := m.sending
	switch {
	case r.sendings[s.to] != s:
	case s.begun && m.next > 0 && s.next == m.next && s.acked == m.acked:
		r.endSending(s, false)
	default:
		r.after(snapshotPatience, &patience{r, s, s.next, s.acked})
	}
}

// endSending tells raft what became of a snapshot.
func (r *replica) endSending(s *sending, arrived bool) {
	if s != nil {
		r.drop(s)
		r.p.Sent(s.to, arrived)
	}
}

// endSendings drops all: this replica does not lead any more.
func (r *replica) endSendings() {
	for _, id := range slices.Sorted(maps.Keys(r.sendings)) {
		r.drop(r.sendings[id])
	}
}

func (r *replica) drop(s *sending) {
	if s == nil {
		return
	}
	delete(r.sendings, s.to)
	if s.begun {
		r.o.Snapshots.end()
	}
}
