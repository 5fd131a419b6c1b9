package supervisor

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	"troupe/actors/messages"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
)

// simChecks are what must be so whatever happens, beside what clients see for themselves.
type simChecks struct {
	s       *simulation
	cluster string
	leaders map[simTerm]string // the actor that led
	numbers map[kafka.PartitionNumber]kafka.TopicID
	simAcks
	// committed are the entries that any disk has ever shown as committed. Once committed they never change.
	committed map[kafka.PartitionNumber]map[consensus.Index]consensus.Entry
}

// A simTerm is a partition in one leader epoch.
type simTerm struct {
	number kafka.PartitionNumber
	epoch  kafka.LeaderEpoch
}

func newSimChecks(s *simulation) simChecks {
	return simChecks{
		s: s, leaders: map[simTerm]string{}, numbers: map[kafka.PartitionNumber]kafka.TopicID{}, simAcks: newSimAcks(),
		committed: map[kafka.PartitionNumber]map[consensus.Index]consensus.Entry{},
	}
}

// joined: all nodes are of one cluster.
func (c *simChecks) joined(n *simNode) {
	if c.cluster == "" {
		c.cluster = n.cluster
	}
	if n.cluster != c.cluster {
		c.s.errorf("node %d is of cluster %s, and others are of cluster %s", n.id, n.cluster, c.cluster)
	}
}

// heard: one leader in each epoch of a partition.
func (c *simChecks) heard(n *simNode, kind string, message any) {
	m, ok := message.(*messages.Led)
	if !ok || kind != "directory" || m.Leader.Replica == nil {
		return
	}
	at, who := simTerm{m.Number, m.Leader.Epoch}, fmt.Sprintf("%s on node %d", m.Leader.Replica.Id, n.id)
	if other, known := c.leaders[at]; known && other != who {
		c.s.errorf("partition %d has two leaders in epoch %d: %s and %s", at.number, at.epoch, other, who)
	}
	c.leaders[at] = who
}

// image: no partition number is ever given twice, and no raft id.
func (c *simChecks) image(n *simNode) {
	image := n.tree.router.View().Image
	for _, b := range image.Brokers() {
		c.given(kafka.MetadataPartition, b.RaftID, b.StoreID)
	}
	for _, topic := range image.Topics() {
		for i, p := range topic.Partitions {
			for _, r := range p.All() {
				if b := image.Broker(r.Broker); b != nil {
					c.given(p.Number, r.RaftID, b.StoreID)
				} else {
					c.s.errorf("%s-%d has a replica on node %d, of which the metadata on node %d says nothing", topic.Name, i, r.Broker, n.id)
				}
			}
			if other, known := c.numbers[p.Number]; known && other != topic.ID {
				c.s.errorf("%s-%d has the number %d, which another topic had", topic.Name, i, p.Number)
			}
			c.numbers[p.Number] = topic.ID
		}
	}
}

// disk: what is committed on one disk is so on all.
func (c *simChecks) disk(n *simNode) {
	numbers, err := n.store.Partitions()
	if err != nil {
		c.s.t.Fatal(err)
	}
	for _, number := range numbers {
		stored, err := n.store.Load(number)
		if err != nil {
			c.s.t.Fatal(err)
		}
		all := c.committed[number]
		if all == nil {
			all = map[consensus.Index]consensus.Entry{}
			c.committed[number] = all
		}
		entries, err := n.store.Entries(number, stored.Snapshot.Index+1, min(stored.Hard.Commit, stored.Last)+1, 1<<30)
		if err != nil {
			c.s.t.Fatal(err)
		}
		for _, e := range entries {
			was, known := all[e.Index]
			if known && (was.Term != e.Term || was.Kind != e.Kind || !bytes.Equal(was.Data, e.Data)) {
				c.s.errorf("entry %d of partition %d is committed twice: in term %d with %d bytes, and on node %d in term %d with %d bytes",
					e.Index, number, was.Term, len(was.Data), n.id, e.Term, len(e.Data))
			}
			all[e.Index] = e
		}
	}
}

