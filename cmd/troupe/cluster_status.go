package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A clusterStatus is a cluster as the command prints it.
type clusterStatus struct {
	ID            string             `json:"cluster_id"`
	Controller    *int32             `json:"controller"` // null where there is none
	Nodes         []nodeView         `json:"nodes"`
	Metadata      *quorumView        `json:"metadata"` // null where nobody leads it
	Partitions    partitionsView     `json:"partitions"`
	Reassignments []reassignmentView `json:"reassignments"`
}

type nodeView struct {
	ID    int32  `json:"id"`
	Host  string `json:"host"`
	Port  int32  `json:"port"`
	Rack  string `json:"rack,omitempty"`
	State string `json:"state"` // live, draining or fenced
}

type quorumView struct {
	Epoch         int32         `json:"leader_epoch"`
	HighWatermark int64         `json:"high_watermark"`
	Voters        []replicaView `json:"voters"`
	Observers     []replicaView `json:"observers"`
}

// A replicaView is a replica of the metadata. A voter of node -1 is of a store that is gone.
type replicaView struct {
	Node        int32  `json:"node"`
	LogEnd      *int64 `json:"log_end"` // null where the leader does not know it
	Lag         *int64 `json:"lag"`
	LastContact *int64 `json:"last_contact_ms"` // in milliseconds since 1970; null where that was never
}

type partitionsView struct {
	Total           int               `json:"total"`
	UnderReplicated []underReplicated `json:"under_replicated"`
	Leaderless      []string          `json:"leaderless"`
}

type underReplicated struct {
	Partition string  `json:"partition"`
	Replicas  []int32 `json:"replicas"`
	InSync    []int32 `json:"in_sync"`
}

type reassignmentView struct {
	Partition string  `json:"partition"`
	Replicas  []int32 `json:"replicas"`
	Adding    []int32 `json:"adding"`
	Removing  []int32 `json:"removing"`
}

// status puts together what the brokers have said.
func (a *clusterAnswers) status() *clusterStatus {
	s := &clusterStatus{
		ID: a.cluster.ClusterID, Nodes: []nodeView{}, Partitions: partitionsView{UnderReplicated: []underReplicated{}, Leaderless: []string{}}, Reassignments: []reassignmentView{},
	}
	if id := a.cluster.ControllerID; id >= 0 {
		s.Controller = &id
	}
	for _, b := range a.cluster.Brokers {
		n := nodeView{ID: b.NodeID, Host: b.Host, Port: b.Port, State: "live"}
		switch {
		case b.IsFenced:
			n.State = "fenced"
		case a.draining[b.NodeID]:
			n.State = "draining"
		}
		if b.Rack != nil {
			n.Rack = *b.Rack
		}
		s.Nodes = append(s.Nodes, n)
	}
	slices.SortFunc(s.Nodes, func(x, y nodeView) int { return cmp.Compare(x.ID, y.ID) })
	if a.quorum != nil {
		s.Metadata = quorumOf(&a.quorum.Topics[0].Partitions[0])
	}
	adding := map[string][]int32{}
	if a.reassignments != nil {
		for _, t := range a.reassignments.Topics {
			for _, p := range t.Partitions {
				name := fmt.Sprintf("%s-%d", t.Topic, p.Partition)
				s.Reassignments = append(s.Reassignments, reassignmentView{name, p.Replicas, listed(p.AddingReplicas), listed(p.RemovingReplicas)})
				adding[name] = p.AddingReplicas
			}
		}
	}
	topics := slices.Clone(a.metadata.Topics)
	slices.SortFunc(topics, func(x, y kmsg.MetadataResponseTopic) int { return cmp.Compare(*x.Topic, *y.Topic) })
	for _, t := range topics {
		slices.SortFunc(t.Partitions, func(x, y kmsg.MetadataResponseTopicPartition) int { return cmp.Compare(x.Partition, y.Partition) })
		for _, p := range t.Partitions {
			s.Partitions.add(fmt.Sprintf("%s-%d", *t.Topic, p.Partition), &p, adding)
		}
	}
	return s
}

// listed is a list that is printed as one where it has nothing, too.
func listed(ids []int32) []int32 { return append([]int32{}, ids...) }

func (v *partitionsView) add(name string, p *kmsg.MetadataResponseTopicPartition, adding map[string][]int32) {
	v.Total++
	if p.Leader < 0 {
		v.Leaderless = append(v.Leaderless, name)
		return
	}
	// A replica that a reassignment is building is not missed, as Kafka's tools have it.
	missing := slices.ContainsFunc(p.Replicas, func(id int32) bool { return !slices.Contains(p.ISR, id) && !slices.Contains(adding[name], id) })
	if missing {
		v.UnderReplicated = append(v.UnderReplicated, underReplicated{name, p.Replicas, listed(p.ISR)})
	}
}

