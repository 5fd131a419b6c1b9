package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// The ways say from which node nothing reaches which other one.
type ways struct {
	mu   sync.Mutex
	cuts map[way]bool
	mind sync.Cond // told when a way is mended
}

// A way leads from one node to another.
type way struct{ from, to int32 }

func newWays() *ways {
	w := &ways{cuts: map[way]bool{}}
	w.mind.L = &w.mu
	return w
}

func (n *ways) cut(w way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[w] = true
}

func (n *ways) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
	n.mind.Broadcast()
}

// pass waits until a way is not cut.
func (n *ways) pass(w way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.cuts[w] {
		n.mind.Wait()
	}
}

// A wire stands before a node's link and relays what other nodes send and are answered.
type wire struct {
	ways            *ways
	node            int32
	address, target string

	mu       sync.Mutex
	listener net.Listener // nil while the node does not listen
}

// follow opens the wire as soon as the node listens, unless the node ends before.
func (w *wire) follow(ended <-chan struct{}) {
	if !listens(w.target, ended) {
		return
	}
	w.mu.Lock()
	if w.listener == nil {
		if l, err := net.Listen("tcp", w.address); err == nil {
			w.listener = l
			go w.accept(l)
		}
	}
	w.mu.Unlock()
	<-ended
	w.shut()
}

func (w *wire) targetListens() bool {
	c, err := net.Dial("tcp", w.target)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// shut has connections refused.
func (w *wire) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		w.listener.Close()
		w.listener = nil
	}
}

func (w *wire) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go w.relay(c)
	}
}

// relay carries one connection, which the first bytes tell the maker of.
func (w *wire) relay(dialer net.Conn) {
	defer dialer.Close()
	greeting, from, err := readGreeting(dialer)
	if err != nil {
		return
	}
	there, back := way{from, w.node}, way{w.node, from}
	w.ways.pass(there)
	node, err := net.Dial("tcp", w.target)
	if err != nil {
		w.gone(err)
		return
	}
	defer node.Close()
	if _, err := node.Write(greeting); err != nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.carry(node, dialer, there)
		node.Close()
	}()
	w.carry(dialer, node, back)
	if !w.targetListens() {
		w.shut() // before the other side sees that the connection has ended, and makes a new one
	}
	dialer.Close()
	<-ended
}

// gone shuts the wire where nobody listens behind it.
func (w *wire) gone(err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		w.shut()
	}
}

// carry copies until one side ends. The end, too, travels only where the way is free.
func (w *wire) carry(to, from net.Conn, on way) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		w.ways.pass(on)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// readGreeting reads the first frame of a link: 8 bytes that tell the protocol, a length of 2, and JSON that names the node that talks.
func readGreeting(from io.Reader) (frame []byte, node int32, err error) {
	head := make([]byte, 10)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, 0, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[8:]))
	if _, err := io.ReadFull(from, body); err != nil {
		return nil, 0, err
	}
	var who struct{ Node int32 }
	err = json.Unmarshal(body, &who)
	return append(head, body...), who.Node, err
}
