package actors_test

import (
	"testing"
	"time"

	"troupe/actors"
)

func never() bool { return false }

func TestCredits(t *testing.T) {
	short := make(chan struct{}, 10)
	c := actors.NewCredits(100)
	c.OnShort(func() { short <- struct{}{} })
	c.Await(never)
	c.Take(150) // it may be more than all there is
	begun := make(chan struct{})
	go func() {
		c.Await(never)
		close(begun)
	}()
	c.Give(40) // 10 are still owed
	select {
	case <-begun:
		t.Fatal("somebody began with what is not there")
	case <-time.After(10 * time.Millisecond):
	}
	c.Give(20)
	<-begun
	<-short
	if c.Used() != 90 {
		t.Errorf("%d are used", c.Used())
	}
}

// Who waits and is not wanted any more goes away.
func TestCreditsForNobody(t *testing.T) {
	c := actors.NewCredits(10)
	c.Take(10)
	over := make(chan struct{})
	got := make(chan bool)
	go func() {
		got <- c.Await(func() bool {
			select {
			case <-over:
				return true
			default:
				return false
			}
		})
	}()
	close(over)
	c.Wake()
	if <-got {
		t.Error("it was let through")
	}
	free := actors.NewCredits(-1)
	free.Take(1 << 40)
	if !free.Await(never) {
		t.Error("without a limit nobody waits")
	}
}
