package supervisor

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/api"
	"troupe/actors/session"
	"troupe/partition/kafka"
)

// A simClient is a client's connection with one node at a time, over a network that takes its time and breaks.
type simClient struct {
	s       *simulation
	life    int            // of the connection
	goal    kafka.BrokerID // to which node, 0 for any
	seeds   []*simNode     // that it knows beforehand
	node    *simNode
	process int // which life of the node
	pid     *actor.PID
	last    uint32
	waiting map[uint32]simCall
	to, fro time.Time // when what was sent last arrives: nothing overtakes it
	resume  func(*simClient)
}

type simCall struct {
	q    kmsg.Request
	done func(kmsg.Response)
}

// simPatience is how long a client waits for an answer before it turns to another node.
const simPatience = 3 * time.Second

// client opens a connection; begin is called whenever there is a new one.
func (s *simulation) client(begin func(*simClient)) { s.clientOf(s.nodes, begin) }

// clientOf opens one of a client that knows only some nodes.
func (s *simulation) clientOf(seeds []*simNode, begin func(*simClient)) {
	c := &simClient{s: s, seeds: seeds, resume: begin}
	s.clients = append(s.clients, c)
	c.connect()
}

func (c *simClient) connect() {
	c.life++
	life := c.life
	c.waiting, c.pid, c.node = map[uint32]simCall{}, nil, nil
	n := c.seeds[c.s.chance.IntN(len(c.seeds))]
	if c.goal != 0 {
		n = c.s.nodes[c.goal-1]
	}
	c.goal = 0
	if !n.ready {
		c.s.st.AfterFunc(10*time.Millisecond, func() {
			if c.life == life {
				c.connect()
			}
		})
		return
	}
	c.node, c.process = n, n.lives
	var err error
	c.pid, err = session.Spawn(nil, n.tree.env, fmt.Sprint("client-", c.s.count()), &simConn{c, life})
	if err != nil {
		c.s.t.Fatal(err)
	}
	c.resume(c)
}

// count numbers connections, so that their names are the same in each run.
func (s *simulation) count() int {
	n := 0
	for _, c := range s.clients {
		n += c.life
	}
	return n
}

// broken has the client connect again.
func (c *simClient) broken() {
	c.life++
	life := c.life
	c.s.st.AfterFunc(time.Duration(1+c.s.chance.IntN(20))*time.Millisecond, func() {
		if c.life == life {
			c.connect()
		}
	})
}

// isOpen tells whether the process at the other end is still there.
func (c *simClient) isOpen(n *simNode, process int) bool {
	return n.system != nil && n.lives == process
}

// leave ends the connection from the client's end.
func (c *simClient) leave() {
	node, process, pid := c.node, c.process, c.pid
	c.s.st.AfterFunc(c.delay(&c.to), func() {
		if c.isOpen(node, process) {
			node.system.Root().Send(pid, &session.Closed{})
		}
	})
	c.broken()
}

// move has the client go on with another node.
func (c *simClient) move(to kafka.BrokerID) {
	c.leave()
	c.goal = to
}

// toLeader goes on with a connection to the leader of a partition: with this one, or by beginning again with that node.
func (c *simClient) toLeader(topic string, partition int32, next func(*simClient)) {
	q := kmsg.NewPtrMetadataRequest()
	q.Version = 9
	q.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	c.send(q, func(a kmsg.Response) {
		brokers, got := a.(*kmsg.MetadataResponse).Brokers, a.(*kmsg.MetadataResponse).Topics[0]
		leader := int32(-1)
		if got.ErrorCode == 0 && int(partition) < len(got.Partitions) {
			leader = got.Partitions[partition].Leader
		}
		if !slices.ContainsFunc(brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == leader }) {
			leader = -1 // nobody knows where it is
		}
		switch {
		case leader == int32(c.node.id):
			next(c)
		case leader < 1 || c.s.chance.IntN(10) == 0: // another node may know more
			c.later(50*time.Millisecond, func(c *simClient) { c.move(0) })
		default:
			c.move(kafka.BrokerID(leader))
		}
	})
}

