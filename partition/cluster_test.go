package partition

import (
	crypto "crypto/rand"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"troupe/partition/consensus"
	"troupe/partition/record"
)

// The scripts in testdata/cluster are about several replicas of a partition. They begin with
//
//	cluster voters=N [replicas=N]
//
// and go on with what is done to one of them, where node= stands before what testdata/single says (produce, fetch, list, config, state, advance, retain, …), or
//
//	campaign node=N   forget-leader node=N   transfer node=N to=N   unreachable node=N to=N   tick [node=N] [n=N]   live node=N [ids=(N,…)]
//	wake node=N
//	full [ids=(N,…)]  is told to all: the disks of these replicas' nodes are full, and of no others
//	settle            deliver every message and sync every disk until nothing is left
//	deliver           deliver every message that waits, once; nothing becomes durable
//	sync node=N       what the replica has written is durable now
//	cut from=N to=N   isolate node=N   heal      messages are lost
//	crash node=N      what is not durable is lost; the replica is gone until start node=N
//	want voters=(…) [learners=(…)]               is told to all
//	recover node=N [there=(N,…)] [batch]          the others are given up, but for what is said of who is there; with a batch that the log gets with it
//	survey node=N [there=(N,…)]                   what the replica knows of the partition, and who is gone
//	logs              compares the logs and states of all replicas
func TestClusterScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/cluster", func(t *testing.T, path string) {
		seedElections(t, 1)
		var c *cluster
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				var voters, replicas int
				d.ScanArgs(t, "voters", &voters)
				if replicas = voters; d.HasArg("replicas") {
					d.ScanArgs(t, "replicas", &replicas)
				}
				c = newCluster(t, voters, replicas)
			} else {
				c.do(t, d)
			}
			if out := c.transcript(); out != "" {
				return out
			}
			return "ok\n"
		})
	})
}

// seedElections makes the election time-outs, which raft draws from the system's source of randomness, those of a seed.
func seedElections(t *testing.T, seed uint64) {
	was := crypto.Reader
	t.Cleanup(func() { crypto.Reader = was })
	crypto.Reader = io.Reader(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}))
}

// A cluster is the replicas of one partition and the messages between them.
type cluster struct {
	nodes []*harness // by raft id less one; its p is nil while it is down
	queue []*pb.Message
	lost  []*pb.Message // snapshots of whose loss the sender has not heard
	cuts  map[[2]uint64]bool
}

func newCluster(t *testing.T, voters, replicas int) *cluster {
	c := &cluster{cuts: map[[2]uint64]bool{}}
	var founding []uint64
	for id := range voters {
		founding = append(founding, uint64(id+1))
	}
	for id := range replicas {
		h := newReplica(t, uint64(id+1), founding...)
		h.o.Config.ReplicaLagTimeMax = 10 * time.Second
		h.send = c.post
		h.start()
		c.nodes = append(c.nodes, h)
	}
	for _, h := range c.nodes {
		h.p.SetLive(c.up())
	}
	return c
}

func (c *cluster) up() (ids []uint64) {
	for _, h := range c.nodes {
		if h.p != nil {
			ids = append(ids, h.o.RaftID)
		}
	}
	return ids
}

// post queues messages as they arrive at the other end of a link: copies.
func (c *cluster) post(messages []*pb.Message) {
	for _, m := range messages {
		if !c.cuts[[2]uint64{m.GetFrom(), m.GetTo()}] {
			c.queue = append(c.queue, proto.Clone(m).(*pb.Message))
		} else if m.GetType() == pb.MsgSnap {
			c.lost = append(c.lost, m)
		}
	}
}

// give hands a message to the replica that it is for, and tells the sender of a snapshot what became of it.
func (c *cluster) give(m *pb.Message) {
	to, from := c.node(m.GetTo()), c.node(m.GetFrom())
	arrives := to.p != nil && !c.cuts[[2]uint64{m.GetFrom(), m.GetTo()}]
	switch {
	case m.GetType() == pb.MsgBeat: // stands for a Rest
		if arrives {
			to.p.Rest(Rest{m.GetFrom(), consensus.Term(m.GetTerm()), consensus.Index(m.GetIndex())})
		}
		return
	case m.GetType() != pb.MsgSnap:
		if arrives {
			to.p.Step(m)
		}
		return
	case arrives:
		if err := to.p.Install(m, from.chunks); err != nil {
			to.t.Error(err)
		}
	}
	if from.p != nil {
		from.p.Sent(m.GetTo(), arrives)
	}
}

