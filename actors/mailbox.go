package actors

import (
	"runtime/debug"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// backlogKept is how long a slice the mailbox keeps after a burst.
const backlogKept = 1024

// turnMessages is how many messages an actor handles, before others who wait for a place have their turn.
const turnMessages = 64

// A mailbox queues an actor's messages: system messages first, then the backlog, whole or message by message. It has no
// bound of its own: what may be in flight is bounded where messages come from.
type mailbox struct {
	system   *System
	node     *node
	batching bool

	mu        sync.Mutex
	urgent    []any // protoactor's system messages
	queue     []any
	begun     bool // Started has come
	scheduled bool

	// Used by the running worker only.
	suspended  bool
	handled    int // messages in this turn
	batch      Batch
	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher
}

func newMailbox(s *System, n *node, batching bool) *mailbox {
	return &mailbox{system: s, node: n, batching: batching}
}

// PostUserMessage queues a message.
func (m *mailbox) PostUserMessage(message any) {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message // senders are part of our messages where they matter
	}
	m.mu.Lock()
	m.queue = append(m.queue, message)
	m.schedule()
}

// PostSystemMessage queues one of protoactor's own messages, which go first.
func (m *mailbox) PostSystemMessage(message any) {
	_, begins := message.(*actor.Started)
	m.mu.Lock()
	if begins {
		m.begun, m.urgent = true, slices.Insert(m.urgent, 0, message)
	} else {
		m.urgent = append(m.urgent, message)
	}
	m.schedule()
}

// schedule is called with the lock held, and gives it back. An actor's PID is known, to who knows its name, a moment before Started is posted: what comes that early
// waits for Started, which goes first.
func (m *mailbox) schedule() {
	if m.scheduled || !m.begun {
		m.mu.Unlock()
		return
	}
	m.scheduled = true
	m.mu.Unlock()
	m.dispatcher.Schedule(m.run)
}

// RegisterHandlers tells the mailbox whom it serves.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.invoker, m.dispatcher = invoker, dispatcher
}

// Start does nothing: the first message schedules the mailbox.
func (m *mailbox) Start() {}

// UserMessageCount is the number of messages that wait.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue)
}

// run works until nothing is left to do, or until it is somebody else's turn.
func (m *mailbox) run() {
	for m.handled = 0; m.step(); {
		if m.mustYield() {
			m.dispatcher.Schedule(m.run)
			return
		}
	}
}

// mustYield tells whether what is left has to wait for another turn. In the simulator the stepper decides after each step who is next; where actors wait for a place to have their turn on, one that
// has always more to do would keep its place for ever.
func (m *mailbox) mustYield() bool {
	if m.system.o.Stepper != nil {
		return true
	}
	return m.handled >= turnMessages && !m.node.prompt && m.system.pool.placesOf(m.node).isCrowded()
}

// step handles one message, or one batch. It returns false when there is nothing that may be handled.
func (m *mailbox) step() bool {
	m.mu.Lock()
	if len(m.urgent) > 0 {
		message := m.urgent[0]
		m.urgent[0] = nil
		if m.urgent = m.urgent[1:]; len(m.urgent) == 0 {
			m.urgent = nil
		}
		m.mu.Unlock()
		m.handled++
		m.handleSystem(message)
		return true
	}
	ended := m.node.ended.Load()
	if m.suspended && !ended || m.batch.Len() == 0 && len(m.queue) == 0 {
		m.scheduled = false
		m.mu.Unlock()
		return false
	}
	if m.batch.Len() == 0 {
		m.swap()
	}
	m.mu.Unlock()
	if ended {
		m.refuse()
		return true
	}
	m.handleUser()
	return true
}

// swap makes the queue the batch, and the batch's slice the next queue.
func (m *mailbox) swap() {
	clear(m.batch.messages)
	free := m.batch.messages[:0]
	if cap(free) > backlogKept {
		free = nil
	}
	m.batch = Batch{messages: m.queue}
	m.queue = free
}

func (m *mailbox) handleSystem(message any) {
	m.system.trace(m.node, message)
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspended = true
	case *actor.ResumeMailbox:
		m.suspended = false
	default:
		if _, ok := message.(*actor.Restart); ok && m.node.stopping.Load() {
			return // its parent told it to stop before it heard of the panic
		}
		defer m.recover(message)
		m.invoker.InvokeSystemMessage(message)
	}
}

// refuse answers one message of an actor that has ended: protoactor would drop it without a word.
func (m *mailbox) refuse() {
	message := m.batch.messages[m.batch.next]
	m.batch.next++
	m.handled++
	m.system.Undelivered(message)
}

// handleUser hands over the batch up to the next message that protoactor itself must see, or one message.
func (m *mailbox) handleUser() {
	if !m.batching || isOwn(m.batch.messages[m.batch.next]) {
		message := m.batch.messages[m.batch.next]
		m.batch.next++
		m.handled++
		m.system.trace(m.node, message)
		defer m.recover(message)
		m.invoker.InvokeUserMessage(message)
		return
	}
	part := m.prefix()
	m.handled += len(part.messages)
	m.system.trace(m.node, part)
	defer func() {
		m.batch.next += part.next
		if r := recover(); r != nil {
			m.failed(r, part.current())
		}
	}()
	m.invoker.InvokeUserMessage(part)
	part.next = len(part.messages) // what the actor did not look at is not given to it again
}

// prefix returns the part of the batch that is handed over at once.
func (m *mailbox) prefix() *Batch {
	rest := m.batch.messages[m.batch.next:]
	n := 0
	for n < len(rest) && !isOwn(rest[n]) {
		n++
	}
	if m.system.o.Stepper != nil && n > 1 {
		n = 1 + int(m.system.Rand(int64(n)))
	}
	part := &Batch{messages: rest[:n:n]}
	if m.system.o.Fault != nil {
		part.before = func(message any) { m.node.fault(m.system, message) }
	}
	return part
}

// isOwn tells whether protoactor itself acts on a user message.
func isOwn(message any) bool {
	_, ok := message.(actor.AutoReceiveMessage)
	return ok
}

func (m *mailbox) recover(message any) {
	if r := recover(); r != nil {
		m.failed(r, message)
	}
}

// failed hands a panic to the actor's supervisor. It runs on top of the stack that panicked, so the stack is still there.
func (m *mailbox) failed(reason, message any) {
	p := &Panic{Reason: reason, Stack: debug.Stack()}
	m.node.failing(m.system, p, message)
	m.invoker.EscalateFailure(p, message)
}
