package messages

import (
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/group"
	"troupe/partition/metadata"
)

// Whatever the machines answer reaches who asked on another node. Where this fails, a kind is missing in the table of values.
func TestMachinesAnswersTravel(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, fresh := range map[string]func() partition.Machine{
		"group": func() partition.Machine {
			return group.New("billing", group.Options{MaxSessionTimeout: time.Hour, MaxSize: 10, OffsetMetadataMaxBytes: 100, OffsetsRetention: time.Hour, OffsetsCheckInterval: time.Hour})
		},
		"controller": func() partition.Machine {
			return metadata.NewController(metadata.ControllerOptions{ClusterID: "c", DefaultPartitions: 1, DefaultReplicationFactor: 1, DeleteTopics: true})
		},
	} {
		machine := fresh()
		if _, err := machine.Restore(now, nil); err != nil {
			t.Fatal(err)
		}
		served := map[reflect.Type]bool{}
		asked := map[partition.Ticket]any{}
		answered := func(out partition.Outcome) {
			for _, r := range out.Replies {
				m := &Reply{Slot: uint64(r.Ticket), Value: r.Response, Err: r.Err}
				got := travel(t, m).(*Reply)
				if _, isResponse := m.Value.(kmsg.Response); !isResponse && !same(m, got) { // responses: TestResponsesLoseNothing
					t.Errorf("%s, asked for %T: sent and got\n%+v\n%+v", name, asked[r.Ticket], m, got)
				}
				if reflect.TypeOf(m.Value) != reflect.TypeOf(got.Value) {
					t.Errorf("%s, asked for %T: a %T became a %T", name, asked[r.Ticket], m.Value, got.Value)
				}
				if r.Err == nil {
					served[reflect.TypeOf(asked[r.Ticket])] = true
				}
			}
		}
		var ticket partition.Ticket
		for _, body := range append(conversation(), bodies()...) {
			ticket++
			asked[ticket] = body
			answered(machine.Handle(now, &partition.Request{Ticket: ticket, Body: body, ClientID: "client", Nonce: [16]byte{byte(ticket)}}))
			for range 3 {
				if at := machine.Deadline(); !at.IsZero() {
					now = at
					answered(machine.Tick(now))
				}
			}
		}
		if len(served) < 7 {
			t.Errorf("the %s has served only %v", name, served)
		}
	}
}

// conversation is what makes machines answer with more than an error.
func conversation() []any {
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = 3, "billing", 600_000, 600_000, "consumer"
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0}}}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Version, commit.Group, commit.Generation = 8, "billing", -1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", TopicID: [16]byte{1}, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 7}}}}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version = 7
	create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "orders", NumPartitions: 1, ReplicationFactor: 1}}
	return []any{
		commit, &group.FetchOffsets{All: true}, &group.List{}, &group.Describe{Version: 6}, join, &group.List{}, &group.Describe{Version: 6}, &group.Delete{},
		&metadata.RegisterBroker{Broker: metadata.Broker{ID: 1, StoreID: "s"}}, create, &metadata.CreateInternalTopic{Topic: metadata.OffsetsTopic, Partitions: 1, ReplicationFactor: 1},
	}
}

// Groups are on the partition that Kafka would have them on. The expected values are from Java's String.hashCode.
func TestPartitionOfAGroupIsJavas(t *testing.T) {
	for key, want := range map[string]int32{"": 0, "a": 47, "hello": 22, "console-consumer-1": 24, "größe": 7, "𝄞": 44, "polygenelubricants": 0} {
		if got := partitionFor(key, 50); got != want {
			t.Errorf("%q is on partition %d, want %d", key, got, want)
		}
	}
}
