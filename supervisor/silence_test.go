package supervisor

import (
	"fmt"
	"testing"
	"time"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// asked are the requests of one type that the controller has got.
func asked[Q any](b *balanceBench) (out []Q) {
	for _, m := range b.told {
		if q, ok := m.Body.(Q); ok {
			out = append(out, q)
		}
	}
	return out
}

// A broker that has been silent for ten seconds is fenced, by its incarnation, again until the metadata says so; one that was away for a moment is not, and nobody is where this
// node does not lead the metadata.
func TestSilentBrokersAreFenced(t *testing.T) {
	view, err := viewOf(t, "").After([]partition.KeyValue{{Key: []byte("broker/3"), Value: []byte(`{"store":"c","incarnation":"7"}`)}}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	b := newBalanceBench(t, view.Live(3))
	step := func(view *messages.View, pass time.Duration) {
		b.set(view)
		b.send(&viewChanged{})
		b.pass(pass)
	}
	step(view, 9*time.Second)
	step(view.Live(3), time.Second)
	step(view, 9*time.Second)
	if got := asked[*metadata.FenceBroker](b); len(got) != 0 {
		t.Fatalf("after nine seconds: %v", got)
	}
	b.pass(2 * time.Second)
	if got := asked[*metadata.FenceBroker](b); len(got) == 0 || *got[0] != (metadata.FenceBroker{ID: 3, Incarnation: 7}) {
		t.Fatalf("after eleven seconds: %v", got)
	}
	b.told = nil
	b.pass(reviewEvery + time.Second)
	if got := asked[*metadata.FenceBroker](b); len(got) == 0 {
		t.Errorf("the request was lost, and is not made again: %v", got)
	}
	b.told = nil
	fenced, err := view.After([]partition.KeyValue{{Key: []byte("broker/3"), Value: []byte(`{"store":"c","incarnation":"7","fenced":true}`)}}, false, 3)
	if err != nil {
		t.Fatal(err)
	}
	step(fenced, 30*time.Second)
	b.b.router.Set(view)
	b.send(&viewChanged{})
	b.pass(30 * time.Second)
	if got := asked[*metadata.FenceBroker](b); len(got) != 0 {
		t.Errorf("it is fenced, or another node leads the metadata: %v", got)
	}
}

// A broker whose process is dead is fenced at once, by the incarnation that died. One that has registered again since, with another node, is not.
func TestDeadBrokersAreFencedAtOnce(t *testing.T) {
	view, err := viewOf(t, "").After([]partition.KeyValue{{Key: []byte("broker/2"), Value: []byte(`{"store":"b","incarnation":"7"}`)}}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		view *messages.View
		want string
	}{
		{"silent", view.Dead(2), "[]"},
		{"dead", view.Gone(2, 7), "[{2 7}]"},
		{"another process of it", view.Gone(2, 6), "[]"},
		{"back", view.Gone(2, 7).Live(2), "[]"},
		{"back, and silent", view.Gone(2, 7).Live(2).Dead(2), "[]"},
	} {
		b := newBalanceBench(t, test.view)
		b.send(&viewChanged{})
		got := []metadata.FenceBroker{}
		for _, q := range asked[*metadata.FenceBroker](b) {
			got = append(got, *q)
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
}

// The controller is asked for moves where the view shows that some are needed, not more often than twice a second, and told who is there and what nobody leads.
func TestMovesAreAskedFor(t *testing.T) {
	row := `{"number":7,"replicas":[{"broker":1,"raft":1}]},{"number":8,"replicas":[{"broker":2,"raft":1}]}`
	view := viewOf(t, row)
	b := newBalanceBench(t, ledBy(view, 7, 1, []uint64{1}, nil, 1))
	b.send(&viewChanged{})
	if got := asked[*metadata.MoveReplicas](b); len(got) != 0 {
		t.Fatalf("nothing is needed: %v", got)
	}
	grows, err := view.After([]partition.KeyValue{{Key: []byte("topic/t"), Value: []byte(`{"grows":true,"partitions":[` + row + `]}`)}}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	b.set(ledBy(grows, 7, 1, []uint64{1}, nil, 1))
	for range 100 {
		b.send(&viewChanged{})
		b.pass(20 * time.Millisecond)
	}
	got := asked[*metadata.MoveReplicas](b)
	if len(got) < 3 || len(got) > 5 {
		t.Fatalf("asked %d times in two seconds", len(got))
	}
	if s := fmt.Sprintf("%+v", *got[0]); s != "{Live:[2 4 1] Leaderless:[8]}" {
		t.Error(s)
	}
}

// Leaders on a broker that is being drained hand over at once, ten a second, to replicas that may lead; where there is none they stay.
func TestDrainedBrokerIsRelieved(t *testing.T) {
	rows := `{"number":9,"replicas":[{"broker":1,"raft":1}]}`
	for i := range 15 {
		rows += fmt.Sprintf(`,{"number":%d,"replicas":[{"broker":1,"raft":1},{"broker":3,"raft":3},{"broker":4,"raft":4},{"broker":2,"raft":2}]}`, 10+i)
	}
	view, err := viewOf(t, rows).After([]partition.KeyValue{{Key: []byte("config/broker/1"), Value: []byte(`{"broker.draining":"true"}`)}}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	b := newBalanceBench(t, view, "auto.leader.rebalance.enable=false")
	for number := range kafka.PartitionNumber(16) {
		view = view.With(time.Time{}, messages.Led{Number: 9 + number, Leader: messages.Leader{
			Broker: 1, Epoch: 1, Replica: b.player, Voters: []uint64{1, 2, 3, 4}, InSync: []kafka.BrokerID{1, 2, 3, 4},
		}})
	}
	h, ok := view.RelieveLeader(&view.Image.Topic("t").Partitions[1], 1)
	if !ok || h.To.Broker != 2 { // 3 is not there, and 4 is fenced
		t.Fatalf("%+v, %v", h, ok)
	}
	if _, err := view.PreferLeader(&view.Image.Topic("t").Partitions[1], 1); err == nil {
		t.Error("it leads, and is preferred")
	}
	b.set(view)
	b.send(&viewChanged{})
	b.pass(200 * time.Millisecond)
	first := len(b.moved)
	b.pass(1500 * time.Millisecond)
	if first != 10 || len(b.moved) != 15 {
		t.Errorf("%d at once, and %d after a second", first, len(b.moved))
	}
}

// A broker that is fenced, and does not know it since only the controller does not reach it, is asked to hand over by who takes over from it, ten partitions a second. One that is about to
// serve for the first time is only where it does not come to that, nor is anybody asked for what others are to take over.
func TestWhoTakesOverAsksForIt(t *testing.T) {
	rows := `{"number":9,"replicas":[{"broker":2,"raft":2},{"broker":4,"raft":4},{"broker":1,"raft":1}]}`
	for i := range 15 {
		rows += fmt.Sprintf(`,{"number":%d,"replicas":[{"broker":2,"raft":2},{"broker":1,"raft":1},{"broker":3,"raft":3}]}`, 10+i)
	}
	broker := func(view *messages.View, id, value string) *messages.View {
		t.Helper()
		view, err := view.After([]partition.KeyValue{{Key: []byte("broker/" + id), Value: []byte(value)}}, false, view.Upto+1)
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
	view := broker(broker(viewOf(t, rows), "4", `{"store":"d","host":"four","port":9}`), "2", `{"store":"b","fenced":true}`)
	b := newBalanceBench(t, view, "auto.leader.rebalance.enable=false")
	for number := range kafka.PartitionNumber(16) {
		view = view.With(time.Time{}, messages.Led{Number: 9 + number, Leader: messages.Leader{
			Broker: 2, Epoch: 1, Replica: b.player, Voters: []uint64{1, 2, 3, 4}, InSync: []kafka.BrokerID{1, 2, 3, 4},
		}})
	}
	look := func(view *messages.View) int {
		b.moved = nil
		b.b.router.Set(view) // another node leads the metadata
		b.send(&viewChanged{})
		b.pass(lookAtViewEvery)
		return len(b.moved)
	}
	if n := look(view); n != 0 {
		t.Errorf("%d leaders are asked though their broker has only begun", n)
	}
	if b.pass(serveWithin + moveEvery); len(b.moved) != 15 {
		t.Errorf("%d leaders are asked when their broker has not served for long", len(b.moved))
	}
	look(broker(view, "2", `{"store":"b","host":"two","port":9}`))
	if n := look(view); n != 0 {
		t.Errorf("%d leaders are asked though their broker has only begun again", n)
	}
	cut := broker(view, "2", `{"store":"b","fenced":true,"host":"two","port":9}`)
	if n := look(cut); n != 10 {
		t.Errorf("%d leaders are asked at once", n)
	}
	b.pass(time.Second)
	if len(b.moved) != 15 {
		t.Errorf("%d leaders are asked, and 15 are to be taken over by this node", len(b.moved))
	}
	if n := look(broker(view, "2", `{"store":"b","host":"two","port":9}`)); n != 0 {
		t.Errorf("%d leaders are asked though their broker is not fenced", n)
	}
}

// A broker that was drained and unregistered may still lead for a moment. That keeps nobody from taking over from others.
func TestAnUnregisteredBrokerThatLeads(t *testing.T) {
	rows := `{"number":9,"replicas":[{"broker":9,"raft":9},{"broker":1,"raft":1}]},{"number":10,"replicas":[{"broker":2,"raft":2},{"broker":1,"raft":1}]}`
	view, err := viewOf(t, rows).After([]partition.KeyValue{
		{Key: []byte("config/broker/9"), Value: []byte(`{"broker.draining":"true"}`)}, {Key: []byte("broker/2"), Value: []byte(`{"store":"b","fenced":true,"host":"two","port":9}`)},
	}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	b := newBalanceBench(t, view, "auto.leader.rebalance.enable=false")
	for number, by := range map[kafka.PartitionNumber]kafka.BrokerID{9: 9, 10: 2} {
		view = view.With(time.Time{}, messages.Led{Number: number, Leader: messages.Leader{Broker: by, Epoch: 1, Replica: b.player, Voters: []uint64{1, 2, 9}, InSync: []kafka.BrokerID{1, 2, 9}}})
	}
	b.b.router.Set(view)
	b.send(&viewChanged{})
	b.pass(lookAtViewEvery)
	if len(b.moved) != 1 {
		t.Errorf("%d leaders are asked, and one is to be taken over by this node", len(b.moved))
	}
}
