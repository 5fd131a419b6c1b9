package group

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition"
	"troupe/partition/kafka"
)

// The records of __consumer_offsets, as Kafka has them: a key begins with its version, which says what the record is about.
//
//	0, 1  OffsetCommitKey{group, topic, partition}  OffsetCommitValue
//	2     GroupMetadataKey{group}                    GroupMetadataValue
const (
	offsetKeyVersion   = 1
	groupKeyVersion    = 2
	groupValueVersion  = 3
	offsetValueVersion = 4 // with the topic's id; 1 where the client gave a time to expire, which later versions don't have
)

// stringMax is how long a string may be in a record, whose length takes two bytes. Requests know longer ones: what goes into a record is
// looked at before the request is accepted.
const stringMax = math.MaxInt16

// KeyOf returns the group that a record belongs to; ok is false for a record of another kind.
func KeyOf(key []byte) (group string, ok bool) {
	if len(key) < 4 || binary.BigEndian.Uint16(key) > groupKeyVersion {
		return "", false
	}
	n := int(int16(binary.BigEndian.Uint16(key[2:])))
	if n < 0 || n > len(key)-4 {
		return "", false
	}
	return string(key[4 : 4+n]), true
}

// A Committed is what a record of a committed offset says.
type Committed struct {
	Group     string
	Partition kafka.TopicPartition
	Topic     kafka.TopicID // zero where an old record does not say
	Offset    kafka.Offset  // -1 for one that was removed
}

// CommittedOffset reads a record of a committed offset; ok is false for a record of another kind.
func CommittedOffset(kv partition.KeyValue) (c Committed, ok bool) {
	if len(kv.Key) < 2 || binary.BigEndian.Uint16(kv.Key) > offsetKeyVersion {
		return Committed{}, false
	}
	var k kmsg.OffsetCommitKey
	if k.ReadFrom(kv.Key) != nil {
		return Committed{}, false
	}
	c = Committed{Group: k.Group, Partition: kafka.TopicPartition{Topic: k.Topic, Partition: k.Partition}, Offset: kafka.NoOffset}
	if kv.Value == nil {
		return c, true
	}
	v, err := readOffset(kv.Value)
	if err != nil {
		return Committed{}, false
	}
	c.Topic, c.Offset = v.TopicID, kafka.Offset(v.Offset)
	return c, true
}

func readOffset(b []byte) (v kmsg.OffsetCommitValue, err error) {
	if err = v.ReadFrom(b); err == nil && v.Version > offsetValueVersion {
		err = fmt.Errorf("version %d of OffsetCommitValue is not known", v.Version)
	}
	return v, err
}

func offsetKey(group string, tp kafka.TopicPartition) []byte {
	k := kmsg.NewOffsetCommitKey()
	k.Version, k.Group, k.Topic, k.Partition = offsetKeyVersion, group, tp.Topic, tp.Partition
	return k.AppendTo(nil)
}

func offsetRecord(group string, tp kafka.TopicPartition, o offset) partition.KeyValue {
	v := kmsg.NewOffsetCommitValue()
	v.Version, v.Offset, v.LeaderEpoch, v.Metadata, v.CommitTimestamp = offsetValueVersion, int64(o.offset), int32(o.leaderEpoch), o.metadata, o.committed.UnixMilli()
	v.TopicID = o.topic
	if !o.expires.IsZero() {
		v.Version, v.ExpireTimestamp = 1, o.expires.UnixMilli()
	}
	return partition.KeyValue{Key: offsetKey(group, tp), Value: v.AppendTo(nil)}
}

func offsetTombstone(group string, tp kafka.TopicPartition) partition.KeyValue {
	return partition.KeyValue{Key: offsetKey(group, tp)}
}

func groupKey(group string) []byte {
	k := kmsg.NewGroupMetadataKey()
	k.Version, k.Group = groupKeyVersion, group
	return k.AppendTo(nil)
}

func groupTombstone(group string) partition.KeyValue {
	return partition.KeyValue{Key: groupKey(group)}
}

