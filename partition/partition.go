package partition

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Config is a partition's settings, resolved.
type Config struct {
	SegmentBytes      int64
	SegmentMillis     int64
	RetentionBytes    int64 // -1: no limit
	RetentionMillis   int64 // -1: no limit
	MinInsyncReplicas int
	LogAppendTime     bool          // the broker gives the timestamps
	ProducerExpiry    time.Duration // how long a silent producer is remembered
	ReplicaLagTimeMax time.Duration // how long a replica may be behind and still counts as in sync
}

// Options is what a Partition is made of.
type Options struct {
	Number  kafka.PartitionNumber
	Name    kafka.TopicPartition // as clients call it
	Config  Config
	Machine bool // the log of a coordinator's machine: it is bounded by snapshots of the rows instead of retention
	Tails   *Tails
	// RaftID is this replica's id, and Founding the ids of the voters with which the log began. They never change.
	RaftID   uint64
	Founding []uint64
	// ElectionTicks and HeartbeatTicks are raft's, in calls of Tick.
	ElectionTicks, HeartbeatTicks int
	// Read returns stored entries, as Store.Entries.
	Read func(lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error)
	// ReadBehind, where not nil, returns the entries that raft sends to followers that are far behind, like Read; none where these have to wait. They are sent once such a follower
	// says something again.
	ReadBehind func(lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error)
	// Warn, where not nil, is told what raft warns of.
	Warn func(message string)
}

// A Partition is one replica of a partition. It is used by one goroutine at a time. Its methods take messages in; what
// they lead to comes out of Ready, which is called once after a burst of them.
type Partition struct {
	o       Options
	replica *consensus.Replica
	state   *state
	tail    tail
	waiting purgatory

	overlay
	quiescence
	live         map[uint64]bool // the other replicas on live nodes
	full         map[uint64]bool // the replicas on nodes whose disks are full
	wish         wish
	reconfigured consensus.Term  // in which the configuration was last changed here
	inherited    consensus.Index // the last entry that was in the log then
	observing    bool            // something happened that may change who is in sync
	inSync       []uint64        // as the leader knows

	now         time.Time       // of the last call that brought it
	reading     uint64          // the newest ReadIndex token
	compactedTo consensus.Index // the first index that was handed to the store as a snapshot's
	begins      kafka.Offset    // the high watermark at the index of the snapshot before the log
	arriving    *arriving       // a snapshot that raft is to look at
	installing  int             // snapshots that are on their way to the disk

	sinceCheckpoint int64 // bytes applied
	unsaved         bool  // something was applied since the last checkpoint
	told            Leadership
	out             Effects
}

// An overlay is what only a serving leader has: above all the state that its own proposals, not applied yet, will lead to.
type overlay struct {
	serving   bool
	epoch     kafka.LeaderEpoch // in which it serves
	logEnd    kafka.Offset
	unapplied int64        // bytes of the batches that are proposed and not applied
	stored    kafka.Offset // what this replica's disk holds, as an end offset
	appending map[kafka.ProducerID]*appending
	appendMax int64 // the newest log append time, given or proposed
	active    map[kafka.ProducerID]time.Time
	moving    kafka.Offset // where a proposed log start will be
	refused   refusals

	followers     map[uint64]*follower // by raft id
	reconfiguring bool                 // a change of the configuration is proposed
	handedOver    time.Time            // when leadership was last offered to a wished voter
	settling
}

// appending is a producer as it will be when what is proposed is applied.
type appending struct {
	producer
	inFlight int
}

// checkpointBytes is how much is applied, at most, between two checkpoints: what a restart has to read again.
const checkpointBytes = 16 << 20

var errNotLeader = kerr.NotLeaderForPartition

// Configure replaces the settings.
func (p *Partition) Configure(c Config) { p.o.Config = c }

// Written takes back a write that is durable, in the order of Effects.Writes.
func (p *Partition) Written(w *LogWrite) {
	if w.raft == nil {
		return
	}
	p.out.Messages = append(p.out.Messages, p.replica.Stored(w.raft)...)
	if w.installs != nil {
		p.installed(w.installs)
	}
	for i := len(w.Entries) - 1; i >= 0 && p.serving; i-- {
		// A write that was handed in before this replica began to lead may hold what another leader has replaced since.
		if e := &w.Entries[i]; e.Kind == consensus.Batch && e.Term == p.replica.Term() {
			p.stored = max(p.stored, record.Batch(e.Data).NextOffset())
			p.waiting.disk = release(p.waiting.disk, p.stored, &p.out)
			return
		}
	}
}

// Ready returns the effects of everything since the last call. The caller may keep them.
func (p *Partition) Ready(now time.Time) Effects {
	p.now = now
	p.begun(now)
	for {
		p.confirmReads()
		ready := p.replica.Ready()
		for _, w := range ready.Writes {
			p.out.Writes = append(p.out.Writes, p.write(w))
		}
		p.arriving = nil // raft has taken it, or does not need it
		p.send(p.spare(ready.Messages))
		p.lead()
		p.apply(now, ready.Committed)
		p.confirmed(now, ready.Confirmed)
		// What was applied makes room for what waits, which raft has to hand out in turn.
		if proposed := p.appendHeld(now); !p.reconfigure(now) && !p.settle() && !p.yield(now) && !proposed {
			break
		}
	}
	p.replicated()
	if p.observing {
		p.observing = false
		p.observe(now)
	}
	p.tell()
	p.checkpoint(false)
	out := p.out
	p.out = Effects{}
	return out
}

func (p *Partition) write(w *consensus.Write) *LogWrite {
	out := &LogWrite{Write: Write{Partition: p.o.Number, Entries: w.Entries, Hard: w.Hard, Sync: w.Sync}, raft: w}
	if w.Snapshot != nil {
		p.install(out)
	}
	return out
}

