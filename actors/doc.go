// Package actors is the ground that troupe's actors stand on: protoactor-go behind five seams. It knows nothing of brokers;
// the streams library stands on it too.
//
// A System owns the actors of one node. Spawn makes one under a parent, with a kind and a name; the path of names is its
// id, led by the node's incarnation, because ids come back after a process restart. What an actor gets from outside goes through the System:
//
//	time        Clock, After: a timer is a message
//	mailbox     one for all actors; it hands a Batching actor its whole backlog as one *Batch
//	other nodes actor.ProcessRegistry's address resolver, with Options.Address
//	storage     an interface of the packages above; what blocks goes through Work and comes back as a message
//	randomness  Rand
//
// What the node's clients take of its memory is counted in Credits. A question to an actor that is not there is answered (Undeliverable). Which actors there are,
// who spawns whom and who sends what to whom is the business of the packages above: for a node it stands in package supervisor.
//
// With Options.Stepper all of that runs in one thread, in an order that a seed decides, in simulated time: the simulator runs the
// very actors that production runs. Therefore no actor uses go, time.Now, math/rand, net or os by itself.
//
// An actor that panics is restarted by its parent's strategy: at once, or after the least pause of its kind, then after a growing one; past its budget it is
// stopped, stays in Tree as failed, and everybody else goes on. A fault that the node can't live with is a message, never an
// escalated panic.
//
// # Non-obvious
//
//   - Of a Batch, the message that panicked is lost, and only that: the new incarnation gets the rest first.
//   - A panic in the handler of Stopping, Stopped or Restarting, and of what comes while children end, is caught: it would leave an actor that nobody can stop. One
//     that was told to stop is not restarted, whenever it has panicked.
//   - protoactor's Stop drops the mailbox without a word: ours answers for what was in it.
//   - A PID is known before Started is posted, and before its mailbox knows whom it serves; what comes in that moment waits for Started.
//   - Its own strategies, ReceiveTimeout, Future and Stash are not used: they read the wall clock, race, or reorder.
//   - At most a fixed number of actors have a turn at once, and one that has always more to do lets others in. Those that may wait for the disk take no place from
//     others, and those of prompt kinds, such as a link's, wait for nobody.
//   - A *Batch belongs to the mailbox; it is not valid after Receive returned.
package actors
