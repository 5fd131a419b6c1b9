package replica

import (
	"testing"
	"time"

	"troupe/partition/consensus"
)

// What is read for followers that are far behind comes near to what is allowed, and to twice of what is appended on top of it, however seldom it is asked for.
func TestPace(t *testing.T) {
	const mib = 1 << 20
	entry := []consensus.Entry{{Data: make([]byte, mib)}}
	for _, c := range []struct {
		name             string
		appended         int // MiB per second
		every            time.Duration
		least, most, max float64 // MiB per second over ten seconds, and MiB at once
	}{
		{"nothing is appended", 0, time.Millisecond, 63, 68, 20},
		{"asked for with each heartbeat, the answer to which takes its time", 0, 250 * time.Millisecond, 60, 68, 20},
		{"less is appended", 10, time.Millisecond, 80, 90, 20},
		{"more is appended", 200, time.Millisecond, 420, 480, 100},
	} {
		p, now := NewPace(64*mib), time.Unix(0, 0)
		read, worst := 0, 0
		for at, due := time.Duration(0), 0.0; at < 10*time.Second; at += c.every {
			now = now.Add(c.every)
			for due += float64(c.appended) * c.every.Seconds(); due >= 1; due-- {
				p.append(now, entry)
			}
			once := 0
			for p.may(now) {
				p.spend(entry)
				once++
			}
			read, worst = read+once, max(worst, once)
		}
		if rate := float64(read) / 10; rate < c.least || rate > c.most || float64(worst) > c.max {
			t.Errorf("%s: %.0f MiB/s are read, at most %d MiB at once", c.name, rate, worst)
		}
	}
}

// A pause gives no credit for more than a moment.
func TestPaceAfterPause(t *testing.T) {
	p, now := NewPace(64<<20), time.Unix(0, 0)
	p.may(now)
	now = now.Add(time.Hour)
	n := 0
	for ; p.may(now); n++ {
		p.spend([]consensus.Entry{{Data: make([]byte, 1<<20)}})
	}
	if n > 20 {
		t.Errorf("after an hour %d MiB are read at once", n)
	}
}
