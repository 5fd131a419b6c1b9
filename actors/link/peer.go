package link

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"

	"troupe/actors"
)

// What a peer's actor hears beside greeted, beat and broken.
type (
	moved  struct{ address string }
	tick   struct{ of *peer } // those of an earlier incarnation are not for this one
	redial struct {
		of   *peer
		lane actors.Lane
	}
	dialed struct {
		links   *Links
		attempt *attempt
		socket  net.Conn
		hello   Hello
		err     error
	}
)

// Undelivered closes a connection that came too late for whoever wanted it.
func (d *dialed) Undelivered() (*actor.PID, any) {
	if d.socket != nil {
		d.links.close(d.socket)
	}
	return nil, nil
}

// A peer keeps the link with one node: a connection for each lane, and what is known of its life.
type peer struct {
	links   *Links
	remote  *remote
	address string

	self  *actor.PID
	lanes [actors.Lanes]lane
	hello *Hello // of the incarnation that the connections lead to; nil where there are none
	up    bool

	heard     time.Time // its last heartbeat
	heardFrom uint64    // the incarnation that it was from
	heardUs   time.Time // its last heartbeat that said that it hears this node
	ticked    time.Time
	forgiven  bool          // the peer was given time anew, and has not shown since that the link works
	pause     time.Duration // before the next attempt
}

// A lane is one of the peer's connections, or the way to it.
type lane struct {
	conn    *outbound
	since   time.Time // that there is a connection, or that there is none
	lost    bool      // there was one to the same incarnation
	attempt *attempt
	timer   actors.Timer
}

// An attempt is a call in progress.
type attempt struct {
	lane   actors.Lane
	began  time.Time
	cancel context.CancelFunc
}

// Receive handles one message.
func (p *peer) Receive(ctx actor.Context) {
	now := p.links.o.System.Now()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self = ctx.Self()
		p.dial(now, actors.Control)
		p.tick(now)
	case *actor.Stopping:
		p.down(now, "it is no peer any more", false)
		p.links.cut(p.remote.node)
	case *actor.Restarting:
		p.down(now, "its actor is restarted", false)
	case *actors.WorkFailed:
		panic(m.Panic)
	case *announce:
		if p.up {
			p.links.tell(&Up{*p.hello})
		}
	case *moved:
		if p.address = m.address; !p.up {
			p.again(now)
		}
	case *greeted:
		p.greeted(now, m.hello)
	case *arrivedAgain:
		if p.up {
			p.links.tell(&Lost{p.remote.node})
		}
	case *beat:
		p.beat(now, m)
	case *tick:
		if m.of == p {
			p.tick(now)
		}
	case *redial:
		if m.of == p {
			p.lanes[m.lane].timer = nil
			p.dial(now, m.lane)
		}
	case *dialed:
		p.dialed(now, m)
	case *broken:
		p.broken(now, m)
	}
}

