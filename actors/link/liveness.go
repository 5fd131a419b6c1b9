package link

import (
	"fmt"
	"time"

	"github.com/go-kit/log/level"

	"troupe/actors"
)

// greeted: the peer has called, so it can be called.
func (p *peer) greeted(now time.Time, hello Hello) {
	if p.hello != nil && p.hello.Incarnation != hello.Incarnation {
		p.down(now, "it was restarted", false)
	}
	p.again(now)
}

// beat: the peer is alive.
func (p *peer) beat(now time.Time, m *beat) {
	first := !p.hears(now) || p.heardFrom != m.hello.Incarnation
	p.heard, p.heardFrom = now, m.hello.Incarnation
	if first {
		p.heartbeat(now) // it waits to hear that it is heard
	}
	if p.hello == nil || p.hello.Incarnation != m.hello.Incarnation {
		return
	}
	switch {
	case m.says == hearsYou:
		p.heardUs = now
		p.forgiven = p.forgiven && !p.linked()
		p.rise(now)
	case m.says == notAnyMore && p.up:
		p.fall(now, "it does not hear this node any more")
	}
}

func (p *peer) hears(now time.Time) bool {
	return !p.heard.IsZero() && now.Sub(p.heard) <= p.links.o.SilentMax
}

// heartbeat lets the peer hear this node, and how it is heard itself.
func (p *peer) heartbeat(now time.Time) {
	if p.lanes[actors.Control].conn == nil {
		return
	}
	says := notYet
	if p.heardFrom == p.hello.Incarnation {
		switch {
		case !p.hears(now):
			says = notAnyMore
		case p.linked():
			says = hearsYou
		}
	}
	p.remote.lanes[actors.Control].heartbeat(says)
}

// linked tells whether there is a connection in each lane.
func (p *peer) linked() bool {
	for l := range p.lanes {
		if p.lanes[l].conn == nil {
			return false
		}
	}
	return p.hello != nil
}

// rise tells the owner that the peer is up once everything is as it should be.
func (p *peer) rise(now time.Time) {
	if p.up || !p.linked() || p.heardUs.IsZero() || now.Sub(p.heardUs) > p.links.o.SilentMax {
		return
	}
	p.up = true
	level.Info(p.links.o.System.Logger()).Log("msg", "a node is linked", "node", p.remote.node, "address", p.address)
	p.links.tell(&Up{*p.hello})
}

// fall gives the peer up and tries anew, in both directions: what it said before is not heard any more, lest an old heartbeat pass for a new one.
func (p *peer) fall(now time.Time, reason string) {
	p.down(now, reason, false)
	p.links.cut(p.remote.node)
	p.dial(now, actors.Control)
}

// tick lets the peer hear this node, and looks whether it was heard of in time.
func (p *peer) tick(now time.Time) {
	silentMax := p.links.o.SilentMax
	if !p.ticked.IsZero() && now.Sub(p.ticked) > silentMax/2 && !p.forgiven {
		p.forgive(now) // this node was frozen: what the others said meanwhile is still to be read
	}
	p.ticked = now
	p.heartbeat(now)
	if p.up {
		switch {
		case !p.hears(now):
			p.fall(now, fmt.Sprintf("nothing was heard of it for %v", silentMax))
		case now.Sub(p.heardUs) > silentMax:
			p.fall(now, fmt.Sprintf("it has not heard this node for %v", silentMax))
		default:
			for l := range p.lanes {
				if at := &p.lanes[l]; at.conn == nil && now.Sub(at.since) > silentMax {
					p.fall(now, fmt.Sprintf("no connection for %v can be made for %v", actors.Lane(l), silentMax))
					break
				}
			}
		}
	}
	p.links.o.System.After(heartbeatEvery, p.self, &tick{p})
}

// forgive begins all times of waiting anew. It does so once, until the peer shows that it lives: on a node that is overloaded every turn may come late, and a dead peer would never be down.
func (p *peer) forgive(now time.Time) {
	p.forgiven = true
	for _, t := range []*time.Time{&p.heard, &p.heardUs} {
		if !t.IsZero() {
			*t = now
		}
	}
	for l := range p.lanes {
		p.lanes[l].since = now
	}
}
