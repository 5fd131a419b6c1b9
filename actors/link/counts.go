package link

import "sync/atomic"

// Counts is what has gone over a node's links since it started.
type Counts struct {
	FramesSent, BytesSent         int64
	FramesReceived, BytesReceived int64
	Undelivered                   int64 // messages that could not be sent
	Unreadable                    int64 // frames that could not be decoded
}

type counters struct {
	framesSent, bytesSent, framesReceived, bytesReceived, undelivered, unreadable atomic.Int64
}

func (c *counters) sent(frames []frame) {
	bytes := int64(0)
	for i := range frames {
		bytes += frames[i].cost()
	}
	c.framesSent.Add(int64(len(frames)))
	c.bytesSent.Add(bytes)
}

// Counts returns what has gone over the links so far, heartbeats included.
func (l *Links) Counts() Counts {
	c := &l.counts
	return Counts{
		FramesSent: c.framesSent.Load(), BytesSent: c.bytesSent.Load(),
		FramesReceived: c.framesReceived.Load(), BytesReceived: c.bytesReceived.Load(),
		Undelivered: c.undelivered.Load(), Unreadable: c.unreadable.Load(),
	}
}
