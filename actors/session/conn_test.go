package session

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors"
	"troupe/actors/api"
	"troupe/actors/messages"
)

func testListener(t *testing.T) *Listener {
	t.Helper()
	system := actors.NewSystem(actors.Options{Incarnation: 1, Policies: map[string]actors.Policy{kind.Name: actors.Never}})
	t.Cleanup(func() { system.Shutdown(time.Minute) })
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(nil, Options{
		Env:    api.NewEnv(api.Options{System: system, Router: messages.NewRouter(), Answers: actors.NewCredits(1 << 30)}),
		Socket: socket, RequestBytesMax: 1 << 20, QueuedBytesMax: 1 << 20, IdleMax: time.Minute,
		Limits: func() (int, int) { return 1000, 1000 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// An answer for a connection that has just ended takes nothing that nobody would give back.
func TestLateAnswer(t *testing.T) {
	l := testListener(t)
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	c := newConn(l, server)
	r := &api.Request{API: &api.API{Key: kmsg.Metadata}, Size: 10, Held: 10}
	c.borrow(r.Held)
	l.ended(c)
	c.Send(r, [][]byte{make([]byte, 50)})
	late := &api.Request{API: &api.API{Key: kmsg.Metadata}, Size: 10, Held: 10}
	c.Parked(late)
	if answers, requests := l.answers().Used(), l.requests.Used(); answers != 0 || requests != 0 {
		t.Errorf("%d bytes of answers and %d of requests are taken by nobody", answers, requests)
	}
}

// Clients that ask much and reset their connections leave nothing behind.
func TestResets(t *testing.T) {
	l := testListener(t)
	many := bytes.Repeat(kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), 1), 200)
	for range 200 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(many); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for deadline := time.Now().Add(time.Minute); l.Count() > 0 || l.answers().Used() != 0 || l.requests.Used() != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, %d bytes of answers and %d of requests are left", l.Count(), l.answers().Used(), l.requests.Used())
		}
	}
}