// toCoordinator does the same for a group's coordinator. The first who looks for it makes __consumer_offsets.
func (c *simClient) toCoordinator(group string, next func(*simClient)) {
	q := kmsg.NewPtrFindCoordinatorRequest()
	q.Version, q.CoordinatorKeys = 4, []string{group}
	c.send(q, func(a kmsg.Response) {
		got := a.(*kmsg.FindCoordinatorResponse).Coordinators[0]
		switch {
		case got.ErrorCode == 0 && got.NodeID == int32(c.node.id):
			next(c)
		case got.ErrorCode == 0:
			c.move(kafka.BrokerID(got.NodeID))
		case got.ErrorCode != kerr.CoordinatorNotAvailable.Code:
			c.s.errorf("the coordinator of group %s is not found: %v", group, kerr.ErrorForCode(got.ErrorCode))
		default:
			c.later(50*time.Millisecond, func(c *simClient) { c.move(0) })
		}
	})
}

// later goes on with a connection after a while, unless it has ended by then.
func (c *simClient) later(most time.Duration, f func(*simClient)) {
	life := c.life
	c.s.st.AfterFunc(1+time.Duration(c.s.chance.Int64N(int64(most))), func() {
		if life == c.life {
			f(c)
		}
	})
}

func (c *simClient) send(q kmsg.Request, done func(kmsg.Response)) {
	c.last++
	id := c.last
	c.waiting[id] = simCall{q, done}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("sim")).AppendRequest(nil, q, int32(id))[4:]
	life, node, process, pid := c.life, c.node, c.process, c.pid
	c.s.st.AfterFunc(c.delay(&c.to), func() {
		if !c.isOpen(node, process) {
			return
		}
		if c.s.chance.IntN(100) == 0 {
			node.system.Root().Send(pid, &session.Closed{})
			if life == c.life {
				c.broken()
			}
			return
		}
		r, err := node.tree.env.NewDecoder().Decode(frame, c.s.st.Now())
		if err != nil {
			c.s.t.Fatal(err)
		}
		node.system.Root().Send(pid, &session.Arrived{Request: r})
	})
	if len(c.s.nodes) > 1 {
		c.s.st.AfterFunc(simPatience, func() {
			if life == c.life && c.waiting[id].done != nil {
				c.leave()
			}
		})
	}
}

// delay is how long the network takes in one direction.
func (c *simClient) delay(arrives *time.Time) time.Duration {
	now := c.s.st.Now()
	at := now.Add(time.Duration(50+c.s.chance.IntN(500)) * time.Microsecond)
	if !at.After(*arrives) {
		at = arrives.Add(time.Nanosecond)
	}
	*arrives = at
	return at.Sub(now)
}

// simConn is the session's end of a connection.
type simConn struct {
	c    *simClient
	life int
}

// Send looks at an answer and has it arrive after a while.
func (x *simConn) Send(_ *api.Request, pieces [][]byte) {
	if x.life != x.c.life {
		return
	}
	var frame []byte
	for _, p := range pieces {
		frame = append(frame, p...)
	}
	id := binary.BigEndian.Uint32(frame)
	call := x.c.waiting[id]
	response := call.q.ResponseKind()
	body := frame[4:]
	if response.IsFlexible() {
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		x.c.s.t.Fatal(err)
	}
	x.c.s.checks.answered(x.c.node, response)
	x.c.s.st.AfterFunc(x.c.delay(&x.c.fro), func() {
		if x.life == x.c.life {
			delete(x.c.waiting, id)
			call.done(response)
		}
	})
}

// Parked does nothing.
func (x *simConn) Parked(*api.Request) {}

// Close has the client notice that the connection has ended.
func (x *simConn) Close(string) {
	x.c.s.st.AfterFunc(x.c.delay(&x.c.fro), func() {
		if x.life == x.c.life {
			x.c.broken()
		}
	})
}
