package supervisor

import (
	"context"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-kit/log"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/metadata"
)

// A controller that leaves hands the metadata over, so that for a moment there is none. It waits until there is, and asks the new one to fence it, again where that does not hear it at first.
func TestControllerThatLeavesIsFenced(t *testing.T) {
	view, err := viewOf(t, "").After([]partition.KeyValue{{Key: []byte("broker/1"), Value: []byte(`{"store":"a","incarnation":"7","host":"one","port":9}`)}}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	system := actors.NewSystem(actors.Options{Address: "1", Incarnation: 7})
	defer system.Shutdown(time.Second)
	router := messages.NewRouter()
	led := func(broker kafka.BrokerID, epoch kafka.LeaderEpoch, by *actor.PID) messages.Led {
		return messages.Led{Number: kafka.MetadataPartition, Leader: messages.Leader{Broker: broker, Epoch: epoch, Replica: by, Coordinator: by}}
	}
	asked := 0
	player, err := system.Spawn(nil, actors.Kind{Name: "player"}, "player", func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *messages.HandOver: // this node leads nothing any more
				router.Set(view)
				system.After(50*time.Millisecond, ctx.Self(), "elected")
			case string:
				router.Set(view.Of(system.Now(), &messages.Leaders{Node: 2, Led: []messages.Led{led(2, 2, ctx.Self())}}))
			case *messages.Coordinate:
				q, ok := m.Body.(*metadata.FenceBroker)
				if !ok || *q != (metadata.FenceBroker{ID: 1, Incarnation: 7}) {
					t.Errorf("the controller is asked for %+v", m.Body)
				}
				if asked++; asked > 1 {
					fenced, err := router.View().After([]partition.KeyValue{{Key: []byte("broker/1"), Value: []byte(`{"store":"a","incarnation":"7","fenced":true,"host":"one","port":9}`)}}, false, 3)
					if err != nil {
						t.Error(err)
					}
					router.Set(fenced)
				}
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	router.Set(view.With(system.Now(), led(1, 1, player)))
	n := &Node{
		o: Options{Logger: log.NewNopLogger()}, system: system, done: make(chan struct{}),
		tree: &builder{o: treeOptions{NodeID: 1, Incarnation: 7, Network: &simLinks{}}, system: system, router: router, node: player, partitions: player, membership: player},
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n.leave(ctx)
	if !router.View().Image.Broker(1).Fenced {
		t.Error("it leaves, and clients are not told")
	}
}
