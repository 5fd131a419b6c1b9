package metadata

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

// A placer chooses the brokers of new partitions. It has Kafka's aims (KIP-36 and its StripedReplicaPlacer): no broker twice in a partition, racks as
// far apart as there are racks, preferred leaders on all brokers in turn, and other brokers beside the same leader each time around. Where Kafka draws
// lots it goes by the partition's number. Brokers without a rack stand in one of that name.
//
// Replicas go to brokers that are not fenced. Only where these are too few do they go to fenced ones as well, such as a broker that is being restarted, as
// long as most of a partition's replicas can be at work at once: a log without a majority would take no record.
type placer struct {
	unfenced, fenced []*Broker // of each rack one in turn
	draining         int       // how many more there are, which get nothing
}

func newPlacer(brokers []*Broker) *placer {
	p := &placer{}
	for _, b := range brokers {
		if b.Fenced {
			p.fenced = append(p.fenced, b)
		} else {
			p.unfenced = append(p.unfenced, b)
		}
	}
	p.unfenced, p.fenced = alternating(p.unfenced), alternating(p.fenced)
	return p
}

// alternating orders brokers, which are given by id, so that each is of another rack than the last one, as long as there are others.
func alternating(brokers []*Broker) []*Broker {
	place := map[*Broker]int{} // in its rack
	size := map[string]int{}
	for _, b := range brokers {
		place[b] = size[b.Rack]
		size[b.Rack]++
	}
	out := slices.Clone(brokers)
	slices.SortStableFunc(out, func(a, b *Broker) int {
		return cmp.Or(cmp.Compare(place[a], place[b]), cmp.Compare(a.Rack, b.Rack))
	})
	return out
}

// check tells whether partitions can have so many replicas, in the words of Kafka where it refuses it too.
func (p *placer) check(factor int) error {
	refuse := func(format string, args ...any) error {
		if p.draining > 0 {
			format += fmt.Sprintf(" %d broker(s) that are being drained don't count.", p.draining)
		}
		return kafka.Errorf(kerr.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): "+format, append([]any{factor}, args...)...)
	}
	registered := len(p.unfenced) + len(p.fenced)
	switch {
	case len(p.unfenced) == 0:
		return refuse("All brokers are currently fenced.")
	case factor > registered:
		return refuse("The target replication factor of %d cannot be reached because only %d broker(s) are registered.", factor, registered)
	case factor/2+1 > len(p.unfenced):
		return refuse("%d of its replicas must be on brokers that are not fenced, and there are only %d.", factor/2+1, len(p.unfenced))
	}
	return nil
}

// place returns the brokers of a partition, its preferred leader first.
func (p *placer) place(number int64, factor int) []kafka.BrokerID {
	n := int64(len(p.unfenced))
	left := slices.Concat(p.unfenced[number%n:], p.unfenced[:number%n])
	if others := left[1:]; len(others) > 0 { // once around with the same neighbours, then with the next ones
		shift := number / n % int64(len(others))
		left = slices.Concat(left[:1], others[shift:], others[:shift])
	}
	inRack := map[string]int{}
	var out []kafka.BrokerID
	for _, from := range [][]*Broker{left, slices.Clone(p.fenced)} {
		for len(from) > 0 && len(out) < factor {
			i := 0
			for j, b := range from {
				if inRack[b.Rack] < inRack[from[i].Rack] {
					i = j
				}
			}
			out = append(out, from[i].ID)
			inRack[from[i].Rack]++
			from = slices.Delete(from, i, i+1)
		}
	}
	return out
}
