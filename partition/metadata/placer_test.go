package metadata

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition"
	"troupe/partition/kafka"
)

// brokersIn returns brokers by id, from 1 on, in racks; a rack with a minus before it stands for a fenced broker.
func brokersIn(racks ...string) (out []*Broker) {
	for i, rack := range racks {
		b := &Broker{ID: kafka.BrokerID(i + 1), Rack: rack}
		if rack != "" && rack[0] == '-' {
			b.Rack, b.Fenced = rack[1:], true
		}
		out = append(out, b)
	}
	return out
}

func TestPlace(t *testing.T) {
	for _, test := range []struct {
		name    string
		brokers []*Broker
		factor  int
		want    string // of the partitions from number 0 on
	}{
		{"one broker", brokersIn(""), 1, "[[1] [1]]"},
		{"leaders in turn", brokersIn("", "", ""), 1, "[[1] [2] [3] [1]]"},
		{"others beside the same leader", brokersIn("", "", ""), 2, "[[1 2] [2 3] [3 1] [1 3] [2 1] [3 2] [1 2]]"},
		{"all brokers", brokersIn("", "", ""), 3, "[[1 2 3] [2 3 1] [3 1 2] [1 3 2] [2 1 3] [3 2 1]]"},
		{"two racks", brokersIn("a", "a", "b", "b"), 2, "[[1 3] [3 2] [2 4] [4 1] [1 4] [3 1] [2 3] [4 2] [1 4] [3 1]]"},
		{"more replicas than racks", brokersIn("a", "a", "a", "b", "b"), 4, "[[1 4 2 5] [4 2 5 3]]"},
		{"a rack with one broker", brokersIn("a", "a", "a", "b"), 2, "[[1 4] [4 2] [2 4] [3 4]]"},
		{"a fenced broker is passed over", brokersIn("", "-", "", ""), 3, "[[1 3 4] [3 4 1] [4 1 3]]"},
		{"and taken last where it must be", brokersIn("", "-", ""), 3, "[[1 3 2] [3 1 2]]"},
		{"the fenced broker of the emptier rack", brokersIn("a", "a", "-a", "-b"), 3, "[[1 2 4] [2 1 4]]"},
	} {
		p := newPlacer(test.brokers)
		if err := p.check(test.factor); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got []string
		for number := int64(0); ; number++ {
			got = append(got, fmt.Sprint(p.place(number, test.factor)))
			if s := fmt.Sprint(got); len(s) >= len(test.want) {
				if s != test.want {
					t.Errorf("%s: %s, want %s", test.name, s, test.want)
				}
				break
			}
		}
	}
}

// However many brokers and racks there are: no broker twice, racks as even as they can be, and no broker with more than its share.
func TestPlaceSpreads(t *testing.T) {
	for racks := 1; racks <= 4; racks++ {
		for each := 1; each <= 4; each++ {
			var names []string
			for i := range racks * each {
				names = append(names, fmt.Sprint(i%racks))
			}
			brokers := brokersIn(names...)
			p := newPlacer(brokers)
			for factor := 1; factor <= min(len(brokers), 5); factor++ {
				leads, has := map[kafka.BrokerID]int{}, map[kafka.BrokerID]int{}
				rounds := 10 * len(brokers)
				for number := range int64(rounds) {
					replicas := p.place(number, factor)
					leads[replicas[0]]++
					inRack := map[string]int{}
					for _, id := range replicas {
						has[id]++
						inRack[brokers[id-1].Rack]++
					}
					slices.Sort(replicas)
					if len(replicas) != factor || len(slices.Compact(replicas)) != factor {
						t.Fatalf("%d racks of %d: %v for factor %d", racks, each, replicas, factor)
					}
					for rack, n := range inRack {
						if n > (factor+racks-1)/racks {
							t.Errorf("%d racks of %d, factor %d: %d replicas in rack %s", racks, each, factor, n, rack)
						}
					}
				}
				for _, b := range brokers {
					if leads[b.ID] != 10 || has[b.ID] != 10*factor {
						t.Errorf("%d racks of %d, factor %d: broker %d leads %d and has %d of %d partitions", racks, each, factor, b.ID, leads[b.ID], has[b.ID], rounds)
					}
				}
			}
		}
	}
}

func TestReplicationFactors(t *testing.T) {
	type factors struct{ set, internal, asked int16 }
	for _, test := range []struct {
		name    string
		brokers []*Broker
		f       factors
		want    string // replicas of a topic and of an internal one, or why there is none
	}{
		{"one broker", brokersIn(""), factors{0, 0, -1}, "1, 1"},
		{"two", brokersIn("", ""), factors{0, -1, -1}, "2, 2"},
		{"four", brokersIn("", "", "", ""), factors{-1, 0, -1}, "3, 3"},
		{"three, of which one is fenced", brokersIn("", "-", ""), factors{0, 0, -1}, "2, 2"},
		{"settings", brokersIn("", "", ""), factors{1, 2, -1}, "1, 2"},
		{"asked for", brokersIn("", "", ""), factors{1, 1, 2}, "2, 1"},
		{"one is being restarted", brokersIn("", "-", ""), factors{3, 3, 3}, "3, 3"},
		{"too few", brokersIn("", ""), factors{0, 2, 3}, "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 2 broker(s) are registered."},
		{"no majority", brokersIn("-", "", "-"), factors{0, 2, 3}, "Unable to replicate the partition 3 time(s): 2 of its replicas must be on brokers that are not fenced, and there are only 1."},
		{"nobody", brokersIn("-", "-"), factors{0, 2, -1}, "Unable to replicate the partition 1 time(s): All brokers are currently fenced."},
		{"none", brokersIn("", "-"), factors{0, 0, 0}, "Replication factor must be larger than 0, or -1 to use the default value."},
	} {
		l := newLab(t)
		for _, b := range test.brokers {
			l.c.write(&partition.Outcome{}, brokerRow(b))
		}
		l.c.o.DefaultReplicationFactor = test.f.set
		q := topic("a", 1)
		q.ReplicationFactor = test.f.asked
		a := l.create(q)[0]
		got := deref(a.ErrorMessage)
		if a.ErrorCode == 0 {
			if _, err, _ := l.ask(&CreateInternalTopic{Topic: "__consumer_offsets", Partitions: 1, ReplicationFactor: test.f.internal}); err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			got = fmt.Sprintf("%d, %d", a.ReplicationFactor, len(l.c.image.Topic("__consumer_offsets").Partitions[0].Replicas))
			if p := l.c.image.Topic("a").Partitions[0]; len(p.Founding()) != int(a.ReplicationFactor) {
				t.Errorf("%s: founded by %v", test.name, p.Founding())
			}
		} else if a.ErrorCode != kerr.InvalidReplicationFactor.Code {
			t.Errorf("%s: %s", test.name, kafka.CodeName(a.ErrorCode))
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