// dial calls the peer for a lane that has no connection.
func (p *peer) dial(now time.Time, l actors.Lane) {
	at := &p.lanes[l]
	if at.conn != nil || at.attempt != nil || l != actors.Control && p.hello == nil {
		return
	}
	if at.timer != nil {
		at.timer.Stop()
		at.timer = nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{l, now, cancel}
	at.attempt = a
	links, address, mine := p.links, p.address, greeting{Hello: p.links.Hello(), For: l.String(), Wants: p.remote.node}
	links.o.System.Work(p.self, func() any {
		defer cancel()
		socket, hello, err := links.dial(ctx, address, mine)
		return &dialed{links, a, socket, hello, err}
	})
}

// again calls at once where there is no connection, whatever pause was agreed.
func (p *peer) again(now time.Time) {
	p.pause = 0
	for l := range actors.Lane(actors.Lanes) {
		if a := p.lanes[l].attempt; a != nil && now.Sub(a.began) > heartbeatEvery {
			a.cancel() // it may wait for an answer to a packet that was lost
			p.lanes[l].attempt = nil
		}
		p.dial(now, l)
	}
}

// Pauses between attempts. A connection that held less than steady is no reason to begin anew with the shortest.
const (
	pauseFirst   = 20 * time.Millisecond
	pauseLongest = 500 * time.Millisecond
	steady       = 500 * time.Millisecond
)

// later calls after a pause, each time a longer one.
func (p *peer) later(l actors.Lane) {
	at := &p.lanes[l]
	if at.timer != nil {
		return
	}
	p.pause = min(max(2*p.pause, pauseFirst), pauseLongest)
	pause := p.pause + time.Duration(p.links.o.System.Rand(int64(p.pause/4)))
	at.timer = p.links.o.System.After(pause, p.self, &redial{p, l})
}

func (p *peer) dialed(now time.Time, m *dialed) {
	at := &p.lanes[m.attempt.lane]
	if at.attempt != m.attempt {
		if m.socket != nil {
			p.links.close(m.socket)
		}
		return
	}
	at.attempt = nil
	if m.err != nil {
		p.failed(now, m)
		return
	}
	if p.hello != nil && p.hello.Incarnation != m.hello.Incarnation {
		p.down(now, "it was restarted", false)
	}
	if p.hello == nil && m.attempt.lane != actors.Control {
		p.links.close(m.socket)
		p.again(now)
		return
	}
	p.hello = &m.hello
	at.conn = &outbound{lane: m.attempt.lane, remote: p.remote, socket: m.socket}
	at.since = now
	p.remote.lanes[m.attempt.lane].start()
	c, self, root := at.conn, p.self, p.links.o.System.Root()
	c.start(func(err error) { root.Send(self, &broken{c, err}) })
	if at.lost {
		at.lost = false
		p.links.tell(&Lost{p.remote.node})
	}
	p.heartbeat(now)
	if m.attempt.lane == actors.Control {
		for l := range actors.Lane(actors.Lanes) {
			p.dial(now, l)
		}
	}
	p.rise(now)
}

// failed goes on after a call that led to nothing.
func (p *peer) failed(now time.Time, m *dialed) {
	var refused *Refused
	switch {
	case errors.As(m.err, &refused):
		p.down(now, refused.Words, false)
		p.links.complain("refused "+p.address, level.Error, "a node is not linked with", "node", p.remote.node, "address", p.address, "err", refused)
		p.links.tell(&Met{Address: p.address, Hello: m.hello, Err: refused})
	case errors.Is(m.err, syscall.ECONNREFUSED):
		p.down(now, "its process is gone: nobody listens at "+p.address, true)
	}
	if refused == nil {
		p.links.complain("dial "+p.address, level.Warn, "a node can't be reached", "node", p.remote.node, "address", p.address, "err", m.err)
	}
	if p.hello == nil {
		p.later(actors.Control)
	} else {
		p.later(m.attempt.lane)
	}
}

// broken makes a connection anew: whether that is refused says what has become of the peer.
func (p *peer) broken(now time.Time, m *broken) {
	at := &p.lanes[m.conn.lane]
	if at.conn != m.conn {
		return
	}
	held := now.Sub(at.since)
	at.conn, at.since, at.lost = nil, now, true
	level.Debug(p.links.o.System.Logger()).Log("msg", "a connection with a node has ended", "node", p.remote.node, "lane", m.conn.lane, "err", m.err)
	if held < steady {
		p.later(m.conn.lane)
		return
	}
	p.pause = 0
	p.dial(now, m.conn.lane)
}

// down ends everything that leads to the peer, and tells the owner where it was up.
func (p *peer) down(now time.Time, reason string, gone bool) {
	for l := range p.lanes {
		at := &p.lanes[l]
		if at.conn != nil {
			at.conn.end(errors.New(reason))
		}
		if at.attempt != nil {
			at.attempt.cancel()
		}
		if at.timer != nil {
			at.timer.Stop()
		}
		*at = lane{since: now}
	}
	p.remote.close()
	hello := p.hello
	p.hello, p.heardUs = nil, time.Time{}
	if p.up {
		p.up = false
		level.Warn(p.links.o.System.Logger()).Log("msg", "a node is down", "node", hello.Node, "address", p.address, "reason", reason)
		p.links.tell(&Down{Node: hello.Node, Incarnation: hello.Incarnation, Reason: reason, Gone: gone})
	}
}
