package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// Options is what a coordinator is made of.
type Options struct {
	System *actors.System
	Store  partition.Store
	Number kafka.PartitionNumber
	Broker kafka.BrokerID // this node
	// KeyKind is the kind of the actors of keys.
	KeyKind string
	// KeyOf returns the key that a record belongs to, by the record's own key; ok is false for a record of a kind that is not known.
	KeyOf   func(recordKey []byte) (key string, ok bool)
	Machine func(key string) partition.Machine
	// NotServing is the answer where another node leads.
	NotServing *kerr.Error
	// Committed, where not nil, is told every committed row. It must not block.
	Committed func(Committed)
	// A snapshot is due after so many bytes or records.
	SnapshotBytes   int
	SnapshotRecords int
	// SweepEvery is how often the machine of every key without an actor is made to look at the time; 0 for never. It also happens when the replica begins to lead.
	SweepEvery time.Duration
}

// Committed is what a coordinator tells of its rows.
type Committed struct {
	Rows  []partition.KeyValue
	Whole bool         // they are all that there are; else what has changed since
	Upto  kafka.Offset // the end of the log that they are from
}

// Spawn starts a coordinator under the replica of its partition.
func Spawn(replica actor.Context, o Options) (*actor.PID, error) {
	parent := replica.Self()
	slots := new(uint64(o.System.Rand(1<<31)) << 32) // an answer to an earlier coordinator of that name is none to this one either
	return o.System.Spawn(replica, actors.Kind{Name: "coordinator"}, "coordinator", func() actor.Actor {
		return &coordinator{o: o, replica: parent, slots: slots}
	})
}

// A coordinator is one incarnation of the actor.
type coordinator struct {
	o       Options
	ctx     actor.Context
	self    *actor.PID
	replica *actor.PID

	reading *loadedRows     // the load that is under way
	later   []*record.Batch // applied while it is
	loaded  bool
	serving bool // its replica leads
	begun   bool // it serves
	// stopping says that the actor ends.
	stopping bool
	upto     kafka.Offset // the end of the log that the rows are from
	// Before the rows are as new as what an earlier incarnation has proposed, a machine would not know what is on its way.
	logEnd kafka.Offset

	keys      map[string]*owner
	children  map[string]*owner // by the id of their actor
	proposals []*proposal
	gathers   map[uint64]*gather
	slots     *uint64 // the newest slot or ticket, of all incarnations: an answer to an earlier one is none to this one
	epoch     uint64  // of the machine that was made last
	round     uint64  // of looks at all keys: a slot; an earlier one does not go on

	sinceBytes, sinceRecords int
	snapshotDue              bool // as soon as the rows are there
}

// An answer goes to who asked.
type answer struct {
	to    messages.ReplyTo
	value any
	err   error
}

// What a coordinator says to itself and hears from its children.
type (
	reload  struct{ to *coordinator }
	outcome struct {
		key     string
		epoch   uint64
		records []partition.KeyValue
		replies []partition.Reply
	}
	wantRows struct{ key string }
	dismiss  struct { // these requests will not be served
		key     string
		tickets []partition.Ticket
	}
	retire struct {
		key   string
		epoch uint64
	}
)

// Receive handles one message.
func (c *coordinator) Receive(ctx actor.Context) {
	c.ctx = ctx
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.self = ctx.Self()
		c.keys, c.children, c.gathers = map[string]*owner{}, map[string]*owner{}, map[uint64]*gather{}
		c.send(c.replica, &messages.Attach{})
	case *actor.Stopping:
		c.stopping = true // messages still come while the actors of keys end; none of them is to begin anything
		c.serving = false
		c.end()
	case *actor.Terminated:
		c.ended(m.Who)
	case *messages.Attached:
		c.load(m)
	case *loadedRows:
		if m == c.reading {
			c.take(m)
		}
	case *actors.WorkFailed:
		panic(m.Panic)
	case *reload:
		if m.to == c {
			c.send(c.replica, &messages.Attach{})
		}
	case *messages.Applied:
		c.applied(m)
	case *messages.Announce:
		c.tellAll()
	case *messages.Leading:
		c.lead(m)
	case *messages.Coordinate:
		c.coordinate(m)
	case *messages.CoordinateAll:
		c.coordinateAll(m)
	case *messages.Reply:
		c.reply(m)
	case *outcome:
		c.outcome(m)
	case *wantRows:
		c.wantRows(m)
	case *dismiss:
		if o := c.keys[m.key]; o != nil {
			c.refuse(o.take(m.tickets...), c.o.NotServing)
		}
	case *retire:
		c.retire(m)
	case *sweep:
		if m.round == c.round && c.begun {
			c.sweep(m.keys)
		}
	case *collect:
		if g := c.gathers[m.slot]; g != nil {
			c.collect(g)
		}
	case *messages.SnapshotDue:
		if c.snapshotDue = !c.loaded; c.loaded {
			c.send(c.replica, &messages.Snapshot{Chunks: c.snapshot(), Upto: c.upto})
		}
	}
}

