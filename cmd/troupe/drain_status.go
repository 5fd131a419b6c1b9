package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A drainStatus is how far the drain of a node is.
type drainStatus struct {
	Node     int32 `json:"node"`
	Leaders  int   `json:"leaders"`  // partitions that it leads
	Replicas int   `json:"replicas"` // partitions that it has a replica of
	Voter    bool  `json:"voter"`    // it votes on the metadata
	Drained  bool  `json:"drained"`
	// Stuck are partitions that no other node can take, Leaderless those that can't be moved because nobody leads them, and Blocked those that somebody has reassigned to nodes that
	// are not there: until that has ended the drain does not touch them.
	Stuck      []string `json:"stuck"`
	Leaderless []string `json:"leaderless"`
	Blocked    []string `json:"blocked"`

	fenced  bool    // it does not serve clients, or is not there
	goes    bool    // something of it may still go by itself
	topics  string  // of the partitions that are stuck, each with what it would need
	takers  int     // the nodes that may take replicas
	awaited []int32 // the nodes for which reassignments wait
	address string  // of a node that stays
}

// drainOf tells how far the drain of a node is.
func (a *clusterAnswers) drainOf(node int32) *drainStatus {
	s := &drainStatus{Node: node, Voter: true, Stuck: []string{}, Leaderless: []string{}, Blocked: []string{}}
	var takers []int32
	there := map[int32]bool{}
	for _, b := range a.cluster.Brokers {
		there[b.NodeID] = !b.IsFenced
		s.fenced = s.fenced || b.NodeID == node && b.IsFenced
		if !b.IsFenced && !a.draining[b.NodeID] && b.NodeID != node {
			takers = append(takers, b.NodeID)
			s.address = cmp.Or(s.address, fmt.Sprintf("%s:%d", b.Host, b.Port))
		}
	}
	s.takers = len(takers)
	status := a.status()
	if q := status.Metadata; q != nil {
		s.Voter = slices.ContainsFunc(q.Voters, func(v replicaView) bool { return v.Node == node })
	}
	moving := map[string]*reassignmentView{}
	for i := range status.Reassignments {
		moving[status.Reassignments[i].Partition] = &status.Reassignments[i]
	}
	var topics []string
	for _, t := range a.metadata.Topics {
		stuck := 0
		for _, p := range t.Partitions {
			if p.Leader == node {
				s.Leaders++
			}
			if !slices.Contains(p.Replicas, node) {
				continue
			}
			s.Replicas++
			name := fmt.Sprintf("%s-%d", *t.Topic, p.Partition)
			var awaited, removing []int32
			r := moving[name]
			if r != nil {
				awaited = slices.DeleteFunc(slices.Clone(r.Adding), func(id int32) bool { return there[id] })
				removing = r.Removing
			}
			// Leadership may go where the replica can't.
			led := p.Leader == node && slices.ContainsFunc(takers, func(id int32) bool { return slices.Contains(p.ISR, id) && !slices.Contains(removing, id) })
			switch taken := slices.ContainsFunc(takers, func(id int32) bool { return !slices.Contains(p.Replicas, id) }); {
			case p.Leader < 0:
				s.Leaderless = append(s.Leaderless, name)
			case len(awaited) > 0:
				s.Blocked = append(s.Blocked, name)
				s.awaited = append(s.awaited, awaited...)
				s.goes = s.goes || led
			case r != nil || taken:
				s.goes = true
			default:
				s.Stuck = append(s.Stuck, name)
				stuck = max(stuck, len(p.Replicas))
				s.goes = s.goes || led
			}
		}
		if stuck > 0 {
			topics = append(topics, fmt.Sprintf("%s (%d replicas)", *t.Topic, stuck))
		}
	}
	slices.Sort(s.awaited)
	s.awaited = slices.Compact(s.awaited)
	slices.Sort(topics)
	s.topics = strings.Join(topics, ", ")
	s.goes = s.goes || s.Voter && len(takers) > 0
	s.Drained = s.Leaders == 0 && s.Replicas == 0 && !s.Voter
	return s
}

// line says how far it is.
func (s *drainStatus) line() string {
	voter := ""
	if s.Voter {
		voter = ", and a vote on the metadata"
	}
	return fmt.Sprintf("node %d has %d leaders, %d replicas%s", s.Node, s.Leaders, s.Replicas, voter)
}

// done says what is left to do.
func (s *drainStatus) done() string {
	stop := "; stop it, and then: "
	if s.fenced {
		stop = "; now, or ten seconds after its death: "
	}
	return fmt.Sprintf("node %d holds nothing but a copy of the metadata%stroupe cluster unregister %d -b %s", s.Node, stop, s.Node, s.address)
}

// left says what can't go by itself, and what to do about it.
func (s *drainStatus) left() string {
	var words []string
	if len(s.Stuck) > 0 {
		words = append(words, fmt.Sprintf("%d other nodes are there to take replicas, which is too few for %d partitions of: %s. Add a node, or lower the number of replicas of these topics with kafka-reassign-partitions.sh; the drain goes on by itself then",
			s.takers, len(s.Stuck), s.topics))
	}
	if len(s.Blocked) > 0 {
		words = append(words, fmt.Sprintf("%d partitions are being reassigned to nodes that are not there (%s), and the drain waits for that: %s. Start these nodes, or end the reassignments with kafka-reassign-partitions.sh --cancel; the drain goes on by itself then",
			len(s.Blocked), ids(s.awaited), firstOf(s.Blocked)))
	}
	if len(s.Leaderless) > 0 {
		words = append(words, fmt.Sprintf("%d partitions have no leader, so that they can't be moved: %s. Start the nodes that hold their other replicas; see 'troupe partition recover --help' where these are lost for ever",
			len(s.Leaderless), firstOf(s.Leaderless)))
	}
	if s.Voter && s.takers == 0 {
		words = append(words, "no other node is there to vote on the metadata")
	}
	return strings.Join(words, "\n")
}

// firstOf is a list, cut short for a person.
func firstOf(names []string) string {
	if n := len(names) - namesShown; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namesShown], ", "), n)
	}
	return strings.Join(names, ", ")
}
