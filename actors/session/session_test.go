package session

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/messages"
)

// silentConn counts what a session does to its connection.
type silentConn struct{ sent, closed int }

func (c *silentConn) Send(*api.Request, [][]byte) { c.sent++ }
func (c *silentConn) Parked(*api.Request)         {}
func (c *silentConn) Close(string)                { c.closed++ }

// A node that ends answers the first request on each connection, if it comes soon, and none after that: a client that is never answered takes it for no broker at all.
func TestFirstRequestWhileDraining(t *testing.T) {
	const asks = 10 * time.Millisecond
	for _, c := range []struct {
		name    string
		asks    []time.Duration // before or after the drain, in this order
		answers int
		after   time.Duration
	}{
		{"a client that has been answered", []time.Duration{-asks}, 1, 0},
		{"one that has just connected", []time.Duration{asks, asks + 1}, 1, asks},
		{"one that says nothing", nil, 0, beginsWithin},
		{"one that is too late", []time.Duration{beginsWithin + asks}, 0, beginsWithin},
	} {
		st := actors.NewStepper(1, time.UnixMilli(1_000_000))
		system := actors.NewSystem(actors.Options{Incarnation: 1, Stepper: st, Rand: st.Rand()})
		env := api.NewEnv(api.Options{System: system, Router: messages.NewRouter(), Answers: actors.NewCredits(1 << 30)})
		conn := &silentConn{}
		pid, err := Spawn(nil, env, "one", conn)
		if err != nil {
			t.Fatal(err)
		}
		drained := st.Now().Add(time.Second)
		for i, at := range c.asks {
			frame := kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), int32(i))[4:]
			r, err := env.NewDecoder().Decode(frame, st.Now())
			if err != nil {
				t.Fatal(err)
			}
			st.AfterFunc(time.Second+at, func() { system.Root().Send(pid, &Arrived{Request: r}) })
		}
		st.AfterFunc(time.Second, func() { system.Root().Send(pid, &drain{}) })
		var closed time.Duration
		st.Run(func() bool {
			if conn.closed > 0 && closed == 0 {
				closed = st.Now().Sub(drained)
			}
			return false
		}, 10_000)
		if conn.sent != c.answers || conn.closed == 0 || closed < c.after || closed > c.after+asks {
			t.Errorf("%s: %d answers, closed after %v", c.name, conn.sent, closed)
		}
	}
}
