package api

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/actors/messages"
	"troupe/partition"
)

// Clients are not sent to a fenced broker, or to one that is not there; who asks for them is told of them.
func TestFencedBrokers(t *testing.T) {
	b := newBench(t, nil)
	image, err := b.env.Router.View().Image.Apply([]partition.KeyValue{
		{Key: []byte("broker/2"), Value: []byte(`{"store":"b","fenced":true,"host":"there","port":9093}`)},
		{Key: []byte("broker/3"), Value: []byte(`{"store":"c","host":"gone","port":9094}`)},
		{Key: []byte("broker/4"), Value: []byte(`{"store":"d","host":"yonder","port":9095}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.env.Router.Set(messages.NewView(image).Live(2).Live(4))
	metadata := response[*kmsg.MetadataResponse](b, b.send(metadataRequest(13)))
	if len(metadata.Brokers) != 2 || metadata.Brokers[0].NodeID != 1 || metadata.Brokers[1].NodeID != 4 {
		t.Errorf("Metadata: %+v", metadata.Brokers)
	}
	for version := int16(0); version <= 2; version++ {
		for asked, want := range map[bool]string{false: "1 here:9092 false;4 yonder:9095 false;", true: "1 here:9092 false;2 there:9093 true;3 gone:9094 true;4 yonder:9095 false;"} {
			q := kmsg.NewPtrDescribeClusterRequest()
			q.Version, q.IncludeFencedBrokers = version, asked
			got := ""
			for _, n := range response[*kmsg.DescribeClusterResponse](b, b.send(q)).Brokers {
				got += fmt.Sprintf("%d %s:%d %v;", n.NodeID, n.Host, n.Port, n.IsFenced)
			}
			if version < 2 {
				want = "1 here:9092 false;4 yonder:9095 false;"
			}
			if got != want {
				t.Errorf("version %d, fenced asked for: %v: %s, want %s", version, asked, got, want)
			}
		}
	}
}

// A node that is cut off from the others sends its clients to them.
func TestBrokersOfAMinority(t *testing.T) {
	b := newBench(t, nil)
	image, err := b.env.Router.View().Image.Apply([]partition.KeyValue{
		{Key: []byte("broker/2"), Value: []byte(`{"store":"b","host":"there","port":9093}`)},
		{Key: []byte("broker/3"), Value: []byte(`{"store":"c","host":"gone","port":9094}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.env.Router.Set(messages.NewView(image))
	if m := response[*kmsg.MetadataResponse](b, b.send(metadataRequest(13))); len(m.Brokers) != 3 {
		t.Errorf("Metadata of a node that sees no other: %+v", m.Brokers)
	}
	b.env.Router.Set(messages.NewView(image).Live(2))
	if m := response[*kmsg.MetadataResponse](b, b.send(metadataRequest(13))); len(m.Brokers) != 2 {
		t.Errorf("Metadata of a node that sees a majority: %+v", m.Brokers)
	}
}
