package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// handshakeMax is how long the two sides of a connection may take until each knows the other.
const handshakeMax = 2 * time.Second

// dial calls an address and exchanges greetings. For a probe the connection is closed at once.
func (l *Links) dial(ctx context.Context, address string, mine greeting) (socket net.Conn, theirs Hello, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeMax)
	defer cancel()
	var dialer net.Dialer
	socket, err = dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, theirs, err
	}
	if !l.track(socket) {
		return nil, theirs, net.ErrClosed
	}
	raw := socket
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	socket, theirs, err = l.greet(ctx, socket, address, mine)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil || mine.For == forProbe {
		l.close(raw)
		return nil, theirs, err
	}
	return socket, theirs, nil
}

// explain says what may be behind an error before the other side's greeting.
func (l *Links) explain(err error) error {
	const both = "links are encrypted on all nodes or on none, and those of this node are"
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
	switch {
	case ended && l.o.TLS == nil:
		return fmt.Errorf("the other side ended the connection instead of a greeting: %w; %s not", err, both)
	case ended:
		return fmt.Errorf("the other side ended the connection instead of a greeting: %w; %s; %s", err, both, l.o.TLS.remedy)
	case l.o.TLS != nil:
		return l.o.TLS.explain(err)
	}
	return err
}

// greet says who this node is, and hears who the other is.
func (l *Links) greet(ctx context.Context, socket net.Conn, address string, mine greeting) (net.Conn, Hello, error) {
	if l.o.TLS != nil {
		var err error
		if socket, err = l.o.TLS.dialed(ctx, socket, address); err != nil {
			return nil, Hello{}, l.explain(err)
		}
	}
	if err := writeGreeting(socket, mine); err != nil {
		return nil, Hello{}, l.explain(err)
	}
	answer, err := readGreeting(socket)
	if err != nil {
		return nil, Hello{}, l.explain(err)
	}
	switch {
	case answer.Refusal != "":
		err = &Refused{Words: answer.Refusal, Passing: answer.Passing, Final: answer.Final}
	case mine.Wants != 0 && mine.Wants != answer.Node:
		err = refuseForNow("at %s there is node %d, not node %d", address, answer.Node, mine.Wants)
	default:
		err = judge(mine.Hello, answer.Hello, mine.For == forProbe)
	}
	return socket, answer.Hello, err
}
