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
	StoreID   string         `json:"store"` // random, given once: a folder that was wiped comes back as another store
	ClusterID string         `json:"cluster"`
	NodeID    kafka.BrokerID `json:"node"`
	New       bool           `json:"-"` // it was made by this Open
}

// Identity returns whose the folder is.
func (s *Store) Identity() Identity { return s.identity }

// identify reads the folder's identity, or gives it one.
func (s *Store) identify() (Identity, error) {
	var id Identity
	row, closer, err := s.log.Get([]byte{metaKey})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		id = Identity{Format: Format, StoreID: NewID(), ClusterID: s.o.ClusterID, NodeID: s.o.NodeID, New: true}
		if id.ClusterID == "" {
			id.ClusterID = NewID()
		}
		if id.NodeID == 0 {
			id.NodeID = 1
		}
		if err := s.writeIdentity(id); err != nil {
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
	switch {
	case id.Format > Format:
		return id, fmt.Errorf("it has format %d; this version of troupe reads formats up to %d", id.Format, Format)
	case s.o.NodeID != 0 && s.o.NodeID != id.NodeID:
		return id, fmt.Errorf("it belongs to node %d, and this is node %d", id.NodeID, s.o.NodeID)
	case s.o.ClusterID != "" && s.o.ClusterID != id.ClusterID:
		return id, fmt.Errorf("it belongs to cluster %s, and this node to cluster %s", id.ClusterID, s.o.ClusterID)
	case id.Format < Format: // an older version must not open it again
		id.Format = Format
		return id, s.writeIdentity(id)
	}
	return id, nil
}

func (s *Store) writeIdentity(id Identity) error {
	row, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return s.log.Set([]byte{metaKey}, row, pebble.Sync)
}

// NewID returns a random id of 22 characters, in the form of Kafka's cluster ids.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
