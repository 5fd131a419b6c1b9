package actors

import "github.com/asynkron/protoactor-go/actor"

// Undeliverable is a message whose sender waits for an answer. Where it reaches nobody, because the actor that it was for has ended, the sender gets this
// one. A nil PID stands for nobody.
type Undeliverable interface {
	Undelivered() (to *actor.PID, answer any)
}

// Undelivered answers for an actor that is not there, or can't be reached.
func (s *System) Undelivered(message any) {
	if m, ok := message.(Undeliverable); ok {
		if to, answer := m.Undelivered(); to != nil {
			s.root.Send(to, answer)
		}
	}
}

// watchDeadLetters has messages answered that were sent to an actor that had ended by then.
func (s *System) watchDeadLetters() {
	s.inner.EventStream.Subscribe(func(event any) {
		if d, ok := event.(*actor.DeadLetterEvent); ok {
			s.Undelivered(d.Message)
		}
	})
}