func quorumOf(p *kmsg.DescribeQuorumResponseTopicPartition) *quorumView {
	q := &quorumView{Epoch: p.LeaderEpoch, HighWatermark: p.HighWatermark, Voters: []replicaView{}, Observers: []replicaView{}}
	end := p.HighWatermark
	for _, r := range p.CurrentVoters {
		if r.ReplicaID == p.LeaderID {
			end = r.LogEndOffset
		}
	}
	view := func(r kmsg.DescribeQuorumResponseTopicPartitionReplicaState) replicaView {
		v := replicaView{Node: r.ReplicaID}
		if r.LogEndOffset >= 0 {
			lag := max(0, end-r.LogEndOffset)
			v.LogEnd, v.Lag = &r.LogEndOffset, &lag
		}
		if r.LastFetchTimestamp >= 0 {
			v.LastContact = &r.LastFetchTimestamp
		}
		return v
	}
	for _, r := range p.CurrentVoters {
		q.Voters = append(q.Voters, view(r))
	}
	for _, r := range p.Observers {
		q.Observers = append(q.Observers, view(r))
	}
	return q
}

// lacksLeaders is an error where something can't be written or read.
func (s *clusterStatus) lacksLeaders() error {
	switch {
	case s.Controller == nil || s.Metadata == nil:
		return errors.New("the cluster's metadata has no leader: most of its voters must be there")
	case len(s.Partitions.Leaderless) > 0:
		return fmt.Errorf("%d of %d partitions have no leader", len(s.Partitions.Leaderless), s.Partitions.Total)
	}
	return nil
}

// role is a node's part in the metadata, and its lag there in words.
func (s *clusterStatus) role(id int32) (role, lag string) {
	if s.Metadata == nil {
		return "?", "?"
	}
	for role, replicas := range map[string][]replicaView{"voter": s.Metadata.Voters, "observer": s.Metadata.Observers} {
		for _, r := range replicas {
			if r.Node != id {
				continue
			}
			if s.Controller != nil && *s.Controller == id {
				role = "controller"
			}
			if r.Lag == nil {
				return role, "?"
			}
			return role, fmt.Sprint(*r.Lag)
		}
	}
	return "none", "-"
}

// namesShown is how many partitions are named to a person.
const namesShown = 20

func (b *broker) printStatus(s *clusterStatus) error {
	fmt.Fprintf(b.c.out, "cluster %s\n", s.ID)
	var rows [][]any
	for _, n := range s.Nodes {
		role, lag := s.role(n.ID)
		rows = append(rows, []any{n.ID, fmt.Sprintf("%s:%d", n.Host, n.Port), cmp.Or(n.Rack, "-"), n.State, role, lag})
	}
	if s.Metadata != nil {
		for _, v := range s.Metadata.Voters {
			if v.Node < 0 {
				rows = append(rows, []any{"-", "of a store that is gone", "-", "fenced", "voter", "?"})
			}
		}
	}
	if err := b.print(nil, "NODE\tADDRESS\tRACK\tSTATE\tMETADATA\tLAG", rows); err != nil {
		return err
	}
	p := &s.Partitions
	fmt.Fprintf(b.c.out, "partitions %d  leaderless %d  under-replicated %d  reassignments %d\n", p.Total, len(p.Leaderless), len(p.UnderReplicated), len(s.Reassignments))
	var under, moving []string
	for _, u := range p.UnderReplicated {
		under = append(under, fmt.Sprintf("%s (replicas %s, in sync %s)", u.Partition, ids(u.Replicas), ids(u.InSync)))
	}
	for _, r := range s.Reassignments {
		moving = append(moving, fmt.Sprintf("%s (replicas %s, adding %s, removing %s)", r.Partition, ids(r.Replicas), cmp.Or(ids(r.Adding), "none"), cmp.Or(ids(r.Removing), "none")))
	}
	b.printNames("leaderless", p.Leaderless)
	b.printNames("under-replicated", under)
	b.printNames("reassignments", moving)
	return nil
}

// printNames prints the first of many.
func (b *broker) printNames(what string, names []string) {
	if len(names) == 0 {
		return
	}
	more := ""
	if n := len(names) - namesShown; n > 0 {
		names, more = names[:namesShown], fmt.Sprintf("\n  and %d more: --json has them all", n)
	}
	fmt.Fprintf(b.c.out, "%s:\n  %s%s\n", what, strings.Join(names, "\n  "), more)
}
