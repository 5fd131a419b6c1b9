// Package messages is what troupe's actors say to each other: the requests of sessions to partitions and
// coordinators, their answers, what raft and the directories of two nodes say to each other, and the router that knows where each of them lives.
//
// A message is immutable once sent. Byte slices in it are handed over: the sender forgets them. A message that
// wants an answer carries a ReplyTo, and its comment names the type of the answer's Value.
//
// Those that cross nodes have a kind in the tables of Codec, and so has every body, value and answer in them. Record batches are not copied on the way: they go
// out from where they are, and come in as parts of what was read.
package messages
