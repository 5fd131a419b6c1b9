package partition

import (
	"fmt"
	"slices"
	"testing"

	"troupe/partition/consensus"
)

func TestNextChange(t *testing.T) {
	type ids = []uint64
	conf := func(voters, learners ids) consensus.Configuration {
		return consensus.Configuration{Voters: voters, Learners: learners}
	}
	joint := consensus.Configuration{Voters: ids{1, 2}, Outgoing: ids{1}}
	for _, c := range []struct {
		name  string
		wish  wish
		conf  consensus.Configuration
		ready ids
		want  string
	}{
		{"no wish", wish{}, conf(ids{1}, nil), ids{1}, "nothing"},
		{"as wished", wish{ids{1}, ids{2}}, conf(ids{1}, ids{2}), ids{1}, "nothing"},
		{"new ones begin as learners", wish{ids{1, 2, 3}, nil}, conf(ids{1}, nil), ids{1}, "voters [] learners [2 3] removed []"},
		{"they wait for each other", wish{ids{1, 2, 3}, nil}, conf(ids{1}, ids{2, 3}), ids{1, 2}, "nothing"},
		{"and get their votes together", wish{ids{1, 2, 3}, nil}, conf(ids{1}, ids{2, 3}), ids{1, 2, 3}, "voters [2 3] learners [] removed []"},
		{"a voter is replaced", wish{ids{1, 2, 4}, nil}, conf(ids{1, 2, 3}, ids{4}), ids{1, 2, 4}, "voters [4] learners [] removed [3]"},
		{"though another is away", wish{ids{1, 2, 4}, nil}, conf(ids{1, 2, 3}, ids{4}), ids{1, 4}, "voters [4] learners [] removed [3]"},
		{"a majority would be away", wish{ids{1, 2, 3}, nil}, conf(ids{1, 2, 3, 4, 5}, nil), ids{1, 4, 5}, "nothing"},
		{"a voter becomes a learner", wish{ids{1, 2}, ids{3}}, conf(ids{1, 2, 3}, nil), ids{1, 2}, "voters [] learners [3] removed []"},
		{"a learner goes", wish{ids{1}, nil}, conf(ids{1}, ids{2}), ids{1}, "voters [] learners [] removed [2]"},
		{"the leader leaves", wish{ids{2, 4}, nil}, conf(ids{1, 2}, ids{4}), ids{1, 2, 4}, "transfer"},
		{"and nobody stays", wish{ids{3}, nil}, conf(ids{1, 2}, ids{3}), ids{1, 2, 3}, "voters [3] learners [] removed [1 2]"},
		{"the only voter is replaced", wish{ids{2}, ids{1}}, conf(ids{1}, ids{2}), ids{1, 2}, "voters [2] learners [1] removed []"},
		{"voters are being replaced", wish{ids{1}, nil}, joint, ids{1, 2}, "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, transfer := c.wish.next(&c.conf, 1, func(id uint64) bool { return slices.Contains(c.ready, id) })
			got := fmt.Sprintf("voters %v learners %v removed %v", change.Voters, change.Learners, change.Removed)
			switch {
			case transfer:
				got = "transfer"
			case change.Empty():
				got = "nothing"
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
