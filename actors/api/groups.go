package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition/kafka"
)

// askGroup asks the machine of a group. Where nobody coordinates the group, or there is no answer in time, done gets an error.
func (r *Request) askGroup(group string, body any, done func(value any, err error)) {
	_, l, ok := r.view.GroupCoordinator(group)
	if !ok || l.Coordinator == nil {
		done(nil, kerr.CoordinatorNotAvailable)
		return
	}
	if l.Broker != r.env.Broker && r.env.Single == nil {
		done(nil, kerr.NotCoordinator)
		return
	}
	r.ask(l.Coordinator, func(to messages.ReplyTo) any {
		return &messages.Coordinate{Key: group, Body: body, ClientID: r.ClientID, ClientHost: r.ClientHost, Broker: r.env.Broker, Reply: to}
	}, done)
}

// JoinGroup, versions 0-9. v1 rebalance time-out (KIP-62). v2 throttle time. v4 a member comes again with its id (KIP-394). v5 static members
// (KIP-345). v6 flexible. v7 protocol type (KIP-559). v8 reason (KIP-800). v9 skip assignment (KIP-814).
func joinGroup(r *Request) {
	q := r.Body.(*kmsg.JoinGroupRequest)
	r.waitForMembers()
	r.askGroup(q.Group, q, func(value any, err error) {
		response, ok := value.(*kmsg.JoinGroupResponse)
		if !ok {
			response = kmsg.NewPtrJoinGroupResponse()
			response.ErrorCode, response.Generation, response.MemberID = kafka.Code(err), -1, q.MemberID
			if r.Version < 7 { // not nullable before
				response.Protocol = new(string)
			}
		}
		r.noteCode(response.ErrorCode)
		r.respond(response)
	})
}

// waitForMembers keeps a request that waits for other members from having an end of its own: its group waits for the slowest of them, for as long as that one
// has asked for, and then answers. The coordinator answers for a group that is no more.
func (r *Request) waitForMembers() {
	r.by(r.env.System.Now().Add(patience), r.waitForMembers)
}

// SyncGroup, versions 0-5. v1 throttle time. v3 static members. v4 flexible. v5 protocol (KIP-559).
func syncGroup(r *Request) {
	q := r.Body.(*kmsg.SyncGroupRequest)
	r.waitForMembers()
	r.askGroup(q.Group, q, func(value any, err error) {
		response, ok := value.(*kmsg.SyncGroupResponse)
		if !ok {
			response = kmsg.NewPtrSyncGroupResponse()
			response.ErrorCode = kafka.Code(err)
		}
		r.noteCode(response.ErrorCode)
		r.respond(response)
	})
}

// Heartbeat, versions 0-4. v1 throttle time. v3 static members. v4 flexible.
func heartbeat(r *Request) {
	q := r.Body.(*kmsg.HeartbeatRequest)
	r.askGroup(q.Group, q, func(value any, err error) {
		response, ok := value.(*kmsg.HeartbeatResponse)
		if !ok {
			response = kmsg.NewPtrHeartbeatResponse()
			response.ErrorCode = kafka.Code(err)
		}
		r.noteCode(response.ErrorCode)
		r.respond(response)
	})
}

// LeaveGroup, versions 0-5. v1 throttle time. v3 many members (KIP-345). v4 flexible. v5 reason (KIP-800).
func leaveGroup(r *Request) {
	q := r.Body.(*kmsg.LeaveGroupRequest)
	r.askGroup(q.Group, q, func(value any, err error) {
		response, ok := value.(*kmsg.LeaveGroupResponse)
		if !ok {
			response = kmsg.NewPtrLeaveGroupResponse()
			response.ErrorCode = kafka.Code(err)
		}
		r.noteCode(response.ErrorCode)
		for _, m := range response.Members {
			r.noteCode(m.ErrorCode)
		}
		r.respond(response)
	})
}
