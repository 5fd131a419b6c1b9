package api

import (
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A Request is one request of a client. After Decode it belongs to its session's actor.
type Request struct {
	API        *API
	Version    int16
	ClientID   string
	ClientHost string // the address that the connection came from, as Kafka shows it: /127.0.0.1
	Received   time.Time
	Size       int // of its frame, in bytes
	Held       int // credits that it holds; they are its connection's business
	Body       kmsg.Request

	// Done, which the session sets, is called once, when the request is over. The response is the pieces of a frame without its
	// length, to be written one behind the other; nil where the client expects none. A reason, where not empty, is why
	// the connection must be closed.
	Done func(response [][]byte, reason string)

	env         *Env
	calls       *Calls
	correlation uint32
	batches     []checkedBatch
	view        *messages.View
	open        []uint64 // the slots of its questions, answered ones too
	deadline    time.Time
	expired     func()
	hurry       func() // where not nil, ends a wait for records
	code        int16  // the first error that was answered
	over        bool
}

// Cost is about how many bytes the request and its answer may take, as far as is known before it is served.
func (r *Request) Cost() int {
	if f, ok := r.Body.(*kmsg.FetchRequest); ok {
		return r.Size + min(max(0, int(f.MaxBytes)), r.env.FetchBytesMax)
	}
	return r.Size
}

// Weight is how many bytes the request takes of the node's memory until it is answered. What is no batch of records unpacks to many small things.
func (r *Request) Weight() int {
	if r.API.Key == kmsg.Produce || r.Size <= lightBytesMax {
		return r.Size
	}
	return r.Size * unpackedPerByte
}

const (
	lightBytesMax   = 64 << 10
	unpackedPerByte = 64
)

// image is the cluster's metadata as the request sees it.
func (r *Request) image() *metadata.Image { return r.view.Image }

// errCode returns an error's code, and remembers the first that is not zero.
func (r *Request) errCode(err error) int16 { return r.noteCode(kafka.Code(err)) }

func (r *Request) noteCode(code int16) int16 {
	if r.code == 0 {
		r.code = code
	}
	return code
}

// respond answers the request. What it still asks of others is forgotten.
func (r *Request) respond(response kmsg.Response) {
	response.SetVersion(r.Version)
	r.respondPieces(r.encode(response))
}

func (r *Request) respondPieces(pieces [][]byte) { r.finish(pieces, "") }

// close ends the request, and its connection, without an answer.
func (r *Request) close(reason string) { r.finish(nil, reason) }

func (r *Request) finish(pieces [][]byte, reason string) {
	if r.over {
		return
	}
	r.over = true
	r.calls.forget(r)
	if r.env.Observe != nil {
		r.env.Observe(r.API.Name(), r.code, r.env.System.Now().Sub(r.Received))
	}
	r.Done(pieces, reason)
}

// ask sends a question to another actor; done is called with the answer. The message is made by build, which
// is told where the answer goes.
func (r *Request) ask(to *actor.PID, build func(messages.ReplyTo) any, done func(value any, err error)) messages.ReplyTo {
	return r.calls.ask(r, to, build, done, false)
}

// subscribe is ask for questions that may be answered more than once: done is called until drop is.
func (r *Request) subscribe(to *actor.PID, build func(messages.ReplyTo) any, done func(value any, err error)) messages.ReplyTo {
	return r.calls.ask(r, to, build, done, true)
}

func (r *Request) drop(to messages.ReplyTo) { delete(r.calls.open, to.Slot) }

// by sets until when the request may take, and what is done then: with nil every open question is answered with
// REQUEST_TIMED_OUT.
func (r *Request) by(deadline time.Time, expired func()) {
	r.deadline, r.expired = deadline, expired
	r.calls.arm(deadline)
}

func (r *Request) expire() {
	if r.expired != nil {
		r.expired()
		return
	}
	r.calls.timeOut(r)
}

// patience is how long a request waits for other actors where it does not say so itself.
const patience = 30 * time.Second

// within sets a time-out that a client gave, in milliseconds.
func (r *Request) within(millis int32) {
	r.by(r.Received.Add(time.Duration(max(0, millis))*time.Millisecond), nil)
}

// partition finds a partition that a client named, and who leads it. An error is what the client is told.
func (r *Request) partition(t *metadata.Topic, index int32) (*metadata.Partition, messages.Leader, error) {
	if t == nil || index < 0 || int(index) >= len(t.Partitions) {
		return nil, messages.Leader{Broker: kafka.NoBroker, Epoch: kafka.NoEpoch}, kerr.UnknownTopicOrPartition
	}
	p := &t.Partitions[index]
	l, ok := r.view.LeaderOf(p.Number)
	if !ok {
		return p, messages.Leader{Broker: kafka.NoBroker, Epoch: kafka.NoEpoch}, kerr.NotLeaderForPartition
	}
	return p, l, nil
}

// isLive tells whether a node is there; this one is.
func (r *Request) isLive(node kafka.BrokerID) bool {
	return node == r.env.Broker || r.view.IsLive(node)
}

// topicBy finds a topic by its name or, where byID, by its id. An error is what the client is told.
func (r *Request) topicBy(name string, id kafka.TopicID, byID bool) (*metadata.Topic, error) {
	if byID {
		if t := r.image().TopicByID(id); t != nil {
			return t, nil
		}
		return nil, kerr.UnknownTopicID
	}
	if t := r.image().Topic(name); t != nil {
		return t, nil
	}
	return nil, kerr.UnknownTopicOrPartition
}

// askController asks the machine of the cluster's metadata. Where nobody leads it, or it does not answer in time, done gets an error.
func (r *Request) askController(body any, done func(value any, err error)) {
	l, ok := r.view.Controller()
	if !ok || l.Coordinator == nil {
		done(nil, kerr.NotController)
		return
	}
	r.ask(l.Coordinator, func(to messages.ReplyTo) any {
		return &messages.Coordinate{Body: body, ClientID: r.ClientID, ClientHost: r.ClientHost, Broker: r.env.Broker, Reply: to}
	}, done)
}

// await calls done once the topics' partitions have leaders and those that are gone are unknown here, or the time is over. The
// request sees the cluster as it is then.
func (r *Request) await(topics, gone []kafka.TopicID, timeoutMillis int32, done func(err error)) {
	r.ask(r.env.Directory, func(to messages.ReplyTo) any {
		return &messages.AwaitLeaders{Topics: topics, Gone: gone, TimeoutMillis: timeoutMillis, Reply: to}
	}, func(_ any, err error) {
		r.view = r.env.Router.View()
		done(err)
	})
}

// shown calls done once this node shows what the controller has answered: the directory heard of the rows before the answer was sent.
func (r *Request) shown(done func()) {
	r.await(nil, nil, createWithin, func(error) { done() })
}

// leaderNow returns who leads a partition at this moment, which may be later than what the request saw, and the broker that it is; nil where
// nobody is known to lead.
func (r *Request) leaderNow(t *metadata.Topic, index int32) (messages.Leader, *metadata.Broker) {
	view := r.env.Router.View()
	if p := view.Image.Partition(kafka.TopicPartition{Topic: t.Name, Partition: index}); p != nil {
		if l, ok := view.LeaderOf(p.Number); ok {
			b := r.told(view.Image, l.Broker)
			if l.Broker = kafka.NoBroker; b != nil {
				l.Broker = b.ID
			}
			return l, b
		}
	}
	return messages.Leader{Broker: kafka.NoBroker, Epoch: kafka.NoEpoch}, nil
}

func rackOf(b *metadata.Broker) *string {
	if b.Rack == "" {
		return nil
	}
	return &b.Rack
}

// detail is the words that go with an error, where there are any beyond its name.
func detail(err error) *string {
	var d *kafka.DetailedError
	if errors.As(err, &d) {
		return &d.Message
	}
	return nil
}

// after returns a function that calls f when it is called for the n-th time.
func after(n int, f func()) func() {
	return func() {
		if n--; n == 0 {
			f()
		}
	}
}