// whole tells what the cluster lacks; nothing where it is as it should be.
func (c *simChecks) whole() string {
	if len(c.s.nodes) == 1 {
		return ""
	}
	for _, n := range c.s.nodes {
		if !n.ready {
			return fmt.Sprintf("node %d does not serve", n.id)
		}
	}
	for _, n := range c.s.nodes {
		view := n.tree.router.View()
		if l, ok := view.Controller(); !ok || len(l.Voters) != c.s.shape.replicas() || len(l.InSync) != len(l.Voters) {
			return fmt.Sprintf("on node %d the metadata is led by %d, with voters %v, in sync %v", n.id, l.Broker, l.Voters, l.InSync)
		}
		for _, topic := range view.Image.Topics() {
			for i, p := range topic.Partitions {
				if l, ok := view.LeaderOf(p.Number); !ok || len(l.InSync) != len(p.Replicas) {
					return fmt.Sprintf("on node %d %s-%d (number %d) is led by %d in epoch %d, in sync %v", n.id, topic.Name, i, p.Number, l.Broker, l.Epoch, l.InSync)
				}
			}
		}
	}
	if c.s.mover != nil {
		if moving := c.settled(); moving != "" {
			return moving
		}
	}
	return c.alike()
}

// alike: all nodes have the same metadata and leaders, and all replicas the same records.
func (c *simChecks) alike() string {
	first := c.s.nodes[0].tree.router.View()
	for _, n := range c.s.nodes {
		view := n.tree.router.View()
		if view.Upto != first.Upto || !reflect.DeepEqual(view.Image, first.Image) {
			return fmt.Sprintf("nodes 1 and %d have different metadata, up to %d and %d", n.id, first.Upto, view.Upto)
		}
	}
	for _, topic := range first.Image.Topics() {
		for i, p := range topic.Partitions {
			l, _ := first.LeaderOf(p.Number)
			own, _ := c.s.nodes[l.Broker-1].tree.router.View().LeaderOf(p.Number)
			if own.Broker != l.Broker || own.Epoch != l.Epoch {
				return fmt.Sprintf("%s-%d is led by node %d in epoch %d, or by node %d in epoch %d", topic.Name, i, l.Broker, l.Epoch, own.Broker, own.Epoch)
			}
			if topic.Internal { // a part of its log may be a snapshot
				for _, r := range p.Replicas {
					if one, other := c.s.nodes[l.Broker-1].tree.lags.offsets[p.Number], c.s.nodes[r.Broker-1].tree.lags.offsets[p.Number]; !reflect.DeepEqual(one, other) {
						return fmt.Sprintf("the offsets of groups are %v on node %d, which leads %s-%d, and %v on node %d", one, l.Broker, topic.Name, i, other, r.Broker)
					}
				}
				continue
			}
			from := kafka.Offset(0)
			if x := c.s.trimmer(topic.Name, int32(i)); x != nil {
				from = kafka.Offset(x.asked) // what is left below is not the same everywhere
			}
			want := c.records(c.s.nodes[l.Broker-1], p.Number, from)
			for _, r := range p.Replicas {
				if got := c.records(c.s.nodes[r.Broker-1], p.Number, from); !bytes.Equal(got, want) {
					return fmt.Sprintf("%s-%d has %d bytes on node %d, which leads it, and %d other bytes on node %d", topic.Name, i, len(want), l.Broker, len(got), r.Broker)
				}
			}
		}
	}
	return ""
}

func (c *simChecks) records(n *simNode, number kafka.PartitionNumber, from kafka.Offset) []byte {
	b, err := n.store.Read(number, from, 1<<62, 1<<30, true, nil)
	if err != nil {
		c.s.t.Fatal(err)
	}
	return b
}

// end looks at everything once more.
func (c *simChecks) end() {
	for _, n := range c.s.nodes {
		c.image(n)
		c.disk(n)
	}
}

// eventually waits until the cluster is whole.
func (c *simChecks) eventually() {
	var looked time.Time
	missing := "nobody has looked"
	since := c.s.st.Now()
	c.s.until("the cluster is whole", func() bool {
		now := c.s.st.Now()
		if now.Sub(looked) < 100*time.Millisecond {
			return false
		}
		looked = now
		if missing = c.whole(); missing != "" && now.Sub(since) > simWholeMax {
			c.s.errorf("%v after the last fault the cluster is not whole: %s", simWholeMax, missing)
		}
		return missing == ""
	})
}

// simWholeMax is how long a cluster may take until everything is as it was before the faults.
const simWholeMax = 30 * time.Second