// Failed answers everybody whose answer waits here, and who sent the message at which the actor panicked.
func (c *coordinator) Failed(_ *actors.Panic, message any) {
	c.fail(c.o.NotServing)
	switch m := message.(type) {
	case *messages.Coordinate:
		c.answer(answer{m.Reply, nil, c.o.NotServing})
	case *messages.CoordinateAll:
		c.answer(answer{m.Reply, nil, c.o.NotServing})
	}
}

// lead begins or ends the service.
func (c *coordinator) lead(m *messages.Leading) {
	if m.Serving == c.serving || c.stopping {
		return
	}
	c.serving, c.logEnd = m.Serving, m.LogEnd
	if c.serving {
		c.maybeBegin()
		return
	}
	c.end()
}

// end sends everybody away and has no actors of keys any more. Those that have failed may be tried once more, when the replica leads again.
func (c *coordinator) end() {
	c.begun = false
	c.fail(c.o.NotServing)
	for _, o := range c.sorted() {
		o.failed = false
		c.stopChild(o)
	}
}

// maybeBegin begins to serve once the coordinator leads and has all rows.
func (c *coordinator) maybeBegin() {
	if c.begun || !c.serving || !c.loaded || c.upto < c.logEnd {
		return
	}
	c.begun = true
	if c.o.SweepEvery > 0 {
		c.round = c.nextSlot()
		c.sweep(nil)
	}
}

// refusal is why nothing can be asked now; nil where it can.
func (c *coordinator) refusal() error {
	switch {
	case !c.serving:
		return c.o.NotServing
	case !c.begun:
		return kerr.CoordinatorLoadInProgress
	}
	return nil
}

func (c *coordinator) coordinate(m *messages.Coordinate) {
	if err := c.refusal(); err != nil {
		c.answer(answer{m.Reply, nil, err})
		return
	}
	o := c.owner(m.Key)
	if o.failed {
		c.answer(answer{m.Reply, nil, c.outOfService(o)})
		return
	}
	if len(o.rows) == 0 { // to ask about what does not exist makes no actor
		if a, ok := c.glance(o, m); ok {
			c.answer(a)
			c.forgetIfEmpty(o)
			return
		}
	}
	c.ask(o, m)
}

// reply takes the replica's word about a proposal, or a child's part of a gather.
func (c *coordinator) reply(m *messages.Reply) {
	if g := c.gathers[m.Slot]; g != nil {
		c.gathered(m, g)
		return
	}
	for i, p := range c.proposals {
		if p.slot != m.Slot {
			continue
		}
		c.proposals = append(c.proposals[:i], c.proposals[i+1:]...)
		c.settle(p, m.Err)
		return
	}
}

// fail sends everybody away whose answer is parked here. Replies to what was proposed are not waited for any more.
func (c *coordinator) fail(err error) {
	for _, p := range c.proposals {
		p.owner.inFlight--
		c.refuse(p.parked, err)
	}
	c.proposals = nil
	for _, o := range c.sorted() {
		c.refuse(o.takeAll(), err)
		o.waiting = nil
	}
	for _, slot := range slices.Sorted(maps.Keys(c.gathers)) {
		if g := c.gathers[slot]; g.slot == slot {
			c.answer(answer{g.asked.Reply, nil, err})
		}
	}
	clear(c.gathers)
}

func (c *coordinator) refuse(answers []answer, err error) {
	for _, a := range answers {
		c.answer(answer{a.to, nil, err})
	}
}

func (c *coordinator) answer(a answer) {
	c.send(a.to.PID, &messages.Reply{Slot: a.to.Slot, Value: a.value, Err: a.err})
}

func (c *coordinator) send(to *actor.PID, message any) { c.o.System.Root().Send(to, message) }
