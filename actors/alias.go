package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// aliases are names under which other nodes reach actors of this one. An actor's own id holds the incarnation of its node, which others need not know.
type aliases struct {
	mu    sync.Mutex
	names map[string]*alias
}

// An alias is a process that hands on what it is sent. It stays for good, whoever is behind it: PIDs remember it.
type alias struct {
	system *System
	to     atomic.Pointer[actor.PID] // nil: nobody
}

// Alias makes an actor known under a name as well, in the place of another that was known under it.
func (s *System) Alias(name string, pid *actor.PID) {
	s.aliases.mu.Lock()
	defer s.aliases.mu.Unlock()
	a := s.aliases.names[name]
	if a == nil {
		if s.aliases.names == nil {
			s.aliases.names = map[string]*alias{}
		}
		a = &alias{system: s}
		s.aliases.names[name] = a
	}
	if a.to.Swap(pid) == nil {
		s.inner.ProcessRegistry.Add(a, name)
	}
}

// Unalias takes the name from the actor again, unless it is another's by now.
func (s *System) Unalias(name string, pid *actor.PID) {
	s.aliases.mu.Lock()
	defer s.aliases.mu.Unlock()
	a := s.aliases.names[name]
	if a == nil {
		return
	}
	if to := a.to.Load(); to != nil && to.Id == pid.Id {
		a.to.Store(nil)
		s.inner.ProcessRegistry.Remove(s.inner.NewLocalPID(name))
	}
}

// At returns the PID of the actor that is known under a name on the node of that address.
func At(address, name string) *actor.PID { return actor.NewPID(address, name) }

// SendUserMessage hands a message on.
func (a *alias) SendUserMessage(_ *actor.PID, message any) {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message
	}
	if to := a.to.Load(); to != nil {
		a.system.root.Send(to, message)
		return
	}
	a.system.Undelivered(message)
}

// SendSystemMessage does nothing: nobody stops or watches an actor by its alias.
func (a *alias) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing.
func (a *alias) Stop(*actor.PID) {}
