package messages

import (
	"maps"
	"time"

	"troupe/partition/kafka"
)

// A resigned leader has stopped leading, and nobody else is known to lead since.
type resigned struct {
	leader Leader // without its actors
	at     time.Time
}

// Named returns who clients are told leads a partition: who does, or who did a moment ago where nobody does yet. A partition whose leader hands over has
// none for a moment, and there are clients that give up where they are told so. One that comes to the last leader meanwhile is told to ask again.
func (v *View) Named(number kafka.PartitionNumber, now time.Time) (l Leader, ok bool) {
	if l, ok = v.leaders[number]; ok {
		return l, true
	}
	r, ok := v.resigned[number]
	if !ok || now.Sub(r.at) > JustLeft {
		return Leader{}, false
	}
	return r.leader, true
}

// hear takes in who leads now, and who does no more. A later epoch wins over an earlier one, whoever is heard first; who stops leads no more, and nobody else does by that.
func (v *View) hear(now time.Time, news []Led) {
	if len(news) == 0 { // each commit of the metadata has every node say how far it is, and nothing else
		return
	}
	leaders, last := maps.Clone(v.leaders), maps.Clone(v.resigned)
	if leaders == nil {
		leaders = make(map[kafka.PartitionNumber]Leader, len(news))
	}
	if last == nil {
		last = map[kafka.PartitionNumber]resigned{}
	}
	maps.DeleteFunc(last, func(_ kafka.PartitionNumber, r resigned) bool { return now.Sub(r.at) > JustLeft })
	for _, m := range news {
		old, known := leaders[m.Number]
		switch {
		case known && old.Epoch > m.Leader.Epoch, isOfBefore(v.Image, m.Number, m.Leader):
		case m.Leader.Replica != nil:
			leaders[m.Number] = m.Leader
			delete(last, m.Number)
		case known && old.Broker == m.Leader.Broker:
			delete(leaders, m.Number)
			if !m.Leader.OutOfService {
				old.Replica, old.Coordinator, old.HighWatermark = nil, nil, nil
				last[m.Number] = resigned{old, now}
			}
		}
	}
	v.leaders, v.resigned = leaders, last
}
