package api

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// Options is what an Env is made of.
type Options struct {
	System    *actors.System
	Router    *messages.Router
	Directory *actor.PID     // answers AwaitLeaders
	Broker    kafka.BrokerID // this node
	// Single, where not nil, is the one address that clients are told, for all nodes.
	Single *Endpoint
	// Static are the settings made at the node's start, without defaults.
	Static map[string]string
	// AutoCreateTopics is auto.create.topics.enable; the partitions and replicas are those of __consumer_offsets, which is made on first use.
	AutoCreateTopics   bool
	OffsetsPartitions  int32
	OffsetsReplication int16
	FetchBytesMax      int // fetch.max.bytes
	FetchSessions      int // max.incremental.fetch.session.cache.slots
	// DescribePartitionsMax is max.request.partition.size.limit.
	DescribePartitionsMax int
	// LogDir is the data folder, as an absolute path, and Disk, where not nil, how large its disk is and how much of it can be used.
	LogDir string
	Disk   func() (total, usable int64)
	// Answers are the bytes that answers may take on the node from when they are read until they are written; nil: without a limit.
	Answers *actors.Credits
	// Observe, where not nil, is told of each request that was answered: its API, the first error in the answer, and how long it took.
	Observe func(api string, code int16, took time.Duration)
}

// An Endpoint is where clients reach a node.
type Endpoint struct {
	Host string
	Port int32
}

// An Env is what the requests of all sessions of a node share. It is safe for use by many goroutines.
type Env struct {
	Options
	rows    map[int16]*API
	fetches fetchCache
}

// NewEnv returns an Env.
func NewEnv(o Options) *Env {
	if o.Answers == nil {
		o.Answers = actors.NewCredits(-1)
	}
	e := &Env{Options: o, rows: map[int16]*API{}}
	table := APIs()
	for i := range table {
		e.rows[table[i].Key.Int16()] = &table[i]
	}
	e.fetches = fetchCache{slots: o.FetchSessions, rand: o.System.Rand, sessions: map[int32]*fetchSession{}}
	return e
}
