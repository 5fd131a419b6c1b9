package group

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// The scripts in testdata show what a group decides. A line is a request; below it stands what came of it: answers under the number of
// the request that they belong to, records, and the state. `go test ./partition/group -rewrite` writes what comes of it now.
//
//	join client=NAME [member=ID] [instance=NAME] [protocols=(NAME[:METADATA],…)] [session=MS] [rebalance=MS] [type=T] [v=N]
//	sync member=ID generation=N [assign=(ID:BYTES,…)] [protocol=NAME] [type=T] [v=N]    heartbeat member=ID generation=N [instance=NAME]
//	leave (ID,…) [instance=NAME] [v=N]    commit [member=ID generation=N] offsets=(TOPIC/N:OFFSET,…) [metadata=BYTES] [retention=MS] [id=N] [v=N]
//	fetch [TOPIC/N[#ID] …]    delete-offsets TOPIC/N …    topics-deleted TOPIC[#ID] …    describe [v=N]    list    delete
//	advance MS    restart    corrupt group|TOPIC/N    (cuts off a record's end)
//
// A word X*N stands for N times X. A member's id is shown as its client's name and a number, because the part that comes from chance is long.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		h := newHarness(Options{
			MinSessionTimeout: 6 * time.Second, MaxSessionTimeout: 30 * time.Minute, InitialRebalanceDelay: 3 * time.Second, MaxSize: 3,
			OffsetMetadataMaxBytes: 8, OffsetsRetention: time.Hour, OffsetsCheckInterval: 10 * time.Minute,
		})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h.said = nil
			h.do(t, d)
			return strings.Join(h.said, "\n") + "\n"
		})
	})
}

// A record's key has two bytes for the length of the group's id: what was written for a longer one could not be found again.
func TestLongGroupID(t *testing.T) {
	g := New(strings.Repeat("g", 1<<15), Options{MaxSessionTimeout: time.Minute, OffsetMetadataMaxBytes: 8})
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Generation = -1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 5}}}}
	for _, body := range []any{commit, kmsg.NewPtrJoinGroupRequest(), &FetchOffsets{All: true}, &Describe{}, &Delete{}} {
		out := g.Handle(time.UnixMilli(1000), &partition.Request{Ticket: 1, Body: body})
		if len(out.Records) > 0 || len(out.Replies) != 1 || out.Replies[0].Err != kerr.InvalidGroupID {
			t.Errorf("%T leads to %+v", body, out)
		}
	}
}

type harness struct {
	o      Options
	g      *Group
	now    time.Time
	ticket partition.Ticket
	rows   map[string][]byte
	names  map[string]string // short name -> member id
	said   []string
}

func newHarness(o Options) *harness {
	h := &harness{o: o, now: time.UnixMilli(1_000_000_000).UTC(), rows: map[string][]byte{}, names: map[string]string{}}
	h.restart()
	return h
}

func (h *harness) restart() {
	h.g = New("g", h.o)
	var rows []partition.KeyValue
	for _, k := range slices.Sorted(maps.Keys(h.rows)) {
		rows = append(rows, partition.KeyValue{Key: []byte(k), Value: h.rows[k]})
	}
	out, err := h.g.Restore(h.now, rows)
	var unreadable partition.UnreadableRows
	if errors.As(err, &unreadable) {
		for _, err := range unreadable {
			h.say("%s", err)
		}
	} else if err != nil {
		panic(err)
	}
	h.take(out)
}

func (h *harness) say(format string, args ...any) {
	h.said = append(h.said, fmt.Sprintf(format, args...))
}

// short returns the short name of a member id.
func (h *harness) short(id string) string {
	for name, known := range h.names {
		if known == id {
			return name
		}
	}
	if len(id) <= 37 {
		return cmp.Or(id, "-")
	}
	client := id[:len(id)-37]
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s#%d", client, n)
		if h.names[name] == "" {
			h.names[name] = id
			return name
		}
	}
}

func (h *harness) id(short string) string { return cmp.Or(h.names[short], short) }