// report tells senders of lost snapshots.
func (c *cluster) report() {
	for _, m := range c.lost {
		if from := c.node(m.GetFrom()); from.p != nil {
			from.p.Sent(m.GetTo(), false)
		}
	}
	c.lost = nil
}

func (c *cluster) node(id uint64) *harness { return c.nodes[id-1] }

func (c *cluster) do(t *testing.T, d *datadriven.TestData) {
	id := uint64(0)
	if d.HasArg("node") {
		d.ScanArgs(t, "node", &id)
	}
	ids := func(name string) (out []uint64) {
		for i := range d.CmdArgs {
			if a := &d.CmdArgs[i]; a.Key == name {
				for _, v := range a.Vals {
					var n uint64
					if _, err := fmt.Sscan(v, &n); err != nil {
						t.Fatal(err)
					}
					out = append(out, n)
				}
			}
		}
		return out
	}
	number := func(name string, or uint64) uint64 {
		if d.HasArg(name) {
			d.ScanArgs(t, name, &or)
		}
		return or
	}
	for _, h := range c.nodes {
		h.t = t
	}
	switch d.Cmd {
	case "campaign":
		c.node(id).p.Campaign()
	case "forget-leader":
		c.node(id).p.ForgetLeader()
	case "transfer":
		c.node(id).p.Transfer(number("to", 0))
	case "wake":
		c.node(id).p.Wake()
	case "unreachable":
		c.node(id).p.Unreachable(number("to", 0))
	case "tick":
		for range number("n", 1) {
			for _, h := range c.nodes {
				if h.p != nil && (id == 0 || id == h.o.RaftID) {
					h.now = h.now.Add(100 * time.Millisecond)
					h.p.Tick(h.now)
					h.turn()
				}
			}
			if id == 0 {
				c.settle()
			}
		}
		return
	case "live":
		c.node(id).p.SetLive(ids("ids"))
	case "full":
		for _, h := range c.nodes {
			if h.p != nil {
				h.p.SetFull(ids("ids"))
				h.turn()
			}
		}
		return
	case "settle":
		c.settle()
		return
	case "deliver":
		c.deliver()
		return
	case "cut":
		c.cuts[[2]uint64{number("from", 0), number("to", 0)}] = true
		return
	case "isolate":
		for _, h := range c.nodes {
			c.cuts[[2]uint64{id, h.o.RaftID}], c.cuts[[2]uint64{h.o.RaftID, id}] = true, true
		}
		return
	case "heal":
		clear(c.cuts)
		return
	case "crash":
		c.node(id).p, c.node(id).waiting = nil, nil
		return
	case "start":
		c.node(id).start()
		c.node(id).p.SetLive(c.up())
	case "want":
		for _, h := range c.nodes {
			if h.p != nil {
				h.p.Want(ids("voters"), ids("learners"))
				h.turn()
			}
		}
		return
	case "recover":
		c.node(id).recover(ids("there"), d.HasArg("batch"))
		return
	case "survey":
		c.node(id).survey(ids("there"))
		return
	case "logs":
		c.compare(t)
		return
	default:
		c.node(id).do(d)
		return
	}
	c.node(id).turn()
}

