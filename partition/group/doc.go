// Package group is the state machine of one consumer group: it turns requests and deadlines that have passed into records and answers, and does
// nothing else. It serves the classic protocol, in which the members join, one of them assigns the partitions, and all sync; and
// the group's committed offsets, which a client may also use without ever joining.
//
//	Empty ──join──► PreparingRebalance ──all have joined, or time is up──► CompletingRebalance ──leader's sync──► Stable
//	  ▲                   ▲  │ nobody is left                                   │ join, leave, time is up         │
//	  └───────────────────┼──┘                                                  ▼                                 ▼
//	                      └───────────────────────────────────────────────────────────────────────────────────────┘
//
// The rules, the errors and the order of the checks are those of Apache Kafka's ClassicGroup, GroupMetadataManager and
// OffsetMetadataManager (4.3); a comment names the KIP where a rule came with one. A Group is a partition.Machine: its key is the group's
// id, its rows are the records that Kafka keeps in __consumer_offsets, in Kafka's formats (records.go).
//
// What is written when: the members with their assignments once the leader has synced, an empty group when the last member has gone, a
// static member's new id, and every committed offset. A group that is restored with members is Stable, and gives each of them its
// whole session timeout; a rebalance that was under way begins again, because the members' requests fail.
//
// The package imports partition, partition/kafka and below.
package group
