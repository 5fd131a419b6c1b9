package coordinator

import (
	"fmt"
	"testing"
	"time"

	"troupe/actors/messages"
)

// asleep waits until the replicas have nothing to say to each other any more.
func (g *trio) asleep() {
	g.t.Helper()
	g.pass(2 * time.Second)
	was := g.steps
	g.pass(time.Minute)
	if g.steps != was {
		g.t.Fatalf("%d messages of raft in a minute in which nothing happened", g.steps-was)
	}
}

// successor waits for a leader of a later epoch to serve, and returns it and how long that took.
func (g *trio) successor(of *trioNode) (next *trioNode, took time.Duration) {
	g.t.Helper()
	began, epoch := g.st.Now(), of.led.Leader.Epoch
	g.until("another one leads", func() bool {
		for _, n := range g.nodes {
			if n.serves() && n.led.Leader.Epoch > epoch {
				next = n
			}
		}
		return next != nil
	})
	return next, g.st.Now().Sub(began)
}

// Replicas of which nothing is wanted say nothing; the end of the leader is not missed all the same.
func TestSleepersHaveALeader(t *testing.T) {
	for name, end := range map[string]func(g *trio){
		"its node dies": func(g *trio) {
			g.isolate(g.nodes[0])
		},
		"it panics": func(g *trio) {
			failed := false
			g.nodes[0].fault = func(m any) {
				if !failed {
					failed = true
					panic("a test")
				}
			}
			g.nodes[0].tell(&messages.Announce{})
		},
		"what it says is lost": func(g *trio) { // and it is out of service; the nodes notice that messages are lost
			g.cut = 1
			for _, n := range g.nodes[1:] {
				n.tell(&messages.NodeLost{Node: 1})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTrio(t, 1000)
			first := g.nodes[0]
			first.ask(1, "k=x1.")
			g.asleep()
			first.ask(2, "k=x2.")
			g.until("all have it", func() bool { return g.same(first, g.nodes[1]) && g.same(first, g.nodes[2]) })
			g.asleep()
			end(g)
			next, took := g.successor(first)
			if took > 1500*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			t.Logf("node %d leads after %v", next.id, took)
			next.ask(3, "k=x3.")
			g.pass(time.Second)
			if g.cut != 0 {
				g.heal(first)
			}
			g.until("all have it", func() bool { return g.same(next, g.nodes[0]) && g.same(next, g.nodes[1]) && g.same(next, g.nodes[2]) })
			g.asleep()
			for _, n := range g.nodes {
				if n.serves() && len(n.led.Leader.InSync) != 3 {
					t.Errorf("in sync are %v", n.led.Leader.InSync)
				}
			}
		})
	}
}

// A node that comes back with less than the others have makes the leader give it the rest, though both slept.
func TestSleepersWakeForWhoReturns(t *testing.T) {
	g := newTrio(t, 1000)
	first, away := g.nodes[0], g.nodes[2]
	first.ask(1, "k=x1.")
	g.asleep()
	g.isolate(away)
	for i := range 3 {
		first.ask(uint64(i+2), fmt.Sprintf("k=x%d.", i+2))
	}
	was := g.steps
	g.pass(10 * time.Second)
	tries := g.steps
	g.pass(10 * time.Second)
	if tries, now := tries-was, g.steps-tries; now > tries {
		t.Errorf("%d messages in ten seconds, %d in the next", tries, now)
	}
	g.heal(away)
	g.until("it has what it missed", func() bool { return g.same(first, away) })
	g.asleep()
}
