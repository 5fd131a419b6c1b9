package session

import (
	"runtime"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/messages"
)

// kind is the kind of sessions. They should be given the policy actors.Never.
var kind = actors.Kind{Name: "session", Batching: true}

// A Conn is what a session's actor needs of its connection. The methods return at once.
type Conn interface {
	// Send writes an answer, given as the pieces of a frame, behind those that were sent before. No pieces mean that the request
	// is over without an answer.
	Send(r *api.Request, pieces [][]byte)
	// Parked says that a request waits for others: for records, or for other members of its group. What it took of the node's memory for
	// requests is free for those, or they could never come.
	Parked(r *api.Request)
	// Close ends the connection, after what was sent is written. A reason, where not empty, is logged.
	Close(reason string)
}

// beginsWithin is how long a node that ends waits for the first request on a connection. Clients take one that is closed before its first answer for one that wants another protocol,
// and some don't try again.
const beginsWithin = 200 * time.Millisecond

// What a session hears from its connection and says to itself.
type (
	// Arrived is a request of the client.
	Arrived struct{ Request *api.Request }
	// Closed says that the connection is over.
	Closed struct{}

	alarm struct{ at time.Time }
	// drain asks a session to end once what it was asked is answered.
	drain struct{}
	// silent says that a client which had just connected when its node began to end was waited for.
	silent struct{}
)

// A session is the actor of one connection.
type session struct {
	env   *api.Env
	conn  Conn
	calls *api.Calls
	queue pipeline

	draining bool
	begun    bool // it was asked something
}

// Spawn starts a session on a connection. It belongs to the parent.
func Spawn(parent actor.SpawnerContext, env *api.Env, name string, c Conn) (*actor.PID, error) {
	return env.System.Spawn(parent, kind, name, func() actor.Actor { return &session{env: env, conn: c} })
}

// Receive handles a backlog, or a step in the actor's life.
func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		self := ctx.Self()
		s.calls = s.env.NewCalls(self, func(at time.Time) actors.Timer {
			return s.env.System.After(max(0, at.Sub(s.env.System.Now())), self, &alarm{at})
		})
	case *actor.Stopping:
		s.calls.Close()
		s.conn.Close("")
	case *actors.Batch:
		for message := range m.All() {
			s.handle(ctx, message)
			if m.Len() > 0 {
				runtime.Gosched() // a client with much to ask is no reason to wait for others
			}
		}
	}
}

func (s *session) handle(ctx actor.Context, message any) {
	switch m := message.(type) {
	case *Arrived:
		if !s.draining || !s.begun { // the client finds the connection closed, and repeats the request elsewhere
			s.serve(m.Request)
		}
	case *messages.Reply:
		s.calls.Reply(m)
	case *messages.NodeDown:
		s.calls.NodeDown(m.Node)
	case *messages.NodeLost:
		s.calls.NodeDown(m.Node) // the answer may be what is lost
	case *alarm:
		s.calls.Expire(s.env.System.Now())
	case *Closed:
		ctx.Stop(ctx.Self())
	case *drain:
		s.draining = true
		s.calls.Hurry()
		if !s.begun {
			s.env.System.After(beginsWithin, ctx.Self(), &silent{})
			return
		}
	case *silent:
		s.begun = true
	}
	if s.draining && s.begun && s.queue.empty() {
		ctx.Stop(ctx.Self())
	}
}

func (s *session) serve(r *api.Request) {
	s.begun = true
	a := s.queue.add(r)
	r.Done = func(pieces [][]byte, reason string) {
		a.done, a.pieces = true, pieces
		if reason != "" {
			a.reason = reason
		}
		s.flush()
	}
	s.calls.Serve(r)
	if !a.done && r.API.Key != kmsg.Produce { // a batch waits for nobody but the disk
		s.conn.Parked(r)
	}
}

// flush hands over the answers whose turn it is.
func (s *session) flush() {
	for a := s.queue.next(); a != nil; a = s.queue.next() {
		s.conn.Send(a.request, a.pieces)
		if a.reason != "" {
			s.conn.Close(a.reason)
		}
	}
}
