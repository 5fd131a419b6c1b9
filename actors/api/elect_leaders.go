package api

import (
	"errors"
	"maps"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// The types of elections (KIP-460).
const (
	preferredElection = 0
	uncleanElection   = 1
)

// electWithin is how long a handover is waited for, in milliseconds. It takes one round of messages, or it is given up within a second.
const electWithin = 5000

// errNoUncleanElection refuses what could lose acknowledged records.
var errNoUncleanElection = kafka.Errorf(kerr.EligibleLeadersNotAvailable,
	"A replica that may lack acknowledged records is never elected. The partition gets a leader as soon as most of its replicas are there.")

// ElectLeaders, versions 0-2. v1 types of elections (KIP-460). v2 flexible. The preferred leaders lead by the time of the answer. No topics mean all partitions, of which those
// whose preferred leader leads already are left out.
func electLeaders(r *Request) {
	q := r.Body.(*kmsg.ElectLeadersRequest)
	r.within(q.TimeoutMillis)
	e := &election{r: r, q: q, response: kmsg.NewPtrElectLeadersResponse(), awaited: map[kafka.PartitionNumber]kafka.BrokerID{}}
	if q.ElectionType != preferredElection && q.ElectionType != uncleanElection {
		e.response.ErrorCode = r.errCode(kerr.InvalidRequest)
		r.respond(e.response)
		return
	}
	e.look()
	done := after(len(e.ballots)+1, e.await)
	for _, b := range e.ballots {
		r.ask(b.Leader.Replica, func(to messages.ReplyTo) any {
			return &messages.Transfer{To: b.To.RaftID, Reply: to}
		}, func(_ any, err error) {
			if b.err = err; err == nil {
				e.awaited[b.number] = b.To.Broker
			}
			done()
		})
	}
	done()
}

// An election is such a request on its way.
type election struct {
	r        *Request
	q        *kmsg.ElectLeadersRequest
	response *kmsg.ElectLeadersResponse
	ballots  []*ballot
	awaited  map[kafka.PartitionNumber]kafka.BrokerID
}

// A ballot is a partition whose leader hands over.
type ballot struct {
	messages.Succession
	number           kafka.PartitionNumber
	topic, partition int // in the response
	err              error
}

// look finds out what there is to do.
func (e *election) look() {
	asked := e.q.Topics
	if asked == nil {
		for _, t := range e.r.image().Topics() {
			all := kmsg.NewElectLeadersRequestTopic()
			all.Topic = t.Name
			for i := range t.Partitions {
				all.Partitions = append(all.Partitions, int32(i))
			}
			asked = append(asked, all)
		}
	}
	for _, t := range asked {
		a := kmsg.NewElectLeadersResponseTopic()
		a.Topic = t.Topic
		for _, index := range t.Partitions {
			p, h, err := e.elect(t.Topic, index)
			if e.q.Topics == nil && errors.Is(err, kerr.ElectionNotNeeded) {
				continue
			}
			if err == nil {
				e.ballots = append(e.ballots, &ballot{Succession: h, number: p.Number, topic: len(e.response.Topics), partition: len(a.Partitions)})
			}
			out := kmsg.NewElectLeadersResponseTopicPartition()
			out.Partition, out.ErrorCode, out.ErrorMessage = index, e.r.errCode(err), kafka.Message(err)
			a.Partitions = append(a.Partitions, out)
		}
		e.response.Topics = append(e.response.Topics, a)
	}
}

func (e *election) elect(topic string, index int32) (*metadata.Partition, messages.Succession, error) {
	if e.r.image().Topic(topic) == nil {
		return nil, messages.Succession{}, kafka.Errorf(kerr.UnknownTopicOrPartition, "No such topic as %s", topic)
	}
	p := e.r.image().Partition(kafka.TopicPartition{Topic: topic, Partition: index})
	if p == nil {
		return nil, messages.Succession{}, kafka.Errorf(kerr.UnknownTopicOrPartition, "No such partition as %s-%d", topic, index)
	}
	if e.q.ElectionType == uncleanElection {
		if _, ok := e.r.view.LeaderOf(p.Number); ok {
			return nil, messages.Succession{}, kerr.ElectionNotNeeded
		}
		return nil, messages.Succession{}, errNoUncleanElection
	}
	h, err := e.r.view.PreferLeader(p, e.r.env.Broker)
	return p, h, err
}

// await waits until this node has heard of the new leaders.
func (e *election) await() {
	if len(e.awaited) == 0 {
		e.respond()
		return
	}
	e.r.ask(e.r.env.Directory, func(to messages.ReplyTo) any {
		return &messages.AwaitLedBy{Leaders: maps.Clone(e.awaited), TimeoutMillis: min(e.q.TimeoutMillis, electWithin), Reply: to}
	}, func(any, error) { e.respond() })
}

func (e *election) respond() {
	view := e.r.env.Router.View()
	for _, b := range e.ballots {
		if l, _ := view.LeaderOf(b.number); b.err == nil && l.Broker != b.To.Broker {
			b.err = kafka.Errorf(kerr.RequestTimedOut, "Broker %d has not taken over in time.", b.To.Broker)
		}
		out := &e.response.Topics[b.topic].Partitions[b.partition]
		out.ErrorCode, out.ErrorMessage = e.r.errCode(b.err), kafka.Message(b.err)
	}
	e.r.respond(e.response)
}
