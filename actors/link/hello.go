package link

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"troupe/actors"
	"troupe/partition/kafka"
)

// A Hello is how a node introduces itself. It travels as JSON: what a node does not know it ignores, and what it does not hear is zero.
type Hello struct {
	Cluster     string         `json:"cluster"` // empty: it belongs to none yet
	Node        kafka.BrokerID `json:"node"`
	Store       string         `json:"store"`
	Incarnation uint64         `json:"incarnation"`
	Address     string         `json:"address"`     // its link, as others reach it
	Level       int32          `json:"level"`       // the newest feature level that it speaks
	LeastLevel  int32          `json:"least_level"` // the oldest that it can live with
}

// A Refused says in a node's words why two nodes are not linked.
type Refused struct {
	Words string
	// Passing says that it may be otherwise in a moment, whatever people do.
	Passing bool
	// Final says that it will never be otherwise, whatever the refused node belongs to by now: the cluster has given it up, or can't have its version any more.
	Final bool
}

// Error returns the words.
func (r *Refused) Error() string { return r.Words }

func refuse(format string, args ...any) error { return &Refused{Words: fmt.Sprintf(format, args...)} }

func refuseForNow(format string, args ...any) error {
	return &Refused{Words: fmt.Sprintf(format, args...), Passing: true}
}

// forProbe is what a connection is for that only asks for a Hello; others name their lane.
const forProbe = "probe"

// A greeting is the first thing that is said on a connection, by who dialed and then by who was called.
type greeting struct {
	Hello
	For     string         `json:"for,omitempty"`
	Wants   kafka.BrokerID `json:"wants,omitempty"`   // whom the dialer means to reach, 0 for whoever it is
	Refusal string         `json:"refusal,omitempty"` // why the called one does not want the connection
	Passing bool           `json:"passing,omitempty"` // it may want it in a moment
	Final   bool           `json:"final,omitempty"`   // it never will
}

// A greeting on the wire is the magic, the length of what follows u16, and the JSON.
const (
	magic            = "troupe\x00\x01"
	greetingBytesMax = 4 << 10
)

func writeGreeting(to io.Writer, g greeting) error {
	body, err := json.Marshal(g)
	if err != nil {
		return err
	}
	if len(body) > greetingBytesMax {
		return fmt.Errorf("a greeting of %d bytes is too long", len(body))
	}
	_, err = to.Write(append(binary.BigEndian.AppendUint16([]byte(magic), uint16(len(body))), body...))
	return err
}

func readGreeting(from io.Reader) (g greeting, err error) {
	var start [len(magic) + 2]byte
	n, err := io.ReadFull(from, start[:len(magic)])
	switch {
	case n > 1 && (start[0] == 0x15 || start[0] == 0x16) && start[1] == 3: // a record of TLS: an alert or a handshake
		return g, errors.New("the other side speaks TLS, this node does not: links are encrypted on all nodes or on none")
	case err != nil:
		return g, fmt.Errorf("no greeting came: %w", err)
	}
	if string(start[:len(magic)]) != magic {
		return g, errors.New("what came is no greeting of troupe's link; is that another program's port?")
	}
	if _, err := io.ReadFull(from, start[len(magic):]); err != nil {
		return g, fmt.Errorf("half a greeting came: %w", err)
	}
	length := int(binary.BigEndian.Uint16(start[len(magic):]))
	if length > greetingBytesMax {
		return g, fmt.Errorf("a greeting of %d bytes is too long", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(from, body); err != nil {
		return g, fmt.Errorf("half a greeting came: %w", err)
	}
	if err := json.Unmarshal(body, &g); err != nil {
		return g, fmt.Errorf("the greeting can't be read: %w", err)
	}
	return g, nil
}

// laneFor returns the lane that a connection is for.
func laneFor(name string) (actors.Lane, bool) {
	for lane := range actors.Lane(actors.Lanes) {
		if lane.String() == name {
			return lane, true
		}
	}
	return 0, false
}

// judge tells whether two nodes may be linked, or, for a probe, whether they could be. Its words are understood on both sides.
func judge(mine, theirs Hello, probe bool) error {
	switch {
	case theirs.Level < mine.LeastLevel:
		return refuse("node %d speaks feature level %d, node %d needs %d at least: upgrade node %d first", theirs.Node, theirs.Level, mine.Node, mine.LeastLevel, theirs.Node)
	case mine.Level < theirs.LeastLevel:
		return refuse("node %d speaks feature level %d, node %d needs %d at least: upgrade node %d first", mine.Node, mine.Level, theirs.Node, theirs.LeastLevel, mine.Node)
	case theirs.Node == mine.Node && theirs.Incarnation != mine.Incarnation:
		return refuse("the node id %d is taken: the nodes at %s and at %s both have it; give one of them another", mine.Node, mine.Address, theirs.Address)
	case theirs.Cluster != "" && mine.Cluster != "" && theirs.Cluster != mine.Cluster:
		return refuse("node %d at %s belongs to cluster %s, node %d at %s to cluster %s: a node joins another cluster only with an empty data folder",
			theirs.Node, theirs.Address, theirs.Cluster, mine.Node, mine.Address, mine.Cluster)
	case probe:
		return nil
	case theirs.Node == mine.Node:
		return refuse("node %d does not link with itself; is its address that of another node, too?", mine.Node)
	case theirs.Cluster == "":
		return refuseForNow("node %d at %s belongs to no cluster yet", theirs.Node, theirs.Address)
	case mine.Cluster == "":
		return refuseForNow("node %d at %s belongs to no cluster yet", mine.Node, mine.Address)
	}
	return nil
}
