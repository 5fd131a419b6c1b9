package config

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxInt        = 1<<31 - 1
	maxShort      = 1<<15 - 1
	noTier        = "There is one tier of storage: accepted, without effect."
	noClean       = "Accepted, without effect until topics can be compacted."
	noCompression = "Accepted, without effect: batches are kept as the producer compressed them."
	always        = "Accepted, without effect: every record is on disk before it is acknowledged."
)

// shared are the settings that topics have and for which the broker has a default.
var shared = []Property{
	{Name: "log.cleanup.policy", Topic: "cleanup.policy", Type: List, Default: "delete", Values: []string{"compact", "delete"}, Dynamic: true, Refuse: refuseCompact,
		Doc: "What becomes of old records: delete drops them by time and size."},
	{Name: "compression.type", Topic: "compression.type", Type: String, Default: "producer", Values: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}, Dynamic: true,
		Doc: "The compression that a topic wants.", Effect: "Batches are kept as the producer compressed them, whatever this says."},
	{Name: "compression.gzip.level", Topic: "compression.gzip.level", Type: Int, Default: "-1", Dynamic: true, Refuse: refuseGzipLevel,
		Doc: "The level of gzip, where the broker compresses.", Effect: noCompression},
	{Name: "compression.lz4.level", Topic: "compression.lz4.level", Type: Int, Default: "9", Min: 1, Max: 17, Dynamic: true,
		Doc: "The level of lz4, where the broker compresses.", Effect: noCompression},
	{Name: "compression.zstd.level", Topic: "compression.zstd.level", Type: Int, Default: "3", Min: -131072, Max: 22, Dynamic: true,
		Doc: "The level of zstd, where the broker compresses.", Effect: noCompression},
	{Name: "log.cleaner.delete.retention.ms", Topic: "delete.retention.ms", Type: Long, Default: "86400000", Min: 0, Max: 1 << 62, Dynamic: true,
		Doc: "How long tombstones of a compacted topic are kept.", Effect: noClean},
	{Name: "log.segment.delete.delay.ms", Topic: "file.delete.delay.ms", Type: Long, Default: "60000", Min: 0, Max: 1 << 62, Dynamic: true,
		Doc: "How long Kafka keeps a file that it has deleted.", Effect: "Accepted, without effect: there are no files to keep."},
	{Name: "log.flush.interval.messages", Topic: "flush.messages", Type: Long, Default: "9223372036854775807", Min: 1, Max: 1 << 63, Dynamic: true,
		Doc: "After how many records Kafka forces data to disk.", Effect: always},
	{Name: "log.flush.interval.ms", Topic: "flush.ms", Type: Long, Default: "9223372036854775807", Min: 0, Max: 1 << 63, Dynamic: true, Unset: true,
		Doc: "After how long Kafka forces data to disk.", Effect: always},
	{Name: "log.index.interval.bytes", Topic: "index.interval.bytes", Type: Int, Default: "4096", Min: 0, Max: maxInt, Dynamic: true,
		Doc: "How many bytes lie between two index entries.", Effect: "Accepted, without effect: index rows lie 64 KiB apart."},
	{Name: "log.local.retention.bytes", Topic: "local.retention.bytes", Type: Long, Default: "-2", Min: -2, Max: 1 << 62, Dynamic: true,
		Doc: "Size of the local part of a tiered log.", Effect: noTier},
	{Name: "log.local.retention.ms", Topic: "local.retention.ms", Type: Long, Default: "-2", Min: -2, Max: 1 << 62, Dynamic: true,
		Doc: "Age of the local part of a tiered log.", Effect: noTier},
	{Name: "log.cleaner.max.compaction.lag.ms", Topic: "max.compaction.lag.ms", Type: Long, Default: "9223372036854775807", Min: 1, Max: 1 << 63, Dynamic: true,
		Doc: "How long a record may stay uncompacted.", Effect: noClean},
	{Name: "message.max.bytes", Topic: "max.message.bytes", Type: Int, Default: "1048588", Min: 0, Max: maxInt, Dynamic: true,
		Doc: "Size that a record batch may have, after compression, in bytes."},
	{Name: "log.message.timestamp.after.max.ms", Topic: "message.timestamp.after.max.ms", Type: Long, Default: "3600000", Min: 0, Max: 1 << 63, Dynamic: true,
		Doc: "How far ahead of the broker's clock a record's timestamp may be, with CreateTime."},
	{Name: "log.message.timestamp.before.max.ms", Topic: "message.timestamp.before.max.ms", Type: Long, Default: "9223372036854775807", Min: 0, Max: 1 << 63, Dynamic: true,
		Doc: "How far behind the broker's clock a record's timestamp may be, with CreateTime."},
	{Name: "log.message.timestamp.type", Topic: "message.timestamp.type", Type: String, Default: "CreateTime", Values: []string{"CreateTime", "LogAppendTime"}, Dynamic: true,
		Doc: "Whose time a record's timestamp is: the producer's, or the broker's when it appends."},
	{Name: "log.cleaner.min.cleanable.ratio", Topic: "min.cleanable.dirty.ratio", Type: Double, Default: "0.5", Min: 0, Max: 1, Dynamic: true,
		Doc: "How much of a compacted log may be uncompacted.", Effect: noClean},
	{Name: "log.cleaner.min.compaction.lag.ms", Topic: "min.compaction.lag.ms", Type: Long, Default: "0", Min: 0, Max: 1 << 63, Dynamic: true,
		Doc: "How long a record stays uncompacted at least.", Effect: noClean},
	{Name: "min.insync.replicas", Topic: "min.insync.replicas", Type: Int, Default: "1", Min: 1, Max: maxInt, Dynamic: true,
		Doc: "How many replicas must have a record on disk before acks=all is answered; never fewer than a majority."},
	{Name: "log.preallocate", Topic: "preallocate", Type: Boolean, Default: "false", Dynamic: true,
		Doc: "Whether Kafka preallocates segment files.", Effect: "Accepted, without effect: there are no segment files."},
	{Topic: "remote.log.copy.disable", Type: Boolean, Default: "false", Dynamic: true, Doc: "Whether copying to the remote tier is off.", Effect: noTier},
	{Topic: "remote.log.delete.on.disable", Type: Boolean, Default: "false", Dynamic: true, Doc: "Whether tiered data goes when tiering ends.", Effect: noTier},
	{Topic: "remote.storage.enable", Type: Boolean, Default: "false", Dynamic: true, Refuse: refuseTrue("there is one tier of storage"),
		Doc: "Whether the topic has a remote tier."},
	{Name: "log.retention.bytes", Topic: "retention.bytes", Type: Long, Default: "-1", Min: -1, Max: 1 << 63, Dynamic: true,
		Doc: "Size a partition may reach before its oldest records are deleted, a segment at a time. -1 means no limit."},
	{Name: "log.retention.ms", Topic: "retention.ms", Type: Long, Default: "604800000", Min: -1, Max: 1 << 63, Dynamic: true, Unset: true,
		Synonyms: []Synonym{{"log.retention.minutes", 60_000, ""}, {"log.retention.hours", 3_600_000, "168"}},
		Doc:      "Age that records may reach before they are deleted, a segment at a time. -1 means no limit."},
	{Name: "log.segment.bytes", Topic: "segment.bytes", Type: Int, Default: "1073741824", Min: 1 << 20, Max: maxInt, Dynamic: true,
		Doc: "Size of what retention deletes at once. A segment is a stretch of the log, not a file."},
	{Name: "log.index.size.max.bytes", Topic: "segment.index.bytes", Type: Int, Default: "10485760", Min: 4, Max: maxInt, Dynamic: true,
		Doc: "Size of Kafka's index files.", Effect: "Accepted, without effect: the index has no size limit."},
	{Name: "log.roll.jitter.ms", Topic: "segment.jitter.ms", Type: Long, Default: "0", Min: 0, Max: 1 << 63, Dynamic: true, Unset: true,
		Doc: "Random part of segment.ms.", Effect: "Accepted, without effect: rolling a segment costs nothing."},
	{Name: "log.roll.ms", Topic: "segment.ms", Type: Long, Default: "604800000", Min: 1, Max: 1 << 63, Dynamic: true, Unset: true,
		Synonyms: []Synonym{{"log.roll.hours", 3_600_000, "168"}},
		Doc:      "Time that a segment's records may span before a new segment begins."},
	{Name: "unclean.leader.election.enable", Topic: "unclean.leader.election.enable", Type: Boolean, Default: "false", Dynamic: true,
		Refuse: refuseTrue("a replica that may lack acknowledged records is never elected; a majority that is lost for good is recovered by hand"),
		Doc:    "Whether a replica that may lack acknowledged records can become the leader."},
	{Topic: "follower.replication.throttled.replicas", Type: List, Default: "", Dynamic: true, Refuse: refuseReplicas("follower.replication.throttled.replicas"), Doc: "Replicas whose catching up is throttled.", Effect: "Accepted, without effect: catching up is always paced."},
	{Topic: "leader.replication.throttled.replicas", Type: List, Default: "", Dynamic: true, Refuse: refuseReplicas("leader.replication.throttled.replicas"), Doc: "Leaders whose followers' catching up is throttled.", Effect: "Accepted, without effect: catching up is always paced."},
}

func refuseCompact(value string) error {
	if strings.Contains(value, "compact") {
		return errors.New("topics can't be compacted yet; use delete")
	}
	return nil
}

// refuseGzipLevel is Kafka's GzipCompression.LevelValidator: zero is no level.
func refuseGzipLevel(value string) error {
	if n, _ := strconv.Atoi(value); n != -1 && (n < 1 || n > 9) {
		return refusef("Value must be between 1 and 9 or equal to -1")
	}
	return nil
}

var partitionAndBroker = regexp.MustCompile(`^[0-9]+:[0-9]+$`)

// refuseReplicas is Kafka's ThrottledReplicaListValidator.
func refuseReplicas(name string) func(string) error {
	return func(value string) error {
		if value != "*" && slices.ContainsFunc(splitList(value), func(e string) bool { return !partitionAndBroker.MatchString(e) }) {
			return refusef("%s must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...", name)
		}
		return nil
	}
}

func refuseTrue(why string) func(string) error {
	return func(value string) error {
		if strings.EqualFold(value, "true") {
			return errors.New(why)
		}
		return nil
	}
}
