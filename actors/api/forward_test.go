package api

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// elsewhere has another node lead partition 0 from now on; it answers through the returned actor.
func (b *bench) elsewhere() *actor.PID {
	b.t.Helper()
	other, err := b.env.System.Spawn(nil, actors.Kind{Name: "leader"}, "other", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case actor.SystemMessage, actor.AutoReceiveMessage:
			default:
				b.asked = append(b.asked, m)
			}
		})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	view := b.env.Router.View()
	number := view.Image.Topic("orders").Partitions[0].Number
	view = view.With(b.env.System.Now(), messages.Led{Number: number, Leader: messages.Leader{Broker: 1, Epoch: 1}})
	view = view.Of(b.env.System.Now(), &messages.Leaders{Node: 2, Led: []messages.Led{{Number: number, Leader: messages.Leader{Broker: 2, Epoch: 5, Replica: other}}}})
	b.env.Router.Set(view)
	return other
}

func (b *bench) produce(sequence kafka.Sequence) *Request {
	w := record.Builder{Producer: &record.Producer{ID: 7, Sequence: sequence}}
	w.Add(record.Record{Timestamp: epoch.UnixMilli(), Value: []byte("v")})
	bytes, err := w.Build()
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(produceRequest(10, -1, map[int32]record.Batch{0: bytes}))
}

func (b *bench) produced(r *Request) int16 {
	b.t.Helper()
	return response[*kmsg.ProduceResponse](b, r).Topics[0].Partitions[0].ErrorCode
}

// What comes within a second after the leader has moved is handed on to it, what comes later is refused with its name.
func TestForwardedForASecond(t *testing.T) {
	b := newBench(t, nil)
	b.elsewhere()
	r := b.produce(0)
	b.reply(next[*messages.Produce](b).Reply, &messages.Produced{BaseOffset: 3}, nil)
	if code := b.produced(r); code != 0 {
		t.Errorf("at once: error %d", code)
	}
	b.at(messages.JustLeft + time.Millisecond)
	late := b.produce(1)
	if code, asked := b.produced(late), len(b.asked); code != kerr.NotLeaderForPartition.Code || asked != 0 {
		t.Errorf("a second later: error %d, %d messages", code, asked)
	}
	if l := response[*kmsg.ProduceResponse](b, late).Topics[0].Partitions[0].CurrentLeader; l.LeaderEpoch != 5 {
		t.Errorf("the client is told of the leader %+v", l)
	}
}

// A leader that comes back is sent what stands behind a batch that was refused: its partition knows whether the producer has had that taken elsewhere.
func TestTheLeaderComesBack(t *testing.T) {
	b := newBench(t, nil)
	here := b.env.Router.View()
	b.elsewhere()
	b.at(messages.JustLeft + time.Millisecond)
	if code := b.produced(b.produce(5)); code != kerr.NotLeaderForPartition.Code {
		t.Fatalf("error %d", code)
	}
	number := here.Image.Topic("orders").Partitions[0].Number
	l, _ := here.LeaderOf(number)
	l.Epoch = 6
	b.env.Router.Set(b.env.Router.View().With(b.env.System.Now(), messages.Led{Number: number, Leader: l}))
	b.produce(1000)
	if m := next[*messages.Produce](b); m.Batch.BaseSequence() != 1000 || !m.Behind {
		t.Errorf("sent %+v", m)
	}
	for range inFlightMax - 1 {
		b.produce(2000)
	}
	b.asked = nil
	b.produce(1003) // sent after the refusal was known
	if m := next[*messages.Produce](b); m.Behind {
		t.Errorf("sent %+v", m)
	}
}

// With a single address everything is served, wherever it is led, and clients know one broker.
func TestSingleAddressServesAll(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Single = &Endpoint{Host: "front", Port: 9000} })
	b.elsewhere()
	b.at(time.Hour)
	r := b.produce(0)
	b.reply(next[*messages.Produce](b).Reply, &messages.Produced{BaseOffset: 3}, nil)
	if code := b.produced(r); code != 0 {
		t.Errorf("error %d", code)
	}
	q := kmsg.NewPtrMetadataRequest()
	q.Version = 9
	a := response[*kmsg.MetadataResponse](b, b.send(q))
	if len(a.Brokers) != 1 || a.Brokers[0].NodeID != 0 || a.Brokers[0].Host != "front" || a.Brokers[0].Port != 9000 || a.ControllerID != 0 {
		t.Errorf("brokers %+v, controller %d", a.Brokers, a.ControllerID)
	}
	for _, p := range a.Topics[0].Partitions[:2] {
		if p.Leader != 0 || len(p.Replicas) != 1 || p.Replicas[0] != 0 {
			t.Errorf("%+v", p)
		}
	}
}

