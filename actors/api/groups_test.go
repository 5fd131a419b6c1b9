package api

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/group"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// newGroupBench is a bench with a topic of groups' offsets, whose one coordinator the test plays.
func newGroupBench(t *testing.T) *bench {
	b := newBench(t, nil)
	controller := metadata.NewController(metadata.ControllerOptions{ClusterID: "the cluster", DefaultPartitions: 1, DefaultReplicationFactor: 1})
	out, err := controller.Restore(epoch, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := out.Records
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 3, 1
	create.Topics = append(create.Topics, topic)
	for _, body := range []any{
		&metadata.RegisterBroker{Broker: metadata.Broker{ID: 1, StoreID: "a", RaftID: 1, Host: "here", Port: 9092}}, create,
		&metadata.CreateInternalTopic{Topic: metadata.OffsetsTopic, Partitions: 1, ReplicationFactor: 1},
	} {
		rows = append(rows, controller.Handle(epoch, &partition.Request{Body: body, Nonce: [16]byte{byte(len(rows)), 2}}).Records...)
	}
	image, err := messages.NewRouter().View().Image.Apply(rows)
	if err != nil {
		t.Fatal(err)
	}
	number := image.Topic(metadata.OffsetsTopic).Partitions[0].Number
	b.env.Router.Set(messages.NewView(image).With(epoch, messages.Led{Number: number, Leader: messages.Leader{Broker: 1, Epoch: 1, Replica: b.leader, Coordinator: b.leader}}))
	return b
}

// A group waits for its slowest member, and a member for its group.
func TestMembersWaitWithoutAnEnd(t *testing.T) {
	b := newGroupBench(t)
	join, sync := kmsg.NewPtrJoinGroupRequest(), kmsg.NewPtrSyncGroupRequest()
	join.Version, join.Group, join.RebalanceTimeoutMillis = 9, "g", 1000
	sync.Version, sync.Group = 5, "g"
	joins, syncs := b.send(join), b.send(sync)
	b.at(24 * time.Hour)
	if b.served[joins] != nil || b.served[syncs] != nil {
		t.Fatal("a member was sent away while its group waited")
	}
	joined := kmsg.NewPtrJoinGroupResponse()
	joined.Generation = 3
	b.reply(next[*messages.Coordinate](b).Reply, joined, nil)
	if a := response[*kmsg.JoinGroupResponse](b, joins); a.Generation != 3 {
		t.Errorf("joined: %+v", a)
	}
	b.reply(next[*messages.Coordinate](b).Reply, nil, kerr.NotCoordinator)
	if a := response[*kmsg.SyncGroupResponse](b, syncs); a.ErrorCode != kerr.NotCoordinator.Code {
		t.Errorf("synced: %+v", a)
	}
}

func TestRefusedJoin(t *testing.T) {
	b := newGroupBench(t)
	for version := int16(0); version <= 9; version++ {
		q := kmsg.NewPtrJoinGroupRequest()
		q.Version, q.Group, q.MemberID = version, "g", "me"
		r := b.send(q)
		b.reply(next[*messages.Coordinate](b).Reply, nil, kerr.NotCoordinator)
		a := response[*kmsg.JoinGroupResponse](b, r)
		if a.ErrorCode != kerr.NotCoordinator.Code || a.Generation != -1 || a.MemberID != "me" || (a.Protocol == nil) != (version >= 7) {
			t.Errorf("version %d: %+v", version, a)
		}
	}
}

// A group's machine gets the id of each topic, whichever way the client names it, so that a topic that is made anew inherits no offsets.
func TestOffsetsBelongToTopicIDs(t *testing.T) {
	b := newGroupBench(t)
	id := b.env.Router.View().Image.Topic("orders").ID
	for version := int16(2); version <= 10; version++ {
		q := kmsg.NewPtrOffsetCommitRequest()
		q.Version, q.Group = version, "g"
		topic := kmsg.OffsetCommitRequestTopic{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 1, Offset: 5}}}
		if version >= 10 {
			topic.Topic, topic.TopicID = "", id
		}
		q.Topics = append(q.Topics, topic)
		b.send(q)
		if got := next[*messages.Coordinate](b).Body.(*kmsg.OffsetCommitRequest).Topics[0]; got.Topic != "orders" || got.TopicID != id {
			t.Errorf("commit version %d: %+v", version, got)
		}
	}
	for version := int16(1); version <= 10; version++ {
		q := kmsg.NewPtrOffsetFetchRequest()
		q.Version, q.Group = version, "g"
		q.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{1}}}
		topic := kmsg.OffsetFetchRequestGroupTopic{Topic: "orders", Partitions: []int32{1}}
		if version >= 10 {
			topic.Topic, topic.TopicID = "", id
		}
		q.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{topic}}}
		b.send(q)
		if got := next[*messages.Coordinate](b).Body.(*group.FetchOffsets).Topics[0]; got.Topic != "orders" || got.TopicID != id {
			t.Errorf("fetch version %d: %+v", version, got)
		}
	}
	all := kmsg.NewPtrOffsetFetchRequest()
	all.Version = 9
	all.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
	r := b.send(all)
	found := &kmsg.OffsetFetchResponseGroup{Group: "g"}
	for n, id := range []kafka.TopicID{{}, id, {77}} {
		p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
		p.Partition, p.Metadata = int32(n), new(string)
		found.Topics = append(found.Topics, kmsg.OffsetFetchResponseGroupTopic{Topic: "orders", TopicID: id, Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{p}})
	}
	b.reply(next[*messages.Coordinate](b).Reply, found, nil)
	if a := response[*kmsg.OffsetFetchResponse](b, r); len(a.Groups[0].Topics) != 2 || a.Groups[0].Topics[1].Partitions[0].Partition != 1 {
		t.Errorf("all: %+v", a.Groups[0].Topics)
	}
}

