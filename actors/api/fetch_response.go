package api

import (
	"encoding/binary"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

// A fetchAnswer is a response to a fetch. It is encoded here and not by kmsg, because record batches go to the socket from where
// they lie: the pieces of the frame alternate between what is encoded and the batches.
type fetchAnswer struct {
	code      int16
	sessionID int32
	topics    []fetchedTopic
}

type fetchedTopic struct {
	name       string
	id         kafka.TopicID
	partitions []*fetchedPartition
}

type fetchedPartition struct {
	partition                           int32
	code                                int16
	highWatermark, lastStable, logStart kafka.Offset
	divergingEpoch                      kafka.LeaderEpoch
	divergingEnd                        kafka.Offset
	committed                           bool // the client reads what is committed only; others are told of no aborted transactions
	aborted                             []messages.AbortedTransaction
	batches                             []record.Batch
	preferred                           kafka.BrokerID // where the client should read instead
	leader                              kafka.BrokerID // who leads now, where the client was wrong about it
	leaderEpoch                         kafka.LeaderEpoch
	node                                *metadata.Broker
}

// add appends a partition; partitions of one topic that follow each other stand together.
func (a *fetchAnswer) add(p *fetchPart, f *fetchedPartition) {
	if n := len(a.topics); n == 0 || a.topics[n-1].id != p.key.id || a.topics[n-1].name != p.key.topic {
		a.topics = append(a.topics, fetchedTopic{name: p.key.topic, id: p.key.id})
	}
	t := &a.topics[len(a.topics)-1]
	t.partitions = append(t.partitions, f)
}

func respondFetch(r *Request, a *fetchAnswer) {
	w := &fetchWriter{version: r.Version, flexible: r.Version >= 12}
	w.b = r.responseHeader(make([]byte, 0, 512), w.flexible)
	w.response(a)
	r.respondPieces(append(w.pieces, w.b))
}

// A fetchWriter encodes a fetch response.
type fetchWriter struct {
	version  int16
	flexible bool
	pieces   [][]byte
	b        []byte
}

func (w *fetchWriter) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *fetchWriter) int32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *fetchWriter) int64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

// length writes the length of an array or of bytes.
func (w *fetchWriter) length(n int) {
	if w.flexible {
		w.b = binary.AppendUvarint(w.b, uint64(n)+1)
	} else {
		w.int32(int32(n))
	}
}

func (w *fetchWriter) string(s string) {
	if w.flexible {
		w.b = binary.AppendUvarint(w.b, uint64(len(s))+1)
	} else {
		w.int16(int16(len(s)))
	}
	w.b = append(w.b, s...)
}

// tags writes the tagged fields, of which each is a number and its bytes.
func (w *fetchWriter) tags(fields ...fetchTag) {
	if !w.flexible {
		return
	}
	w.b = binary.AppendUvarint(w.b, uint64(len(fields)))
	for _, f := range fields {
		w.b = binary.AppendUvarint(w.b, uint64(f.number))
		w.b = binary.AppendUvarint(w.b, uint64(len(f.bytes)))
		w.b = append(w.b, f.bytes...)
	}
}

type fetchTag struct {
	number int
	bytes  []byte
}

func (w *fetchWriter) response(a *fetchAnswer) {
	w.int32(0) // throttle time
	if w.version >= 7 {
		w.int16(a.code)
		w.int32(a.sessionID)
	}
	w.length(len(a.topics))
	for i := range a.topics {
		w.topic(&a.topics[i])
	}
	var nodes []*metadata.Broker
	if w.version >= 16 {
		nodes = a.nodes()
	}
	if len(nodes) == 0 {
		w.tags()
		return
	}
	w.tags(fetchTag{0, w.endpoints(nodes)})
}

// nodes are the brokers that the answer points to.
func (a *fetchAnswer) nodes() (out []*metadata.Broker) {
	seen := map[kafka.BrokerID]bool{}
	for _, t := range a.topics {
		for _, p := range t.partitions {
			if p.node != nil && !seen[p.node.ID] {
				seen[p.node.ID] = true
				out = append(out, p.node)
			}
		}
	}
	return out
}

func (w *fetchWriter) endpoints(nodes []*metadata.Broker) []byte {
	e := fetchWriter{flexible: true}
	e.length(len(nodes))
	for _, n := range nodes {
		e.int32(int32(n.ID))
		e.string(n.Host)
		e.int32(n.Port)
		if n.Rack == "" {
			e.b = append(e.b, 0) // null
		} else {
			e.string(n.Rack)
		}
		e.tags()
	}
	return e.b
}

func (w *fetchWriter) topic(t *fetchedTopic) {
	if w.version >= 13 {
		w.b = append(w.b, t.id[:]...)
	} else {
		w.string(t.name)
	}
	w.length(len(t.partitions))
	for _, p := range t.partitions {
		w.partition(p)
	}
	w.tags()
}

func (w *fetchWriter) partition(p *fetchedPartition) {
	w.int32(p.partition)
	w.int16(p.code)
	w.int64(int64(p.highWatermark))
	w.int64(int64(p.lastStable))
	if w.version >= 5 {
		w.int64(int64(p.logStart))
	}
	if p.committed {
		w.length(len(p.aborted))
	} else {
		w.length(-1) // null
	}
	for _, t := range p.aborted {
		w.int64(int64(t.ProducerID))
		w.int64(int64(t.FirstOffset))
		w.tags()
	}
	if w.version >= 11 {
		w.int32(int32(p.preferred))
	}
	w.records(p.batches)
	var fields []fetchTag
	if p.divergingEpoch != kafka.NoEpoch {
		e := fetchWriter{flexible: true}
		e.int32(int32(p.divergingEpoch))
		e.int64(int64(p.divergingEnd))
		e.tags()
		fields = append(fields, fetchTag{0, e.b})
	}
	if p.leader != kafka.NoBroker || p.leaderEpoch != kafka.NoEpoch {
		e := fetchWriter{flexible: true}
		e.int32(int32(p.leader))
		e.int32(int32(p.leaderEpoch))
		e.tags()
		fields = append(fields, fetchTag{1, e.b})
	}
	w.tags(fields...)
}

// pieceMin is how large a run of batches is before it becomes a piece of its own; copying a smaller one costs less.
const pieceMin = 2048

func (w *fetchWriter) records(batches []record.Batch) {
	n := 0
	for _, b := range batches {
		n += len(b)
	}
	w.length(n)
	for _, b := range batches {
		if len(b) < pieceMin {
			w.b = append(w.b, b...)
			continue
		}
		w.pieces = append(w.pieces, w.b, b)
		w.b = make([]byte, 0, 256)
	}
}
