package supervisor

import (
	"fmt"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"troupe/partition"
	"troupe/partition/consensus"
	"troupe/partition/kafka"
	"troupe/partition/logstore"
	"troupe/partition/record"
)

// What the simulation takes for an acknowledgement that is well founded, and what it does not. Partition 7 begins with the replicas 1, 2 and 3, each on a node of its own; replicas 4 and 5
// are on nodes 4 and 5. Each disk has a log, in which b is a batch of one record, B one of a later term, and j and l begin and end the replacement of 2 and 3 by 4 and 5.
func TestAcknowledgementsAreJudged(t *testing.T) {
	for _, test := range []struct {
		name  string
		logs  [5]string
		known map[int]int // what the leader knew to be committed when it appended the entry; by 0, what anybody knows now
		base  kafka.Offset
		least int
		want  string
	}{
		{"a majority", [5]string{"b", "b"}, nil, 0, 1, ""},
		{"one disk", [5]string{"b"}, nil, 0, 1, "no majority"},
		{"min.insync.replicas", [5]string{"b", "b", "b"}, nil, 0, 3, ""},
		{"fewer", [5]string{"b", "b"}, nil, 0, 3, "min.insync.replicas is 3"},
		{"those that have no vote", [5]string{"b", "", "", "b", "b"}, nil, 0, 1, "no majority"},
		{"no disk", [5]string{}, nil, 0, 1, "on no disk"},
		{"two batches, one after the other", [5]string{"b", "B"}, nil, 0, 1, "no majority"},
		{"the later one", [5]string{"b", "B", "B"}, nil, 0, 1, ""},
		{"one that was there was replaced", [5]string{"bb", "b!B", "b"}, nil, 1, 1, "no majority"},
		{"one half of two", [5]string{"jb", "jb", "jb"}, map[int]int{2: 1}, 0, 1, "no majority"},
		{"the other half", [5]string{"j", "j", "j", "jb", "jb"}, map[int]int{2: 1}, 0, 1, "no majority"},
		{"both halves", [5]string{"jb", "jb", "", "jb"}, map[int]int{2: 1}, 0, 1, ""},
		{"before two halves were needed", [5]string{"jb", "jb"}, nil, 0, 1, ""},
		{"after the old half was needed", [5]string{"jlb", "", "", "jlb"}, map[int]int{3: 2}, 0, 1, ""},
		{"those that have left", [5]string{"jlb", "jlb", "jlb"}, map[int]int{3: 2}, 0, 1, "no majority"},
		{"one of the later voters, and another that has left and does not know it", [5]string{"", "b", "", "bjl", "bjl"}, map[int]int{0: 3}, 0, 1, ""},
		{"min.insync.replicas of those that have left too", [5]string{"jlb", "jlb", "", "jlb"}, map[int]int{3: 2}, 0, 3, "min.insync.replicas is 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newSimAcks()
			a.commits[7] = consensus.Index(test.known[0])
			for n, log := range test.logs {
				var syncs []func()
				disk := logstore.NewMemory(func(sync func()) { syncs = append(syncs, sync) })
				store := fmt.Sprint("store-", n+1)
				a.disks[store], a.stores[simReplica{7, uint64(n + 1)}] = disk, store
				i, base := consensus.Index(0), int64(0)
				var entries []consensus.Entry
				write := func() {
					if len(entries) > 0 {
						disk.Append(&partition.Write{Partition: 7, Entries: entries, Hard: &consensus.HardState{Term: 1}, Sync: true, Done: func(error) {}})
						syncs[len(syncs)-1]()
					}
				}
				for _, c := range log {
					if c == '!' { // what comes now takes the place of the last entry
						write()
						entries, i, base = nil, i-1, base-1
						continue
					}
					i++
					e := consensus.Entry{Index: i, Term: 1}
					switch c {
					case 'b', 'B':
						if c == 'B' {
							e.Term = 2
						}
						e.Kind, e.Data = consensus.Batch, batchAt(t, base)
						base++
					case 'j':
						e.Kind, e.Data = consensus.Reconfigure, change(t, []uint64{4, 5}, []uint64{2, 3})
					case 'l':
						e.Kind, e.Data = consensus.Reconfigure, change(t, nil, nil)
					}
					entries = append(entries, e)
					a.handed(7, entries[len(entries)-1:], consensus.Index(test.known[int(i)]))
				}
				write()
			}
			got := a.lacks(7, []uint64{1, 2, 3}, test.base, test.least)
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func batchAt(t *testing.T, base int64) []byte {
	t.Helper()
	b := record.Builder{}
	b.Add(record.Record{Value: []byte("x")})
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	record.Batch(out).Stamp(kafka.Offset(base), 1)
	return out
}

// change is the data of an entry that changes the configuration; without replicas it ends the replacement that is under way.
func change(t *testing.T, added, removed []uint64) []byte {
	t.Helper()
	var cc pb.ConfChangeV2
	for _, id := range added {
		cc.Changes = append(cc.Changes, &pb.ConfChangeSingle{Type: pb.ConfChangeAddNode.Enum(), NodeId: &id})
	}
	for _, id := range removed {
		cc.Changes = append(cc.Changes, &pb.ConfChangeSingle{Type: pb.ConfChangeRemoveNode.Enum(), NodeId: &id})
	}
	out, err := proto.Marshal(&cc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