func (h *harness) do(t *testing.T, d *datadriven.TestData) {
	text := func(name, or string) string {
		if d.HasArg(name) {
			d.ScanArgs(t, name, &or)
		}
		return repeated(or)
	}
	number := func(name string, or int) int {
		if d.HasArg(name) {
			d.ScanArgs(t, name, &or)
		}
		return or
	}
	list := func(name string) (out [][2]string) {
		for _, a := range d.CmdArgs {
			if a.Key == name {
				for _, v := range a.Vals {
					k, v, _ := strings.Cut(repeated(v), ":")
					out = append(out, [2]string{k, v})
				}
			}
		}
		return out
	}
	instance := func() *string {
		if !d.HasArg("instance") {
			return nil
		}
		name := text("instance", "")
		return &name
	}
	switch d.Cmd {
	case "advance":
		until := h.now.Add(time.Duration(number("ms", 0)) * time.Millisecond)
		for at := h.g.Deadline(); !at.IsZero() && !at.After(until); at = h.g.Deadline() {
			h.now = at
			before := len(h.said)
			h.take(h.g.Tick(h.now))
			if len(h.said) > before {
				h.say("at +%dms", h.now.Sub(until).Milliseconds()+int64(number("ms", 0)))
			}
		}
		h.now = until
		h.state()
		return
	case "restart":
		h.restart()
		h.state()
		return
	case "corrupt":
		key := groupKey("g")
		if what := d.CmdArgs[0].Key; what != "group" {
			key = offsetKey("g", partitionOf(what))
		}
		h.rows[string(key)] = h.rows[string(key)][:3]
		h.state()
		return
	}
	var body any
	switch d.Cmd {
	case "join":
		q := kmsg.NewPtrJoinGroupRequest()
		q.Version, q.MemberID, q.InstanceID, q.ProtocolType = int16(number("v", 9)), h.id(text("member", "")), instance(), text("type", "consumer")
		q.SessionTimeoutMillis, q.RebalanceTimeoutMillis = int32(number("session", 10_000)), int32(number("rebalance", 30_000))
		protocols := list("protocols")
		if protocols == nil {
			protocols = [][2]string{{"range", ""}}
		}
		for _, p := range protocols {
			q.Protocols = append(q.Protocols, kmsg.JoinGroupRequestProtocol{Name: p[0], Metadata: subscription(p[1])})
		}
		body = q
	case "sync":
		q := kmsg.NewPtrSyncGroupRequest()
		q.Version, q.MemberID, q.InstanceID, q.Generation = int16(number("v", 5)), h.id(text("member", "")), instance(), int32(number("generation", 0))
		if p := text("protocol", h.g.protocol); p != "null" {
			q.Protocol = &p
		}
		if p := text("type", "consumer"); p != "null" {
			q.ProtocolType = &p
		}
		for _, a := range list("assign") {
			q.GroupAssignment = append(q.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: h.id(a[0]), MemberAssignment: []byte(a[1])})
		}
		body = q
	case "heartbeat":
		q := kmsg.NewPtrHeartbeatRequest()
		q.Version, q.MemberID, q.InstanceID, q.Generation = 4, h.id(text("member", "")), instance(), int32(number("generation", 0))
		body = q
	case "leave":
		q := kmsg.NewPtrLeaveGroupRequest()
		q.Version = int16(number("v", 5))
		for _, m := range list("members") {
			q.MemberID = h.id(m[0])
			q.Members = append(q.Members, kmsg.LeaveGroupRequestMember{MemberID: h.id(m[0]), InstanceID: instance()})
		}
		if d.HasArg("instance") && len(q.Members) == 0 {
			q.Members = append(q.Members, kmsg.LeaveGroupRequestMember{InstanceID: instance()})
		}
		body = q
	case "commit":
		q := kmsg.NewPtrOffsetCommitRequest()
		q.Version, q.MemberID, q.InstanceID, q.Generation = int16(number("v", 9)), h.id(text("member", "")), instance(), int32(number("generation", -1))
		q.RetentionTimeMillis = int64(number("retention", -1))
		for _, o := range list("offsets") {
			tp := partitionOf(o[0])
			at, _ := strconv.Atoi(o[1])
			metadata := text("metadata", "")
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = tp.Partition, int64(at), 7, &metadata
			q.Topics = append(q.Topics, kmsg.OffsetCommitRequestTopic{Topic: tp.Topic, TopicID: topicID(text("id", "")), Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}})
		}
		body = q
	case "fetch":
		q := &FetchOffsets{All: len(d.CmdArgs) == 0}
		for _, a := range d.CmdArgs {
			name, id, _ := strings.Cut(a.Key, "#")
			tp := partitionOf(name)
			q.Topics = append(q.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: tp.Topic, TopicID: topicID(id), Partitions: []int32{tp.Partition}})
		}
		body = q
	case "delete-offsets":
		q := kmsg.NewPtrOffsetDeleteRequest()
		for _, a := range d.CmdArgs {
			tp := partitionOf(a.Key)
			q.Topics = append(q.Topics, kmsg.OffsetDeleteRequestTopic{Topic: tp.Topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: tp.Partition}}})
		}
		body = q
	case "topics-deleted":
		q := &TopicsDeleted{}
		for _, a := range d.CmdArgs {
			name, id, _ := strings.Cut(a.Key, "#")
			q.Topics = append(q.Topics, DeletedTopic{name, topicID(id)})
		}
		body = q
	case "describe":
		body = &Describe{Version: int16(number("v", 6))}
	case "list":
		body = &List{}
	case "delete":
		body = &Delete{}
	default:
		t.Fatalf("%s: no such command %s", d.Pos, d.Cmd)
	}
	h.ticket++
	client := text("client", "")
	h.take(h.g.Handle(h.now, &partition.Request{Ticket: h.ticket, Body: body, ClientID: client, ClientHost: "/127.0.0.1", Nonce: [16]byte{byte(h.ticket >> 8), byte(h.ticket)}}))
	h.state()
}

