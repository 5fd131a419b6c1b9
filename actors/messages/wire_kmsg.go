package messages

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Parts of these responses are what a machine answers for its group.
const (
	describeGroupsVersion = 6
	listGroupsVersion     = 5
)

// Later versions of these have a topic's id in place of its name, where troupe's coordinators know both: the id is written apart.
const (
	offsetCommitVersion = 9
	offsetFetchVersion  = 9
)

// versions are the requests of the protocol that coordinators serve, with the version in which their responses travel. Who asked turns them into the version of its client,
// so this one has every field; and it stays as it is, because an older node must read it. A request travels in its client's version.
var versions = map[kmsg.Key]int16{
	kmsg.JoinGroup:                  9,
	kmsg.SyncGroup:                  5,
	kmsg.Heartbeat:                  4,
	kmsg.LeaveGroup:                 5,
	kmsg.OffsetDelete:               0,
	kmsg.CreateTopics:               7,
	kmsg.DeleteTopics:               6,
	kmsg.CreatePartitions:           3,
	kmsg.AlterConfigs:               2,
	kmsg.IncrementalAlterConfigs:    1,
	kmsg.InitProducerID:             5,
	kmsg.AlterPartitionAssignments:  1,
	kmsg.ListPartitionReassignments: 0,
	kmsg.UnregisterBroker:           0,
}

// requestFields is for the requests of the table.
func requestFields(c *coder, v *any) {
	q, _ := (*v).(kmsg.Request)
	var key, version int16
	if q != nil {
		key, version = q.Key(), q.GetVersion()
	}
	integer(c, &key)
	integer(c, &version)
	if _, ok := versions[kmsg.Key(key)]; !ok {
		c.fail("no coordinator is asked for a %s", kmsg.NameForKey(key))
		return
	}
	if c.reading {
		q = kmsg.RequestForKey(key)
		*v = q
	}
	if version < 0 || version > q.MaxVersion() {
		c.fail("version %d of %s is not known here", version, kmsg.NameForKey(key))
		return
	}
	if c.reading {
		q.SetVersion(version)
	}
	c.kmsg(q)
}

func responseFields(c *coder, v *any) {
	r, _ := (*v).(kmsg.Response)
	var key int16
	if r != nil {
		key = r.Key()
	}
	integer(c, &key)
	version, ok := versions[kmsg.Key(key)]
	if !ok {
		c.fail("no coordinator answers with a response for %s", kmsg.NameForKey(key))
		return
	}
	if c.reading {
		r = kmsg.ResponseForKey(key)
		*v = r
	}
	c.response(r, version)
}

// response is for a response in a version that need not be its own.
func (c *coder) response(r kmsg.Response, version int16) {
	if r.GetVersion() != version {
		if !c.reading { // what is written stays as it is
			copied := reflect.New(reflect.TypeOf(r).Elem())
			copied.Elem().Set(reflect.ValueOf(r).Elem())
			r = copied.Interface().(kmsg.Response)
		}
		r.SetVersion(version)
	}
	c.kmsg(r)
}

// kmsg is for a request or response, in its version.
func (c *coder) kmsg(m interface {
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
}) {
	b := c.begin()
	if !c.reading {
		c.head = m.AppendTo(c.head)
	} else if c.err == nil {
		if err := m.ReadFrom(c.head); err != nil {
			c.fail("%w", err)
		}
	}
	c.end(b)
}

func offsetCommitFields(c *coder, q *kmsg.OffsetCommitRequest) {
	version := q.Version
	integer(c, &version)
	if version < 0 || version > q.MaxVersion() {
		c.fail("version %d of OffsetCommit is not known here", version)
		return
	}
	if !c.reading {
		written := *q
		q = &written
	}
	q.Version = min(version, offsetCommitVersion)
	c.kmsg(q)
	q.Version = version
	for i := range q.Topics {
		topicID(c, &q.Topics[i].TopicID)
	}
}

func offsetCommittedFields(c *coder, r *kmsg.OffsetCommitResponse) {
	c.response(r, offsetCommitVersion)
	for i := range r.Topics {
		topicID(c, &r.Topics[i].TopicID)
	}
}

func offsetsFetchedFields(c *coder, g *kmsg.OffsetFetchResponseGroup) {
	r := kmsg.OffsetFetchResponse{Groups: []kmsg.OffsetFetchResponseGroup{*g}}
	c.response(&r, offsetFetchVersion)
	one(c, r.Groups, g)
	for i := range g.Topics {
		topicID(c, &g.Topics[i].TopicID)
	}
}

func groupDescribedFields(c *coder, g *kmsg.DescribeGroupsResponseGroup) {
	r := kmsg.DescribeGroupsResponse{Groups: []kmsg.DescribeGroupsResponseGroup{*g}}
	c.response(&r, describeGroupsVersion)
	one(c, r.Groups, g)
}

func groupListedFields(c *coder, g *kmsg.ListGroupsResponseGroup) {
	r := kmsg.ListGroupsResponse{Groups: []kmsg.ListGroupsResponseGroup{*g}}
	c.response(&r, listGroupsVersion)
	one(c, r.Groups, g)
}

// one takes the group of a response that was made for it.
func one[G any](c *coder, groups []G, g *G) {
	switch {
	case !c.reading:
	case len(groups) == 1:
		*g = groups[0]
	default:
		c.fail("it is of %d groups", len(groups))
	}
}
