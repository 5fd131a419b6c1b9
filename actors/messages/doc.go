// Package messages is what troupe's actors say to each other: the requests of sessions to partitions and
// coordinators, their answers, and the router that knows where each of them lives.
//
// A message is immutable once sent. Byte slices in it are handed over: the sender forgets them. A message that
// wants an answer carries a ReplyTo, and its comment names the type of the answer's Value.
package messages
