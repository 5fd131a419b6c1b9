package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The numbers are those of Apache Kafka without an authorizer.
func TestAuthorizedOperations(t *testing.T) {
	b := newBench(t, func(o *Options) { o.AutoCreateTopics = false })
	for asked, want := range map[bool][2]int32{true: {3576, 8096}, false: {notAsked, notAsked}} {
		q := metadataRequest(10, "orders", "unknown")
		q.IncludeTopicAuthorizedOperations, q.IncludeClusterAuthorizedOperations = asked, asked
		a := response[*kmsg.MetadataResponse](b, b.send(q))
		if a.Topics[0].AuthorizedOperations != want[0] || a.Topics[1].AuthorizedOperations != want[0] || a.AuthorizedOperations != want[1] {
			t.Errorf("asked: %v: %+v", asked, a)
		}
		describe := kmsg.NewPtrDescribeClusterRequest()
		describe.IncludeClusterAuthorizedOperations = asked
		if a := response[*kmsg.DescribeClusterResponse](b, b.send(describe)); a.ClusterAuthorizedOperations != want[1] {
			t.Errorf("asked: %v: %+v", asked, a)
		}
	}
	a := response[*kmsg.DescribeTopicPartitionsResponse](b, b.send(kmsg.NewPtrDescribeTopicPartitionsRequest()))
	if a.Topics[0].AuthorizedOperations != 3576 {
		t.Errorf("%+v", a)
	}
	if groupOperations != 3400 {
		t.Errorf("groups: %d", groupOperations)
	}
}
