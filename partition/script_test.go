package partition

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	pb "go.etcd.io/raft/v3/raftpb"

	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// The scripts in testdata show a partition's decisions as a reader of Kafka's protocol would tell them. A line is a command; below
// it stands what came of it. `go test ./partition -rewrite` writes what comes of it now; the difference is what has to be read.
//
//	produce [producer=N epoch=N seq=N] [count=N] [size=N] [ts=MS] [acks=all|1|0]
//	fetch offset=N [wait] [epoch=N] [last=EPOCH] [max=BYTES]    end-fetch ticket=N
//	list ts=N    epoch-end epoch=N    delete-records before=N    retain    shrink    idle
//	sync         everything that was written is durable now
//	advance MS   restart [keep=checkpoint|nothing]    config NAME=N    state
//
// Every command but sync leaves its writes waiting for the disk.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/single", func(t *testing.T, path string) {
		h := newHarness(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h.t, h.said = t, nil
			h.do(d)
			if len(h.said) == 0 {
				return "ok\n"
			}
			return strings.Join(h.said, "\n") + "\n"
		})
	})
}

// A harness is a partition with a store that makes things durable when the script says so.
type harness struct {
	t       *testing.T
	p       *Partition
	o       Options
	now     time.Time
	stored  Stored
	entries []consensus.Entry // of the store, contiguous from index 1; zero up to a snapshot that came from a leader
	chunks  [][]byte
	older   []byte // the checkpoint before the stored one
	blocks  []Block
	times   []BlockTime
	waiting []*LogWrite
	send    func([]*pb.Message) // where not nil, takes what goes to other replicas
	ticket  Ticket
	said    []string
	asleep  bool            // as it has said
	checked int             // entries that a test has looked at
	behind  consensus.Index // what was applied anywhere when it was given a snapshot
	reset   bool            // it was given one
}

func newHarness(t *testing.T) *harness { return newReplica(t, 1, 1) }

// newReplica returns the replica with a raft id of a partition whose founding voters are given.
func newReplica(t *testing.T, id uint64, founding ...uint64) *harness {
	h := &harness{t: t, now: time.UnixMilli(1_000_000).UTC()}
	h.o = Options{
		Number: 7, Name: kafka.TopicPartition{Topic: "t", Partition: 0}, Tails: NewTails(1 << 20), RaftID: id, Founding: founding,
		ElectionTicks: 10, HeartbeatTicks: 1,
		Config: Config{SegmentBytes: 1 << 30, SegmentMillis: 1 << 40, RetentionBytes: -1, RetentionMillis: -1, MinInsyncReplicas: 1, ProducerExpiry: time.Hour},
		Read: func(lo, hi consensus.Index, maxBytes int) ([]consensus.Entry, error) {
			if lo <= h.stored.Snapshot.Index {
				return nil, fmt.Errorf("entry %d is gone", lo)
			}
			return h.entries[lo-1 : hi-1], nil
		},
	}
	h.start()
	return h
}

func (h *harness) say(format string, args ...any) {
	h.said = append(h.said, fmt.Sprintf(format, args...))
}

func (h *harness) start() {
	h.waiting = nil
	h.stored.Last = consensus.Index(len(h.entries))
	if n := len(h.entries); n > 0 {
		h.stored.LastTerm = h.entries[n-1].Term
	}
	if h.stored.Last == h.stored.Snapshot.Index {
		h.stored.LastTerm = h.stored.Snapshot.Term
	}
	p, err := Restore(h.o, &h.stored)
	if err != nil {
		h.say("restore: %v", err)
		return
	}
	h.p, h.asleep = p, false
	if len(h.o.Founding) == 1 && h.o.RaftID == 1 {
		p.Campaign()
	}
}