func TestAuthorizedOperationsOfGroups(t *testing.T) {
	b := newGroupBench(t)
	describe := func(version int16, asked bool, code int16) int32 {
		q := kmsg.NewPtrDescribeGroupsRequest()
		q.Version, q.Groups, q.IncludeAuthorizedOperations = version, []string{"g"}, asked
		r := b.send(q)
		found := kmsg.NewDescribeGroupsResponseGroup()
		found.ErrorCode = code
		b.reply(next[*messages.Coordinate](b).Reply, &found, nil)
		return response[*kmsg.DescribeGroupsResponse](b, r).Groups[0].AuthorizedOperations
	}
	if got := describe(3, true, 0); got != 3400 {
		t.Errorf("asked for, they are %d", got)
	}
	if got := describe(6, false, 0); got != notAsked {
		t.Errorf("not asked for, they are %d", got)
	}
	if got := describe(6, true, kerr.GroupIDNotFound.Code); got != notAsked {
		t.Errorf("of no group they are %d", got)
	}
}

func TestDeleteGroupsTwice(t *testing.T) {
	b := newGroupBench(t)
	q := kmsg.NewPtrDeleteGroupsRequest()
	q.Version, q.Groups = 2, []string{"a", "b", "a"}
	r := b.send(q)
	b.reply(next[*messages.Coordinate](b).Reply, nil, nil)
	b.reply(next[*messages.Coordinate](b).Reply, nil, kerr.NonEmptyGroup)
	a := response[*kmsg.DeleteGroupsResponse](b, r)
	if a == nil || len(a.Groups) != 2 || a.Groups[0].ErrorCode != 0 || a.Groups[1].Group != "b" || a.Groups[1].ErrorCode != kerr.NonEmptyGroup.Code {
		t.Errorf("%+v", a)
	}
}

// Where clients know all nodes, each lists the groups of its own. Where they know one address a list that is not whole is an error, which clients take for one to try again.
func TestListGroupsIsWhole(t *testing.T) {
	list := func(b *bench, answer error) *kmsg.ListGroupsResponse {
		t.Helper()
		q := kmsg.NewPtrListGroupsRequest()
		q.Version = 5
		r := b.send(q)
		if len(b.asked) > 0 {
			var groups any = []any{&kmsg.ListGroupsResponseGroup{Group: "billing"}}
			if answer != nil {
				groups = nil
			}
			b.reply(next[*messages.CoordinateAll](b).Reply, groups, answer)
		}
		return response[*kmsg.ListGroupsResponse](b, r)
	}
	for _, c := range []struct {
		name   string
		single bool
		led    bool
		answer error
		code   int16
		groups int
	}{
		{"a coordinator answers", false, true, nil, 0, 1},
		{"it has just moved", false, true, kerr.NotCoordinator, 0, 0},
		{"it loads", false, true, kerr.CoordinatorLoadInProgress, kerr.CoordinatorLoadInProgress.Code, 0},
		{"there is none", false, false, nil, 0, 0},
		{"one address, and it answers", true, true, nil, 0, 1},
		{"one address, and it has just moved", true, true, kerr.NotCoordinator, kerr.CoordinatorNotAvailable.Code, 0},
		{"one address, and there is none", true, false, nil, kerr.CoordinatorNotAvailable.Code, 0},
	} {
		b := newGroupBench(t)
		if c.single {
			b.env.Single = &Endpoint{Host: "front", Port: 9000}
		}
		if !c.led {
			b.env.Router.Set(messages.NewView(b.env.Router.View().Image))
		}
		if a := list(b, c.answer); a == nil || a.ErrorCode != c.code || len(a.Groups) != c.groups {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}