// topicID is written as its first byte.
func topicID(s string) (id kafka.TopicID) {
	n, _ := strconv.Atoi(s)
	id[0] = byte(n)
	return id
}

func repeated(word string) string {
	if s, times, ok := strings.Cut(word, "*"); ok {
		n, _ := strconv.Atoi(times)
		return strings.Repeat(s, n)
	}
	return word
}

// subscription is what a consumer says of the topics that it wants, which stand in its metadata joined by '+'. Behind '!' stands what is no subscription.
func subscription(topics string) []byte {
	if raw, ok := strings.CutPrefix(topics, "!"); ok {
		return []byte(raw)
	}
	m := kmsg.NewConsumerMemberMetadata()
	if topics != "" {
		m.Topics = strings.Split(topics, "+")
	}
	return m.AppendTo(nil)
}

func partitionOf(s string) kafka.TopicPartition {
	topic, n, _ := strings.Cut(s, "/")
	p, _ := strconv.Atoi(n)
	return kafka.TopicPartition{Topic: topic, Partition: int32(p)}
}

func (h *harness) state() {
	line := fmt.Sprintf("%s generation=%d", h.g.state, h.g.generation)
	if h.g.leader != "" {
		line += " leader=" + h.short(h.g.leader)
	}
	for _, m := range h.g.inOrder() {
		line += " " + h.short(m.id)
	}
	h.say("%s", line)
}

// take shows an outcome and keeps its records.
func (h *harness) take(out partition.Outcome) {
	for _, kv := range out.Records {
		if id, ok := KeyOf(kv.Key); !ok || id != "g" {
			h.say("a record of %q", id)
		}
		h.say("write %s", h.record(kv))
		if kv.Value == nil {
			delete(h.rows, string(kv.Key))
		} else {
			h.rows[string(kv.Key)] = kv.Value
		}
	}
	for _, r := range out.Replies {
		if r.Err != nil {
			h.say("%d: %s", r.Ticket, kafka.CodeName(kafka.Code(r.Err)))
			continue
		}
		h.say("%d: %s", r.Ticket, h.response(r.Response))
	}
}

func (h *harness) record(kv partition.KeyValue) string {
	if kv.Key[1] == groupKeyVersion {
		if kv.Value == nil {
			return "no group"
		}
		var v kmsg.GroupMetadataValue
		if err := v.ReadFrom(kv.Value); err != nil {
			return err.Error()
		}
		line := fmt.Sprintf("group type=%s generation=%d", v.ProtocolType, v.Generation)
		if v.Protocol != nil {
			line += " protocol=" + *v.Protocol
		}
		for _, m := range v.Members {
			line += fmt.Sprintf(" %s=%s", h.short(m.MemberID), m.Assignment)
		}
		return line
	}
	var k kmsg.OffsetCommitKey
	var v kmsg.OffsetCommitValue
	if err := k.ReadFrom(kv.Key); err != nil {
		return err.Error()
	}
	if kv.Value == nil {
		return fmt.Sprintf("no offset %s/%d", k.Topic, k.Partition)
	}
	if err := v.ReadFrom(kv.Value); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("offset %s/%d=%d", k.Topic, k.Partition, v.Offset)
}