func (h *harness) do(d *datadriven.TestData) {
	number := func(name string, or int64) int64 {
		if d.HasArg(name) {
			d.ScanArgs(h.t, name, &or)
		}
		return or
	}
	h.ticket++
	switch d.Cmd {
	case "produce":
		h.produce(d, number)
	case "fetch":
		h.p.Fetch(FetchQuery{
			Offset: kafka.Offset(number("offset", 0)), MaxBytes: int(number("max", 1<<20)), Wait: d.HasArg("wait"),
			LeaderEpoch: kafka.LeaderEpoch(number("epoch", -1)), LastFetchedEpoch: kafka.LeaderEpoch(number("last", -1)),
		}, h.ticket)
	case "end-fetch":
		h.p.EndFetch(Ticket(number("ticket", 0)))
	case "list":
		h.p.ListOffsets(OffsetQuery{Timestamp: number("ts", 0), LeaderEpoch: kafka.LeaderEpoch(number("epoch", -1))}, h.ticket)
	case "epoch-end":
		h.p.EndOfEpoch(EpochQuery{CurrentEpoch: kafka.NoEpoch, Epoch: kafka.LeaderEpoch(number("epoch", 0))}, h.ticket)
	case "delete-records":
		h.p.DeleteRecords(kafka.Offset(number("before", -1)), h.ticket)
	case "retain":
		h.p.Retain(h.now)
	case "shrink":
		h.p.Shrink()
	case "idle":
		h.p.Idle()
	case "advance":
		h.now = h.now.Add(time.Duration(number("ms", 0)) * time.Millisecond)
	case "sync":
		h.sync()
		return
	case "restart":
		if d.HasArg("keep") {
			var what string
			if d.ScanArgs(h.t, "keep", &what); what == "nothing" {
				h.stored.Checkpoint, h.blocks, h.times = nil, nil, nil
			}
		}
		h.start()
		h.sync()
		return
	case "config":
		c := h.o.Config
		c.RetentionBytes, c.RetentionMillis = number("retention-bytes", c.RetentionBytes), number("retention-ms", c.RetentionMillis)
		c.SegmentBytes, c.SegmentMillis = number("segment-bytes", c.SegmentBytes), number("segment-ms", c.SegmentMillis)
		c.MinInsyncReplicas = int(number("min-insync", int64(c.MinInsyncReplicas)))
		c.LogAppendTime = number("log-append-time", 0) == 1
		h.o.Config = c
		h.p.Configure(c)
	case "state":
		h.state()
		return
	default:
		h.t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
	}
	h.turn()
}

func (h *harness) produce(d *datadriven.TestData, number func(string, int64) int64) {
	b := record.Builder{}
	if d.HasArg("producer") {
		b.Producer = &record.Producer{
			ID: kafka.ProducerID(number("producer", 0)), Epoch: kafka.ProducerEpoch(number("epoch", 0)), Sequence: kafka.Sequence(number("seq", 0)),
		}
	}
	for range number("count", 1) {
		b.Add(record.Record{Timestamp: number("ts", h.now.UnixMilli()), Value: bytes.Repeat([]byte("v"), int(number("size", 10)))})
	}
	acks := kafka.AcksAll
	if d.HasArg("acks") {
		switch number("acks", -1) {
		case 0:
			acks = kafka.AcksNone
		case 1:
			acks = kafka.AcksLeader
		}
	}
	h.p.Append(h.now, build(h.t, &b), acks, h.ticket)
}

