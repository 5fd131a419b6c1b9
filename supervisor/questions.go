package supervisor

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
)

// questions asks actors for those who are none, such as the admin listener. They wait for the answers; the actors do not.
type questions struct {
	system *actors.System
	asked  atomic.Uint64
}

// A question takes the answers to one round of messages.
type question struct{ answers chan<- *messages.Reply }

// Receive hands an answer on.
func (q *question) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*messages.Reply); ok {
		select {
		case q.answers <- m:
		default: // it was answered twice
		}
	}
}

// ask has n messages sent, and returns the answers in their order, once all of them have come or the context ends. Errors are in the answers.
func (q *questions) ask(ctx context.Context, n int, send func(i int, to messages.ReplyTo)) ([]messages.Reply, error) {
	out := make([]messages.Reply, n)
	for i := range out {
		out[i].Err = errTooLate
	}
	answers := make(chan *messages.Reply, n)
	pid, err := q.system.Spawn(nil, actors.Kind{Name: "question"}, fmt.Sprintf("question-%d", q.asked.Add(1)), func() actor.Actor { return &question{answers} })
	if err != nil {
		return nil, err
	}
	defer q.system.Root().Stop(pid)
	for i := range n {
		send(i, messages.ReplyTo{PID: pid, Slot: uint64(i)})
	}
	for range n {
		select {
		case m := <-answers:
			out[m.Slot] = *m
		case <-ctx.Done():
			return out, nil
		}
	}
	return out, nil
}

// one asks one actor.
func (q *questions) one(ctx context.Context, to *actor.PID, message func(messages.ReplyTo) any) (any, error) {
	answers, err := q.ask(ctx, 1, func(_ int, reply messages.ReplyTo) { q.system.Root().Send(to, message(reply)) })
	if err != nil {
		return nil, err
	}
	return answers[0].Value, answers[0].Err
}
