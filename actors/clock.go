package actors

import "time"

// A Clock tells the time and calls back later. Actors use the System's After, which sends a message.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once after d. f must only send messages.
	AfterFunc(d time.Duration, f func()) Timer
}

// A Timer is a call that is still to come.
type Timer interface {
	// Stop keeps the call from happening; it returns false where it came too late.
	Stop() bool
}

type wallClock struct{}

func (wallClock) Now() time.Time                            { return time.Now() }
func (wallClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