// recover has the replica go on alone. What it has written before becomes durable first.
func (h *harness) recover(there []uint64, withBatch bool) {
	h.turn()
	var more func([]record.Batch) ([]record.Batch, error)
	if withBatch {
		more = func(pending []record.Batch) ([]record.Batch, error) {
			for _, b := range pending {
				h.say("pending: batch %d-%d", b.BaseOffset(), b.LastOffset())
			}
			b := record.Builder{}
			b.Add(record.Record{Timestamp: h.now.UnixMilli(), Value: []byte("given up")})
			return []record.Batch{build(h.t, &b)}, nil
		}
	}
	w, err := h.p.Recover(there, more)
	if err != nil {
		h.say("%v", err)
		return
	}
	for _, before := range h.waiting {
		h.write(before)
	}
	for _, e := range w.Entries {
		h.say("entry %d: term %d, %s", e.Index, e.Term, nameOf(e))
	}
	h.write(w)
	h.start()
	h.p.Campaign()
	h.sync()
}

func nameOf(e consensus.Entry) string {
	switch e.Kind {
	case consensus.Empty:
		return "empty"
	case consensus.Batch:
		b := record.Batch(e.Data)
		return fmt.Sprintf("batch %d-%d of epoch %d", b.BaseOffset(), b.LastOffset(), b.LeaderEpoch())
	case consensus.Command:
		return "command"
	}
	var cc pb.ConfChangeV2
	if err := proto.Unmarshal(e.Data, &cc); err != nil {
		return err.Error()
	}
	if len(cc.Changes) == 0 {
		return "leave the joint configuration"
	}
	var changes []string
	for _, change := range cc.Changes {
		changes = append(changes, fmt.Sprintf("%v %d", change.GetType(), change.GetNodeId()))
	}
	return strings.Join(changes, ", ")
}

func (h *harness) survey(there []uint64) {
	s := h.p.Survey()
	h.say("leader %d, voters %v %v, learners %v; high watermark %d, log end %d, entry %d of term %d; lost %v, gone %v",
		s.Leader, s.Voters, s.Outgoing, s.Learners, s.HighWatermark, s.LogEnd, s.Last, s.LastTerm, s.Lost(there), s.Gone(there))
}

// deliver hands out the messages that wait now.
func (c *cluster) deliver() {
	queue := c.queue
	c.queue = nil
	for _, m := range queue {
		c.give(m)
		for _, id := range []uint64{m.GetTo(), m.GetFrom()} {
			if h := c.node(id); h.p != nil && (id == m.GetTo() || m.GetType() == pb.MsgSnap) {
				h.turn()
			}
		}
	}
	c.report()
}

func (c *cluster) settle() {
	for {
		for _, h := range c.nodes {
			if h.p != nil {
				h.sync()
			}
		}
		if len(c.queue) == 0 {
			return
		}
		c.deliver()
	}
}

// compare says how far the replicas are, and which of them differ.
func (c *cluster) compare(t *testing.T) {
	for _, h := range c.nodes {
		if h.p == nil {
			h.say("down")
			continue
		}
		s := h.p.state
		h.say("applied %d of %d entries, high watermark %d, log end %d", s.applied, len(h.entries), s.highWatermark, h.p.LogEnd())
		for _, other := range c.nodes[:h.o.RaftID-1] {
			if other.p == nil {
				continue
			}
			common := min(s.applied, other.p.state.applied)
			if !slices.EqualFunc(h.entries[:common], other.entries[:common], sameOrGone) {
				t.Errorf("the logs of %d and %d differ before entry %d", h.o.RaftID, other.o.RaftID, common)
			}
			if s.applied == other.p.state.applied && string(h.encoded()) != string(other.encoded()) {
				t.Errorf("the states of %d and %d differ at entry %d", h.o.RaftID, other.o.RaftID, common)
			}
		}
	}
}

// sameOrGone takes an entry that only one of the logs still has for the same.
func sameOrGone(a, b consensus.Entry) bool { return a.Index == 0 || b.Index == 0 || sameEntry(a, b) }

func sameEntry(a, b consensus.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && string(a.Data) == string(b.Data)
}

func (h *harness) encoded() []byte {
	return h.p.state.encode(nil) // where the first term that the log knows began differs
}

func (c *cluster) transcript() string {
	var out strings.Builder
	for _, h := range c.nodes {
		for _, line := range h.said {
			fmt.Fprintf(&out, "%d: %s\n", h.o.RaftID, line)
		}
		h.said = nil
	}
	return out.String()
}