func build(t *testing.T, b *record.Builder) record.Batch {
	t.Helper()
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// append adds a batch of one record of a size.
func (h *harness) append(t *testing.T, size int) {
	b := record.Builder{}
	b.Add(record.Record{Timestamp: h.now.UnixMilli(), Value: make([]byte, size)})
	h.ticket++
	h.p.Append(h.now, build(t, &b), kafka.AcksAll, h.ticket)
}

// sync makes durable what is written, until nothing is left to write.
func (h *harness) sync() {
	h.turn()
	for len(h.waiting) > 0 {
		writes := h.waiting
		h.waiting = nil
		for _, w := range writes {
			h.write(w)
			h.p.Written(w)
		}
		h.turn()
	}
}

func (h *harness) write(w *LogWrite) {
	if w.Reset {
		h.entries = make([]consensus.Entry, w.Snapshot.Index)
		h.stored.Last, h.checked, h.reset = w.Snapshot.Index, int(w.Snapshot.Index), true
	}
	if n := len(w.Entries); n > 0 {
		h.entries = append(h.entries[:w.Entries[0].Index-1], w.Entries...)
		h.stored.Last = w.Entries[n-1].Index
	}
	if w.Hard != nil {
		h.stored.Hard = HardStateOf{*w.Hard, true}
	}
	if w.Snapshot != nil {
		h.stored.Snapshot, h.chunks = *w.Snapshot, w.Chunks
		line := fmt.Sprintf("store: the log begins after entry %d, log start %d", w.Snapshot.Index, w.LogStart)
		if w.Reset {
			line += ", nothing of before is left"
		}
		h.say("%s", line)
	}
}

func (h *harness) turn() {
	e := h.ready()
	if l := e.Leadership; l != nil {
		line := fmt.Sprintf("epoch %d: leader %d, serving %v", l.Epoch, l.Leader, l.Serving)
		if len(l.Voters)+len(l.Learners) > 1 {
			line += fmt.Sprintf(", voters %v, learners %v, in sync %v", l.Voters, l.Learners, l.InSync)
		}
		if l.Settled && len(l.Voters) > 1 {
			line += ", settled"
		}
		h.say("%s", line)
	}
	for _, l := range e.Lookups {
		h.say("%d: %s", l.Ticket, describeLookup(l))
	}
	for _, r := range e.Replies {
		h.say("%d: %s", r.Ticket, describe(r))
	}
	if e.SnapshotDue {
		h.say("snapshot of the rows is due")
	}
	if asleep := h.p.IsAsleep(); asleep != h.asleep {
		h.asleep = asleep
		h.say("%s", map[bool]string{true: "sleeps", false: "wakes"}[asleep])
	}
	if e.Installed {
		h.say("installed: high watermark %d", h.p.HighWatermark())
	}
	if e.Stopped != nil {
		h.say("stopped: %v", e.Stopped)
	}
}

// ready takes the effects of a turn: its writes wait for the disk, what can be computed again is noted.
func (h *harness) ready() Effects {
	e := h.p.Ready(h.now)
	h.waiting = append(h.waiting, e.Writes...)
	if e.Update != nil {
		h.blocks = append(h.blocks, e.Update.Blocks...)
		h.times = append(h.times, e.Update.Times...)
		if e.Update.Checkpoint != nil {
			h.older = h.stored.Checkpoint
			h.stored.Checkpoint = e.Update.Checkpoint
		}
	}
	for _, m := range e.Messages {
		for _, entry := range m.GetEntries() {
			if n := len(entry.GetData()); entry.GetType() == pb.EntryNormal && n > 0 && n < commandHeader {
				h.t.Errorf("replica %d sends a token to %d: %v", h.o.RaftID, m.GetTo(), m)
			}
		}
	}
	if e.Rest != nil {
		for _, id := range append(slices.Clone(h.p.state.configuration.All()), h.p.state.configuration.Learners...) {
			if id != h.o.RaftID {
				e.Messages = append(e.Messages, &pb.Message{
					Type: pb.MsgBeat.Enum(), From: new(h.o.RaftID), To: new(id), Term: new(uint64(e.Rest.Term)), Index: new(uint64(e.Rest.Last)),
				})
			}
		}
	}
	if h.send != nil {
		for _, s := range e.Snapshots {
			e.Messages = append(e.Messages, s.Message)
		}
		h.send(e.Messages)
	}
	return e
}

func describeLookup(l Lookup) string {
	if !l.Largest {
		return fmt.Sprintf("look up timestamp %d in [%d, %d), segment %d, tail %d", l.Timestamp, l.From, l.To, l.Segment, l.Tail)
	}
	out := fmt.Sprintf("read [%d, %d) for the largest timestamp from %d on", l.From, l.To, l.Timestamp)
	if l.Then != nil {
		out += ", then " + describeLookup(*l.Then)
	}
	return out
}

func describe(r Reply) string {
	var out string
	switch a := r.Response.(type) {
	case *Produced:
		if a.BaseOffset == kafka.NoOffset {
			out = fmt.Sprintf("log start %d", a.LogStartOffset)
			break
		}
		out = fmt.Sprintf("produced at %d", a.BaseOffset)
		if a.LogAppendTime >= 0 {
			out += fmt.Sprintf(", time %d", a.LogAppendTime)
		}
	case *Fetched:
		out = fmt.Sprintf("high watermark %d, log start %d", a.HighWatermark, a.LogStartOffset)
		for _, b := range a.Batches {
			out += fmt.Sprintf(", batch %d-%d", b.BaseOffset(), b.LastOffset())
		}
		if a.Cold != nil {
			out += fmt.Sprintf(", store [%d, %d)", a.Cold.From, a.Cold.To)
		}
		if a.DivergingEpoch != kafka.NoEpoch {
			out += fmt.Sprintf(", diverges after epoch %d at %d", a.DivergingEpoch, a.DivergingEnd)
		}
	case *ListedOffset:
		out = fmt.Sprintf("offset %d, timestamp %d, epoch %d", a.Offset, a.Timestamp, a.LeaderEpoch)
	case *EpochEnd:
		out = fmt.Sprintf("epoch %d ends at %d", a.Epoch, a.End)
	case *LogStart:
		out = fmt.Sprintf("log start %d", a.Offset)
	}
	if r.Err != nil {
		out = strings.TrimSpace(kafka.CodeName(kafka.Code(r.Err)) + " " + out)
	}
	return out
}

func (h *harness) state() {
	s := h.p.state
	h.say("applied %d, high watermark %d, log start %d", s.applied, s.highWatermark, s.logStart)
	for i, g := range s.segments {
		h.say("segment %d-%d from entry %d, %d bytes, newest %d", g.base, s.end(i), g.index, g.bytes, g.maxTimestamp)
	}
	for _, e := range s.epochs {
		h.say("epoch %d from %d", e.epoch, e.start)
	}
	var ids []int
	for id := range s.producers {
		ids = append(ids, int(id))
	}
	sort.Ints(ids)
	for _, id := range ids {
		p := s.producers[kafka.ProducerID(id)]
		line := fmt.Sprintf("producer %d epoch %d:", id, p.epoch)
		for _, b := range p.batches {
			line += fmt.Sprintf(" %d-%d@%d", b.first, b.last, b.base)
		}
		h.say("%s", line)
	}
	h.say("%d index rows for offsets, %d for timestamps, %d bytes in memory", len(h.blocks), len(h.times), h.p.tail.bytes)
}
