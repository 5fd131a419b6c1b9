package logstore

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"troupe/partition/kafka"
)

// Format is the version of what is on disk. A folder that a newer version wrote is refused; an older one is read, and is of this version from then on.
// Since format 2 a partition's state holds its configuration.
const Format = 2

// An Identity says whose a data folder is.
type Identity struct {
	Format    int            `json:"format"`
	StoreID   string         `json:"store"`   // random, given once: a folder that was wiped comes back as another store
	ClusterID string         `json:"cluster"` // empty until the node has founded a cluster or joined one
	NodeID    kafka.BrokerID `json:"node"`    // that of the first start, or of a later one as long as there is no Replica
	// Replica is the raft id of the folder's replica of the cluster's metadata; 0 until the controller has given it one.
	Replica uint64 `json:"replica,omitempty"`
}

// Identity returns whose the folder is.
func (s *Store) Identity() Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity
}

// Join makes the folder that of a cluster, with the raft id of its replica of the metadata, 0 where it has none yet. Both are given once. It is on disk
// when Join returns.
func (s *Store) Join(clusterID string, replica uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.identity
	switch {
	case id.ClusterID != "" && id.ClusterID != clusterID:
		return fmt.Errorf("the data folder belongs to cluster %s and can't join cluster %s", id.ClusterID, clusterID)
	case id.Replica != 0 && id.Replica != replica:
		return fmt.Errorf("the data folder holds replica %d of the metadata and can't hold replica %d", id.Replica, replica)
	}
	id.ClusterID, id.Replica = clusterID, replica
	if err := s.writeIdentity(id); err != nil {
		return fmt.Errorf("join cluster %s: %w", clusterID, err)
	}
	s.identity = id
	return nil
}

func (s *Store) writeIdentity(id Identity) error {
	row, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return s.log.Set([]byte{metaKey}, row, pebble.Sync)
}

// identify reads the folder's identity, or gives it one.
func (s *Store) identify() (Identity, error) {
	var id Identity
	row, closer, err := s.log.Get([]byte{metaKey})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		if id, err = s.newIdentity(); err != nil {
			return id, err
		}
		// The first write-ahead log of a folder does not say how far it was synced, so that damage in its midst would pass for its end. All later ones do.
		return id, s.log.Flush()
	case err != nil:
		return id, err
	}
	defer closer.Close()
	if err := json.Unmarshal(row, &id); err != nil {
		return id, fmt.Errorf("its identity is damaged: %w", err)
	}
	if id.Format == 1 { // a cluster of that format was one node, which had founded it
		id.Replica = 1
	}
	switch {
	case id.Format > Format:
		return id, fmt.Errorf("it has format %d; this version of troupe reads formats up to %d", id.Format, Format)
	case s.o.NodeID == 0 || s.o.NodeID == id.NodeID:
	case id.Replica == 0: // no cluster has taken it, and it holds nothing: it is as good as empty
		return s.newIdentity()
	default:
		return id, fmt.Errorf("it belongs to node %d, and this is node %d", id.NodeID, s.o.NodeID)
	}
	if id.Format == Format {
		return id, nil
	}
	id.Format = Format
	return id, s.writeIdentity(id)
}

// newIdentity gives the folder the identity of one that belongs to no cluster yet. Its store id is always another one, by which a cluster that has heard of the last one can tell them apart.
func (s *Store) newIdentity() (Identity, error) {
	id := Identity{Format: Format, StoreID: NewID(), NodeID: s.o.NodeID}
	if id.NodeID == 0 {
		id.NodeID = 1
	}
	return id, s.writeIdentity(id)
}

// NewID returns a random id of 22 characters, in the form of Kafka's cluster ids.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
