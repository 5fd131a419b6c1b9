package supervisor

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"troupe/actors"
	"troupe/actors/link"
	"troupe/actors/messages"
	"troupe/partition/config"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
)

// linkQueueBytesMax is what may wait for one other node in one lane, before messages to it are dropped.
const linkQueueBytesMax = 64 << 20

// admission is whom a node lets link with it: nobody who has the id of another node that is there. It is used by the goroutines of the links.
type admission struct {
	router atomic.Pointer[messages.Router]
	linked sync.Map // broker id to the id of the folder with which it is linked
}

// linkedWith notes that the node with an id is there, with a folder, or with an empty one that it is not.
func (a *admission) linkedWith(id kafka.BrokerID, store string) { a.linked.Store(id, store) }

// admit refuses a node that was given up, or whose version the cluster can't have any more: it takes no part, not even until it asks to be registered. It refuses a folder
// that is not the one that is registered under its node's id, while that one is there. Of two that are told to be at the same address the other one
// can't be there, though this node, which may have been frozen, has not noticed.
func (a *admission) admit(h link.Hello) error {
	router := a.router.Load()
	if router == nil {
		return nil
	}
	image := router.View().Image
	b := image.Broker(h.Node)
	for _, err := range []error{b.Refusal(h.Store), image.CheckLevel(h.Node, h.Level)} {
		if err != nil {
			return &link.Refused{Words: *kafka.Message(err), Final: true}
		}
	}
	if b == nil || b.StoreID == h.Store || b.Link == h.Address {
		return nil
	}
	if there, _ := a.linked.Load(h.Node); there == b.StoreID {
		return fmt.Errorf("node id %d is taken by the node at %s, which is there and has another data folder; give every node a --node-id of its own", h.Node, b.Link)
	}
	return nil
}

// startLinks opens the listener for other nodes.
func startLinks(system *actors.System, s *config.Settings, id logstore.Identity, incarnation uint64, admit func(link.Hello) error) (*link.Links, error) {
	tls, err := linkTLS(s)
	if err != nil {
		return nil, err
	}
	socket, err := net.Listen("tcp", s.Get("link.address"))
	if err != nil {
		return nil, fmt.Errorf("open the listener for other nodes: %w", err)
	}
	host, port, err := advertised(s.Get("link.advertised.address"), socket.Addr().String())
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("link.advertised.address: %w", err)
	}
	return link.Start(nil, link.Options{
		System: system, Codec: messages.Codec{}, Socket: socket, TLS: tls, Owner: membershipOf(system, id.NodeID, incarnation), QueueBytesMax: linkQueueBytesMax, Admit: admit,
		Hello: link.Hello{
			Cluster: id.ClusterID, Node: id.NodeID, Store: id.StoreID, Incarnation: incarnation, Address: net.JoinHostPort(host, strconv.Itoa(port)), Level: featureLevel, LeastLevel: leastLevel,
		},
	})
}

// linkTLS is how links are encrypted; nil where they are not, which is refused for an address that other machines reach.
func linkTLS(s *config.Settings) (*link.TLS, error) {
	secret, cert, key, ca := s.Get("link.secret.file"), s.Get("link.tls.cert.file"), s.Get("link.tls.key.file"), s.Get("link.tls.ca.file")
	switch {
	case secret != "" && cert+key+ca != "":
		return nil, fmt.Errorf("link.secret.file and link.tls.*.file are both set; one of them is enough")
	case secret != "":
		b, err := os.ReadFile(secret)
		if err != nil {
			return nil, fmt.Errorf("link.secret.file: %w", err)
		}
		t, err := link.TLSFromSecret(bytes.TrimSpace(b))
		if err != nil {
			return nil, fmt.Errorf("link.secret.file=%s: %w", secret, err)
		}
		return t, nil
	case cert != "" && key != "" && ca != "":
		return link.TLSFromFiles(cert, key, ca)
	case cert+key+ca != "":
		return nil, fmt.Errorf("link.tls.cert.file, link.tls.key.file and link.tls.ca.file go together")
	}
	return nil, nil
}