// While batches are on their way to one replica none goes to another: it could be there before them. Those that were refused come again, in their order.
func TestForwardingKeepsTheOrder(t *testing.T) {
	b := newBench(t, nil)
	one := b.produce(0)
	first := next[*messages.Produce](b)
	b.elsewhere()
	two := b.produce(1)
	if code, asked := b.produced(two), len(b.asked); code != kerr.NotLeaderForPartition.Code || asked != 0 {
		t.Fatalf("the second batch overtakes the first: error %d, %d messages", code, asked)
	}
	b.reply(first.Reply, nil, kerr.NotLeaderForPartition)
	if code := b.produced(one); code != kerr.NotLeaderForPartition.Code {
		t.Fatalf("the first batch: error %d", code)
	}
	for sequence := range kafka.Sequence(2) {
		r := b.produce(sequence)
		m := next[*messages.Produce](b)
		if m.Batch.BaseSequence() != sequence {
			t.Fatalf("sequence %d is sent, want %d", m.Batch.BaseSequence(), sequence)
		}
		b.reply(m.Reply, &messages.Produced{BaseOffset: kafka.Offset(sequence)}, nil)
		if code := b.produced(r); code != 0 {
			t.Errorf("sequence %d: error %d", sequence, code)
		}
	}
}

// What was asked of a node that dies is answered at once.
func TestNodeDownEndsCalls(t *testing.T) {
	st := actors.NewStepper(1, epoch)
	system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: st, Rand: st.Rand()})
	env := NewEnv(Options{System: system, Router: messages.NewRouter(), Broker: 1})
	calls := env.NewCalls(actor.NewPID("1", "session"), func(time.Time) actors.Timer { return nil })
	got := map[string]error{}
	for _, c := range []struct{ name, node string }{{"replica", "2"}, {"coordinator", "2"}, {"other", "3"}} {
		r := &Request{env: env, calls: calls}
		calls.ask(r, actor.NewPID(c.node, c.name), func(to messages.ReplyTo) any {
			if c.name == "coordinator" {
				return &messages.Coordinate{Reply: to}
			}
			return &messages.Fetch{Reply: to}
		}, func(_ any, err error) { got[c.name] = err }, false)
	}
	calls.NodeDown(2)
	if len(got) != 2 || got["replica"] != kerr.NotLeaderForPartition || got["coordinator"] != kerr.NotCoordinator {
		t.Errorf("answered: %v", got)
	}
}

// While a leader hands over, clients are told of the last one, as in Kafka: some give up where they are told that there is none.
func TestLastLeaderIsNamedForAMoment(t *testing.T) {
	b := newBench(t, nil)
	view := b.env.Router.View()
	b.env.Router.Set(view.With(b.env.System.Now(), messages.Led{Number: view.Image.Topic("orders").Partitions[0].Number, Leader: messages.Leader{Broker: 1, Epoch: 1}}))
	for _, step := range []struct {
		at     time.Duration
		leader int32
		epoch  int32
		code   int16
	}{{0, 1, 1, 0}, {messages.JustLeft, 1, 1, 0}, {messages.JustLeft + time.Millisecond, -1, -1, kerr.LeaderNotAvailable.Code}} {
		b.at(step.at)
		q := kmsg.NewPtrMetadataRequest()
		q.Version = 9
		p := response[*kmsg.MetadataResponse](b, b.send(q)).Topics[0].Partitions[0]
		if p.Leader != step.leader || p.LeaderEpoch != step.epoch || p.ErrorCode != step.code {
			t.Errorf("after %v leader %d, epoch %d, error %d", step.at, p.Leader, p.LeaderEpoch, p.ErrorCode)
		}
	}
	if code, asked := b.produced(b.produce(0)), len(b.asked); code != kerr.NotLeaderForPartition.Code || asked != 0 {
		t.Errorf("who comes to it is answered with error %d, after %d messages", code, asked)
	}
}
