package supervisor

import (
	"strconv"
	"strings"

	"github.com/go-kit/log/level"

	"troupe/partition/kafka"
)

// A wait is what keeps a node from serving clients, and what people can do about it.
type wait struct{ what, todo string }

var (
	forController = wait{
		what: "a leader of the cluster's metadata",
		todo: "start the nodes that are not there: most of those that vote on the metadata must be. Where most of these have lost their data folders for ever, run `troupe partition recover` on a node that has its own, and read `troupe manual failures` first",
	}
	forRegistration = wait{
		what: "the metadata up to its own registration, which the metadata's leader sends",
		todo: "nothing, as long as the other nodes stay there; more metadata takes longer",
	}
	forLeaders = wait{
		what: "leaders of the partitions that have a replica here",
		todo: "nothing, as long as the log has no errors; more partitions take longer",
	}
)

// complain says what the node waits for, again and again until it serves.
func (n *node) complain() {
	if n.serving || n.leaving {
		return
	}
	b := n.b
	view := b.router.View()
	var missing []kafka.BrokerID
	for _, other := range view.Image.Brokers() {
		if other.ID != b.o.NodeID && !view.IsLive(other.ID) && !other.Lost {
			missing = append(missing, other.ID)
		}
	}
	level.Warn(b.system.Logger()).Log("msg", "this node does not serve clients yet", "waiting_for", n.waits.what, "nodes_there", list(view.Others()), "nodes_not_there", list(missing), "do", n.waits.todo)
	b.system.After(complainEvery, n.self, &stillWaiting{})
}

func list(ids []kafka.BrokerID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	return strings.Join(words, ",")
}