// send hands out messages for other replicas.
func (p *Partition) send(messages []*pb.Message) {
	for _, m := range messages {
		if m.GetType() == pb.MsgSnap {
			p.out.Snapshots = append(p.out.Snapshots, p.sending(m))
			continue
		}
		p.out.Messages = append(p.out.Messages, m)
	}
}

// lead follows what raft says about who leads.
func (p *Partition) lead() {
	if p.serving && (!p.replica.IsLeader() || p.Epoch() != p.epoch) {
		p.overlay, p.inSync = overlay{logEnd: p.state.highWatermark}, nil
		p.waiting.fail(errNotLeader, &p.out)
	}
}

// tell reports a change of leadership.
func (p *Partition) tell() {
	l := Leadership{Epoch: kafka.LeaderEpoch(p.replica.Term()), Leader: p.replica.Leader(), Serving: p.serving}
	l.Voters, l.Learners = p.state.configuration.All(), p.state.configuration.Learners
	l.InSync, l.Settled = p.inSync, p.serving && p.isSettled
	if l.equal(&p.told) {
		return
	}
	p.told = l
	p.out.Leadership = &l
}

// apply makes committed entries part of the state and answers who waited for them.
func (p *Partition) apply(now time.Time, entries []consensus.Entry) {
	for _, e := range entries {
		if p.out.Stopped != nil {
			return
		}
		if e.Index <= p.state.applied {
			continue // a snapshot's state may be newer than its index
		}
		changed, err := p.state.apply(&p.o.Config, e)
		if err != nil {
			p.out.Stopped = fmt.Errorf("%s: %w", p.o.Name, err)
			return
		}
		p.unsaved = true
		if e.Kind == consensus.Reconfigure || e.Kind == consensus.Empty { // or an empty entry in its place
			p.reconfiguring, p.observing = false, true
		}
		p.settled(e)
		p.sinceCheckpoint += int64(len(e.Data))
		p.indexed(changed)
		if b := changed.batch; b != nil {
			p.tail.add(e.Index, b, p.tailBytesMax())
			p.landed(now, b)
			if p.o.Machine {
				p.out.Applied = append(p.out.Applied, b)
			}
		}
		if changed.logStart {
			p.startMoved()
		}
		if e.Kind == consensus.Empty && !p.serving && p.replica.IsLeader() && e.Term == p.replica.Term() {
			p.begin(now)
		}
	}
	if len(entries) == 0 {
		return
	}
	p.committed()
	p.answerFetches()
	p.trim()
}

// begin starts serving: everything of earlier epochs is applied, so nothing that was acknowledged is unknown here.
func (p *Partition) begin(now time.Time) {
	p.overlay = overlay{
		serving: true, epoch: p.Epoch(), logEnd: p.state.highWatermark, stored: p.state.highWatermark, appendMax: p.state.lastAppendMillis,
		appending: map[kafka.ProducerID]*appending{}, active: make(map[kafka.ProducerID]time.Time, len(p.state.producers)),
		followers: map[uint64]*follower{}, refused: refusals{},
	}
	for id := range p.state.producers {
		p.active[id] = now
	}
	p.beginSettling()
}

func (p *Partition) tailBytesMax() int64 {
	if p.serving {
		return leaderTailBytesMax
	}
	return followerTailBytesMax
}

// trim lets go of entries that neither raft nor a reader needs in memory.
func (p *Partition) trim() {
	if len(p.tail.indexes) > 0 {
		p.replica.TrimTail(p.tail.indexes[0])
		return
	}
	p.replica.TrimTail(p.state.applied + 1)
}

func (p *Partition) indexed(changed appliedEntry) {
	if len(changed.blocks) == 0 && len(changed.times) == 0 {
		return
	}
	u := p.update()
	u.Blocks = append(u.Blocks, changed.blocks...)
	u.Times = append(u.Times, changed.times...)
}

func (p *Partition) update() *Update {
	if p.out.Update == nil {
		p.out.Update = &Update{Partition: p.o.Number}
	}
	return p.out.Update
}

// checkpoint adds the state to the turn's update when enough has come together since the last one, or when asked to.
func (p *Partition) checkpoint(force bool) {
	if p.unsaved && p.installing == 0 && (force || p.sinceCheckpoint >= checkpointBytes) {
		p.update().Checkpoint = p.state.encode(p.replica.Terms().Upto(p.state.applied))
		p.unsaved, p.sinceCheckpoint = false, 0
	}
}

// Checkpoint makes the next Ready note the state, if it has changed, so that a restart has nothing to read again.
func (p *Partition) Checkpoint() { p.checkpoint(true) }

// HighWatermark is the offset after the last committed record.
func (p *Partition) HighWatermark() kafka.Offset { return p.state.highWatermark }

// LogEnd is the offset after the last record that this replica knows of, on the leader with what it has proposed.
func (p *Partition) LogEnd() kafka.Offset { return max(p.logEnd, p.state.highWatermark) }

// LogStart is the offset of the first record that may be read.
func (p *Partition) LogStart() kafka.Offset { return p.state.logStart }

// Bytes is the size of the records that the log holds, as its segments count them.
func (p *Partition) Bytes() int64 { return p.state.size() }

// IsNew tells whether the replica has seen nothing yet: no entry, and no election.
func (p *Partition) IsNew() bool { return p.replica.Last() == 0 && p.replica.Term() == 0 }

// Epoch is the current leader epoch.
func (p *Partition) Epoch() kafka.LeaderEpoch { return kafka.LeaderEpoch(p.replica.Term()) }