func (h *harness) response(r any) string {
	switch a := r.(type) {
	case *kmsg.JoinGroupResponse:
		line := "join " + kafka.CodeName(a.ErrorCode)
		if a.ErrorCode != 0 {
			return line + " member=" + h.short(a.MemberID)
		}
		line += fmt.Sprintf(" member=%s generation=%d protocol=%s leader=%s", h.short(a.MemberID), a.Generation, *a.Protocol, h.short(a.LeaderID))
		if a.SkipAssignment {
			line += " skip-assignment"
		}
		if len(a.Members) > 0 {
			line += " members="
			for i, m := range a.Members {
				line += strings.Repeat(",", min(i, 1)) + h.short(m.MemberID)
			}
		}
		return line
	case *kmsg.SyncGroupResponse:
		return fmt.Sprintf("sync %s assignment=%s", kafka.CodeName(a.ErrorCode), a.MemberAssignment)
	case *kmsg.HeartbeatResponse:
		return "heartbeat " + kafka.CodeName(a.ErrorCode)
	case *kmsg.LeaveGroupResponse:
		line := "leave " + kafka.CodeName(a.ErrorCode)
		for _, m := range a.Members {
			line += fmt.Sprintf(" %s:%s", h.short(m.MemberID), kafka.CodeName(m.ErrorCode))
		}
		return line
	case *kmsg.OffsetCommitResponse:
		line := "commit"
		for _, t := range a.Topics {
			for _, p := range t.Partitions {
				line += fmt.Sprintf(" %s/%d:%s", t.Topic, p.Partition, kafka.CodeName(p.ErrorCode))
			}
		}
		return line
	case *kmsg.OffsetFetchResponseGroup:
		line := "fetch " + kafka.CodeName(a.ErrorCode)
		for _, t := range a.Topics {
			for _, p := range t.Partitions {
				line += fmt.Sprintf(" %s/%d=%d", t.Topic, p.Partition, p.Offset)
				if *p.Metadata != "" {
					line += "(" + *p.Metadata + ")"
				}
			}
		}
		return line
	case *kmsg.OffsetDeleteResponse:
		line := "delete-offsets " + kafka.CodeName(a.ErrorCode)
		for _, t := range a.Topics {
			for _, p := range t.Partitions {
				line += fmt.Sprintf(" %s/%d:%s", t.Topic, p.Partition, kafka.CodeName(p.ErrorCode))
			}
		}
		return line
	case *kmsg.DescribeGroupsResponseGroup:
		line := fmt.Sprintf("describe %s state=%s type=%s protocol=%s", kafka.CodeName(a.ErrorCode), a.State, a.ProtocolType, a.Protocol)
		for _, m := range a.Members {
			line += fmt.Sprintf(" %s=%s", h.short(m.MemberID), m.MemberAssignment)
			if len(m.ProtocolMetadata) > 0 {
				line += "(subscribed)"
			}
		}
		return line
	case *kmsg.ListGroupsResponseGroup:
		return fmt.Sprintf("list %s state=%s type=%s", a.Group, a.GroupState, a.GroupType)
	case nil:
		return "done"
	}
	return fmt.Sprintf("%T", r)
}

// Records are read in every version that Kafka has written, and written byte for byte as Kafka 4.3 writes them.
func TestOffsetRecords(t *testing.T) {
	id := kafka.TopicID{0: 1, 15: 2}
	key := "\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x07"
	at := "\x00\x00\x00\x00\x00\x00\x00\x05"
	stamp := "\x00\x00\x00\x00\x00\x00\x03\xe8"
	tp := kafka.TopicPartition{Topic: "t", Partition: 7}
	got := offsetRecord("g", tp, offset{topic: id, offset: 5, leaderEpoch: 9, metadata: "m", committed: time.UnixMilli(1000)})
	if want := "\x00\x04" + at + "\x00\x00\x00\x09" + "\x02m" + stamp + "\x01\x00\x10" + string(id[:]); string(got.Key) != key || string(got.Value) != want {
		t.Errorf("wrote %q: %q, want %q", got.Key, got.Value, want)
	}
	for version, value := range []string{
		"\x00\x00" + at + "\x00\x01m" + stamp,
		"\x00\x01" + at + "\x00\x01m" + stamp + stamp,
		"\x00\x02" + at + "\x00\x01m" + stamp,
		"\x00\x03" + at + "\x00\x00\x00\x09" + "\x00\x01m" + stamp,
		string(got.Value),
	} {
		want := Committed{Group: "g", Partition: tp, Offset: 5}
		if version == 4 {
			want.Topic = id
		}
		if c, ok := CommittedOffset(partition.KeyValue{Key: []byte(key), Value: []byte(value)}); !ok || c != want {
			t.Errorf("version %d: %+v, %v", version, c, ok)
		}
		g := New("g", Options{OffsetsRetention: time.Hour, OffsetsCheckInterval: time.Hour})
		_, err := g.Restore(time.UnixMilli(900), []partition.KeyValue{{Key: []byte(key), Value: []byte(value)}})
		if o := g.offsets[tp]; err != nil || o.offset != 5 || o.metadata != "m" || (version >= 3) != (o.leaderEpoch == 9) || o.topic != want.Topic {
			t.Errorf("version %d restored: %+v, %v", version, o, err)
		}
	}
	if _, ok := CommittedOffset(partition.KeyValue{Key: []byte(key), Value: []byte("\x00\x05" + string(got.Value[2:]))}); ok {
		t.Error("a version that is not known was read")
	}
}
