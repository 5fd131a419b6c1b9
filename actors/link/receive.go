package link

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log/level"
)

// beat is a peer's heartbeat.
type beat struct {
	hello Hello
	says  byte
}

// receive delivers what a node says, until the connection ends. What can't be read is left out.
func (l *Links) receive(socket net.Conn, from Hello) error {
	root, system := l.o.System.Root(), l.o.System.Actors()
	in := newFrameReader(socket, func(id string) *actor.PID { return system.NewLocalPID(id) })
	for {
		kind, target, payload, err := in.next()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNetwork(err) {
				return nil // its peer actor hears of it by its own connections
			}
			return err
		}
		l.counts.framesReceived.Add(1)
		l.counts.bytesReceived.Add(int64(headerBytes + len(target.Id) + len(payload)))
		if kind == kindHeartbeat {
			if len(payload) > 0 {
				root.Send(l.pid, &beat{from, payload[0]})
			}
			continue
		}
		message, err := decode(l.o.Codec, kind, payload)
		if err != nil {
			l.counts.unreadable.Add(1)
			l.complain(fmt.Sprintf("decode %d %d", from.Node, kind), level.Warn, "a message of another node can't be read and is left out",
				"node", from.Node, "kind", kind, "bytes", len(payload), "err", err)
			continue
		}
		root.Send(target, message)
	}
}

func isNetwork(err error) bool {
	var e net.Error
	return errors.As(err, &e) || errors.Is(err, net.ErrClosed)
}