// writeGroup writes down the group with its members and their assignments.
func (g *Group) writeGroup() {
	v := kmsg.NewGroupMetadataValue()
	v.Version, v.ProtocolType, v.Generation, v.CurrentStateTimestamp = groupValueVersion, g.protocolType, int32(g.generation), g.since.UnixMilli()
	if g.protocol != "" {
		v.Protocol = &g.protocol
	}
	if g.leader != "" {
		v.Leader = &g.leader
	}
	for _, m := range g.inOrder() {
		w := kmsg.NewGroupMetadataValueMember()
		w.MemberID, w.InstanceID, w.ClientID, w.ClientHost = m.id, m.instance, m.client, m.host
		w.RebalanceTimeoutMillis, w.SessionTimeoutMillis = int32(m.rebalanceTimeout.Milliseconds()), int32(m.sessionTimeout.Milliseconds())
		w.Subscription, _ = m.protocol(g.protocol)
		w.Assignment = m.assignment
		v.Members = append(v.Members, w)
	}
	g.recorded = true
	g.write(partition.KeyValue{Key: groupKey(g.id), Value: v.AppendTo(nil)})
}

// Restore takes over what the records say. A group goes on without a record that can't be read: its members join again, and its other
// offsets are still good.
func (g *Group) Restore(now time.Time, rows []partition.KeyValue) (partition.Outcome, error) {
	g.now = now
	var unreadable partition.UnreadableRows
	for _, kv := range rows {
		if err := g.restore(kv); err != nil {
			unreadable = append(unreadable, fmt.Errorf("group %q: %w", g.id, err))
		}
	}
	g.expireOffsets()
	if len(g.members) > g.o.MaxSize {
		g.prepareRebalance()
	}
	if len(unreadable) > 0 {
		return g.outcome(), unreadable
	}
	return g.outcome(), nil
}

func (g *Group) restore(kv partition.KeyValue) error {
	if binary.BigEndian.Uint16(kv.Key) == groupKeyVersion {
		g.recorded = true
		var v kmsg.GroupMetadataValue
		err := v.ReadFrom(kv.Value)
		if err == nil && v.Version > groupValueVersion {
			err = fmt.Errorf("version %d of GroupMetadataValue is not known", v.Version)
		}
		if err != nil {
			return fmt.Errorf("read the record of the group: %w", err)
		}
		g.restoreGroup(&v)
		return nil
	}
	var k kmsg.OffsetCommitKey
	if err := k.ReadFrom(kv.Key); err != nil {
		return fmt.Errorf("read the key of an offset: %w", err)
	}
	v, err := readOffset(kv.Value)
	if err != nil {
		return fmt.Errorf("read the offset of %s-%d: %w", k.Topic, k.Partition, err)
	}
	o := offset{topic: v.TopicID, offset: kafka.Offset(v.Offset), leaderEpoch: kafka.NoEpoch, metadata: v.Metadata, committed: time.UnixMilli(v.CommitTimestamp)}
	if v.Version >= 3 {
		o.leaderEpoch = kafka.LeaderEpoch(v.LeaderEpoch)
	}
	if v.Version == 1 && v.ExpireTimestamp >= 0 {
		o.expires = time.UnixMilli(v.ExpireTimestamp)
	}
	g.offsets[kafka.TopicPartition{Topic: k.Topic, Partition: k.Partition}] = o
	return nil
}

func (g *Group) restoreGroup(v *kmsg.GroupMetadataValue) {
	g.protocolType, g.generation = v.ProtocolType, kafka.GenerationID(v.Generation)
	if v.Protocol != nil {
		g.protocol = *v.Protocol
	}
	if v.Version >= 2 && v.CurrentStateTimestamp >= 0 {
		g.since = time.UnixMilli(v.CurrentStateTimestamp)
	}
	for _, w := range v.Members {
		m := &member{
			id: w.MemberID, instance: w.InstanceID, client: w.ClientID, host: w.ClientHost, assignment: w.Assignment,
			rebalanceTimeout: time.Duration(w.RebalanceTimeoutMillis) * time.Millisecond, sessionTimeout: time.Duration(w.SessionTimeoutMillis) * time.Millisecond,
			protocols: []kmsg.JoinGroupRequestProtocol{{Name: g.protocol, Metadata: w.Subscription}},
		}
		g.add(m)
		g.heard(m)
	}
	if len(v.Members) > 0 {
		g.state = stable
		if v.Leader != nil && g.members[*v.Leader] != nil {
			g.leader = *v.Leader
		}
	}
}
