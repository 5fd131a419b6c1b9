package api

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A bench is one session's calls in a stepper, over partitions and a controller that the test plays.
type bench struct {
	t      *testing.T
	st     *actors.Stepper
	env    *Env
	pid    *actor.PID
	leader *actor.PID
	asked  []any // what the partitions and the controller were sent
	served map[*Request]*[][]byte
	closed string
}

// newBench knows one topic, "orders", of three partitions, of which the third has no leader.
func newBench(t *testing.T, change func(*Options)) *bench {
	b := &bench{t: t, st: actors.NewStepper(1, epoch), served: map[*Request]*[][]byte{}}
	system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: b.st, Rand: b.st.Rand()})
	router := messages.NewRouter()
	controller := metadata.NewController(metadata.ControllerOptions{ClusterID: "the cluster", DefaultPartitions: 3, DefaultReplicationFactor: 1, DeleteTopics: true})
	out, err := controller.Restore(epoch, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := out.Records
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 3, 1
	create.Topics = append(create.Topics, topic)
	for _, body := range []any{&metadata.RegisterBroker{Broker: metadata.Broker{ID: 1, StoreID: "a", RaftID: 1, Host: "here", Port: 9092}}, create} {
		rows = append(rows, controller.Handle(epoch, &partition.Request{Body: body, Nonce: [16]byte{1, 2}}).Records...)
	}
	image, err := messages.NewRouter().View().Image.Apply(rows)
	if err != nil {
		t.Fatal(err)
	}
	b.leader, err = system.Spawn(nil, actors.Kind{Name: "leader"}, "leader", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case actor.SystemMessage, actor.AutoReceiveMessage:
			default:
				b.asked = append(b.asked, m)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	leaders := []messages.Led{{Number: kafka.MetadataPartition, Leader: messages.Leader{Broker: 1, Epoch: 1, Replica: b.leader, Coordinator: b.leader}}}
	for i, p := range image.Topic("orders").Partitions[:2] {
		leaders = append(leaders, messages.Led{Number: p.Number, Leader: messages.Leader{Broker: 1, Epoch: kafka.LeaderEpoch(i + 1), Replica: b.leader, InSync: []kafka.BrokerID{1}}})
	}
	router.Set(messages.NewView(image).With(epoch, leaders...))
	o := Options{
		System: system, Router: router, Directory: b.leader, Broker: 1, AutoCreateTopics: true, OffsetsPartitions: 5, OffsetsReplication: 1,
		FetchBytesMax: 1 << 20, FetchSessions: 2, DescribePartitionsMax: 100,
	}
	if change != nil {
		change(&o)
	}
	b.env = NewEnv(o)
	b.pid, err = system.Spawn(nil, actors.Kind{Name: "session"}, "session", func() actor.Actor {
		var calls *Calls
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				calls = b.env.NewCalls(ctx.Self(), func(at time.Time) actors.Timer { return system.After(at.Sub(system.Now()), ctx.Self(), "alarm") })
			case *Request:
				calls.Serve(m)
			case *messages.Reply:
				calls.Reply(m)
			case string:
				calls.Expire(system.Now())
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send has a request served, in the form in which a client's comes.
func (b *bench) send(q kmsg.Request) *Request {
	b.t.Helper()
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, q, 42)[4:]
	r, err := b.env.NewDecoder().Decode(frame, b.env.System.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	r.Done = func(pieces [][]byte, reason string) { b.served[r], b.closed = &pieces, reason }
	b.env.System.Root().Send(b.pid, r)
	b.settle()
	return r
}

// settle runs what is to be done now; time stands still.
func (b *bench) settle() { b.at(0) }

// at lets an amount of time pass.
func (b *bench) at(d time.Duration) {
	over := false
	b.env.System.After(d, b.leader, "over")
	b.st.Run(func() bool {
		if n := len(b.asked); n > 0 && b.asked[n-1] == "over" {
			b.asked, over = b.asked[:n-1], true
		}
		return over
	}, 100_000)
}

// next returns the oldest message that was sent to a partition or the controller.
func next[T any](b *bench) T {
	b.t.Helper()
	if len(b.asked) == 0 {
		b.t.Fatalf("nothing was asked, want a %T", *new(T))
	}
	m, ok := b.asked[0].(T)
	if !ok {
		b.t.Fatalf("asked %T, want %T", b.asked[0], *new(T))
	}
	b.asked = b.asked[1:]
	return m
}

func (b *bench) reply(to messages.ReplyTo, value any, err error) {
	b.env.System.Root().Send(to.PID, &messages.Reply{Slot: to.Slot, Value: value, Err: err})
	b.settle()
}

// noPanics fails the test where a handler has panicked.
func (b *bench) noPanics() {
	b.t.Helper()
	for _, info := range b.env.System.Tree() {
		if info.LastFailure != nil {
			b.t.Fatalf("%s panicked: %s\n%s", info.ID, info.LastFailure.Reason, info.LastFailure.Stack)
		}
	}
}

// response returns what the client gets, nil where it gets nothing yet.
func response[T kmsg.Response](b *bench, r *Request) (out T) {
	b.t.Helper()
	pieces := b.served[r]
	if pieces == nil {
		return out
	}
	var frame []byte
	for _, p := range *pieces {
		frame = append(frame, p...)
	}
	decoded := r.Body.ResponseKind()
	decoded.SetVersion(r.Version)
	header := 4
	if decoded.IsFlexible() && r.API.Key != kmsg.ApiVersions {
		header++
	}
	if err := decoded.ReadFrom(frame[header:]); err != nil {
		b.t.Fatal(err)
	}
	return decoded.(T)
}

// batch returns a batch with so many records of a size.
func batch(t testing.TB, base kafka.Offset, records, size int) record.Batch {
	t.Helper()
	var w record.Builder
	for range records {
		w.Add(record.Record{Timestamp: epoch.UnixMilli(), Value: make([]byte, size)})
	}
	out, err := w.Build()
	if err != nil {
		t.Fatal(err)
	}
	out.Stamp(base, 1)
	return out
}
