// Package partition decides everything about one partition: what is appended where, who may read how far, who is
// answered when. It is a state machine: messages and the time go in, effects come out.
package partition
