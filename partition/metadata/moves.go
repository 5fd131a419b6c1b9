package metadata

import (
	"cmp"
	"slices"

	"troupe/partition/kafka"
)

// movesMax is how many partitions may be on their way by a reassignment that the cluster began by itself. Those that can't go on at the moment don't count.
const movesMax = 8

// A Move is a reassignment of which the cluster is in need though nobody has asked for it.
type Move struct {
	Partition kafka.TopicPartition
	To        []kafka.BrokerID // the preferred leader first
}

// Moves returns the reassignments to begin now. Replicas on brokers that are being drained go to others; topics that grow get replicas until each partition has three, or one on each
// broker; and where a broker to which the cluster has sent a replica by itself is fenced by now, another one takes its place. New replicas go where the partition has none in the
// rack, then where there are few. What somebody has reassigned is left alone until that is done, and so is a partition that nobody leads. Where there is no other
// broker a replica stays where it is.
func (i *Image) Moves(q *MoveReplicas) []Move {
	m := newMover(i, q)
	for _, urgent := range []bool{true, false} {
		for _, t := range i.Topics() {
			for index := range t.Partitions {
				if m.left <= 0 {
					return m.moves
				}
				p := &t.Partitions[index]
				if settled := !p.Automatic && (len(p.Replicas) >= factorMax || !t.grows()); m.isUrgent(p) == urgent && (urgent || !settled) {
					m.look(t, int32(index))
				}
			}
		}
	}
	return m.moves
}

// A mover looks for moves, one partition after the other, and counts them into what each broker will have.
type mover struct {
	image               *Image
	takers              []*Broker // that are there
	live, draining      map[kafka.BrokerID]bool
	leaderless          map[kafka.PartitionNumber]bool
	replicas, preferred map[kafka.BrokerID]int
	left                int // how many more may begin
	moves               []Move
}

func newMover(i *Image, q *MoveReplicas) *mover {
	m := &mover{
		image: i, live: map[kafka.BrokerID]bool{}, draining: map[kafka.BrokerID]bool{}, leaderless: map[kafka.PartitionNumber]bool{},
		replicas: map[kafka.BrokerID]int{}, preferred: map[kafka.BrokerID]int{}, left: movesMax,
	}
	for _, id := range q.Live {
		m.live[id] = true
	}
	for _, number := range q.Leaderless {
		m.leaderless[number] = true
	}
	for _, b := range i.Brokers() {
		m.draining[b.ID] = i.Draining(b.ID)
	}
	m.takers = slices.DeleteFunc(i.takers(), func(b *Broker) bool { return !m.live[b.ID] })
	for _, t := range i.Topics() {
		for index := range t.Partitions {
			p := &t.Partitions[index]
			m.count(p.wishedBrokers(), 1)
			if p.Automatic && !m.leaderless[p.Number] && !slices.ContainsFunc(p.Adding, func(id kafka.BrokerID) bool { return !m.live[id] }) {
				m.left--
			}
		}
	}
	return m
}

// count adds a partition to what brokers have, or takes it away.
func (m *mover) count(brokers []kafka.BrokerID, n int) {
	m.preferred[brokers[0]] += n
	for _, id := range brokers {
		m.replicas[id] += n
	}
}

// isUrgent tells whether a partition has, or is to have, replicas where they should not be.
func (m *mover) isUrgent(p *Partition) bool {
	return slices.ContainsFunc(p.Replicas, func(r Replica) bool { return m.draining[r.Broker] }) || slices.ContainsFunc(p.Adding, func(id kafka.BrokerID) bool { return !m.stands(id) })
}

// stands tells whether a replica that is on its way to a broker may go on.
func (m *mover) stands(id kafka.BrokerID) bool {
	b := m.image.Broker(id)
	return b != nil && !b.Fenced && !m.draining[id]
}

// look notes the move that a partition needs, if it needs one.
func (m *mover) look(t *Topic, index int32) {
	p := &t.Partitions[index]
	if m.leaderless[p.Number] || p.Reassigning() && !p.Automatic {
		return
	}
	now := p.wishedBrokers()
	to := m.target(p, t.grows())
	if slices.Equal(slices.Sorted(slices.Values(to)), slices.Sorted(slices.Values(now))) {
		return
	}
	m.count(now, -1)
	m.choosePreferred(p, to)
	m.count(to, 1)
	m.moves = append(m.moves, Move{kafka.TopicPartition{Topic: t.Name, Partition: index}, to})
	m.left--
}

// target returns the brokers that should have a partition's replicas. It begins from those that had them before a reassignment that is under way, and keeps of that what may go on.
func (m *mover) target(p *Partition, grows bool) []kafka.BrokerID {
	originals := brokersOf(p.originals())
	most, least := len(originals), len(originals)
	if grows {
		most, least = max(most, factorMax), max(least, min(factorMax, len(m.takers)))
	}
	adding := slices.DeleteFunc(slices.Clone(p.Adding), func(id kafka.BrokerID) bool { return !m.stands(id) })
	next := func(chosen []kafka.BrokerID) kafka.BrokerID {
		if len(adding) > 0 {
			id := adding[0]
			adding = adding[1:]
			return id
		}
		return m.pick(chosen)
	}
	to := slices.Clone(originals)
	for i, id := range to {
		if m.draining[id] {
			to[i] = kafka.NoBroker
		}
	}
	for i, id := range to {
		if id != kafka.NoBroker {
			continue
		}
		if to[i] = next(to); to[i] == kafka.NoBroker {
			to[i] = originals[i] // nobody else is there
		}
	}
	for len(to) < most && (len(adding) > 0 || len(to) < least) {
		id := next(to)
		if id == kafka.NoBroker {
			break
		}
		to = append(to, id)
	}
	return to
}

// pick returns the broker for one more replica, kafka.NoBroker where each has one.
func (m *mover) pick(chosen []kafka.BrokerID) kafka.BrokerID {
	inRack := map[string]int{}
	for _, id := range chosen {
		if b := m.image.Broker(id); b != nil {
			inRack[b.Rack]++
		}
	}
	rest := slices.DeleteFunc(slices.Clone(m.takers), func(b *Broker) bool { return slices.Contains(chosen, b.ID) })
	if len(rest) == 0 {
		return kafka.NoBroker
	}
	return slices.MinFunc(rest, func(a, b *Broker) int {
		return cmp.Or(cmp.Compare(inRack[a.Rack], inRack[b.Rack]), cmp.Compare(m.replicas[a.ID], m.replicas[b.ID]), cmp.Compare(a.ID, b.ID))
	}).ID
}

// choosePreferred puts in front the broker that is preferred least, where the partition gets more replicas or its preferred leader goes.
func (m *mover) choosePreferred(p *Partition, to []kafka.BrokerID) {
	if originals := p.originals(); len(to) == len(originals) && to[0] == originals[0].Broker {
		return
	}
	first := 0
	for i, id := range to {
		if !m.draining[id] && (m.draining[to[first]] || m.preferred[id] < m.preferred[to[first]]) {
			first = i
		}
	}
	id := to[first]
	copy(to[1:], to[:first])
	to[0] = id
}

func brokersOf(replicas []Replica) []kafka.BrokerID {
	out := make([]kafka.BrokerID, len(replicas))
	for i, r := range replicas {
		out[i] = r.Broker
	}
	return out
}

func (p *Partition) wishedBrokers() []kafka.BrokerID { return brokersOf(p.Wish()) }
